"""A weight that is solved for instead of searched for."""
from __future__ import annotations

import math
from typing import Sequence

import torch
from mmengine.dist import all_reduce
from torch import Tensor
from torch._functorch import config as functorch

from .errors import RecordingError
from .progress import training_hub, uncompiled

# Gradients of float16 features lose what is below 6e-8: they are taken this much larger.
_HALF_SCALE = 4096.


class AutoWeight:
    """The weight at which a term pulls at the student's features as hard as wanted.

    With g, the norm of a loss's gradient with respect to the shared features (of the whole batch,
    on all ranks), the weight is ``share * g(task) / g(term)``; GradNorm (Chen et al., ICML 2018)
    balances such norms, too, by training the weights. It is solved for anew every ``every`` steps,
    and the geometric mean of the old and the new one counts then (our choice: one batch is a poor
    sample). That costs two backward passes from the losses to the features, in these steps alone,
    and one wait for the device. A batch in which the task or the term has no gradient, or one that
    is not finite, tells nothing: the next one is asked.

    The state is kept in MMEngine's message hub, and resumed with it; model and checkpoint know
    nothing of it.

    Args:
        share: Of the norm of the task's gradient, > 0.
        every: Steps between two solutions, >= 1.

    Raises:
        ValueError: If a field is out of its range.
    """

    def __init__(self, share: float = 0.5, every: int = 50) -> None:
        if not (math.isfinite(share) and share > 0):
            raise ValueError(f'share={share} must be a finite number > 0')
        if not (isinstance(every, int) and every >= 1):
            raise ValueError(f'every={every!r} must be an integer >= 1')
        if hasattr(functorch, 'donated_buffer'):
            # A compiled model would free what a second backward pass needs.
            functorch.donated_buffer = False
        self.share = share
        self.every = every
        self._value: float | None = None
        self._wait = 0  # steps until the next solution
        self._resumed = False

    @uncompiled  # it reads what changes from step to step
    def step(self, name: str, task: Sequence[Tensor], term: Sequence[Tensor],
             shared: Tensor) -> float:
        """The weight of this step.

        Args:
            name: Of the term, for the message hub.
            task: The losses of the student's own task; they are summed.
            term: Those of the term, without this weight.
            shared: The features, part of both graphs.

        Returns:
            1 until there is a first solution.

        Raises:
            RecordingError: If no gradient reaches the features.
        """
        self._resume(name)
        if torch.is_grad_enabled():
            if self._wait <= 0:
                self._solve(*_norms([total(task), total(term)], shared))
            self._wait -= 1
            self._save(name)
        return 1.0 if self._value is None else self._value

    def _solve(self, task: float, term: float) -> None:
        if not (0 < task < math.inf and 0 < term < math.inf):
            return
        found = self.share * task / term
        self._value = found if self._value is None else math.sqrt(self._value * found)
        self._wait = self.every

    def _resume(self, name: str) -> None:
        hub = training_hub()
        if self._resumed or hub is None:
            return
        self._resumed = True
        # A training that stands at its start has nothing to go on from, whatever a hub of the same
        # name remembers.
        state = hub.get_info(_key(name)) if hub.get_info('iter', 0) else None
        if state is not None:
            self._value, self._wait = state['value'], state['wait']

    def _save(self, name: str) -> None:
        hub = training_hub()
        if hub is not None:
            hub.update_info(_key(name), {'value': self._value, 'wait': self._wait})


def build_weight(loss_weight: float | str = 1.0, **fields: float) -> float | AutoWeight:
    """Build the weight of a term.

    Args:
        loss_weight: A number > 0, or 'auto'.
        **fields: ``share`` and ``every`` of :class:`AutoWeight`, for 'auto' alone.

    Raises:
        ValueError: If it is neither, or has fields without a meaning.
    """
    if loss_weight == 'auto':
        return AutoWeight(**fields)  # type: ignore[arg-type]
    if isinstance(loss_weight, str) or not (math.isfinite(loss_weight) and loss_weight > 0):
        raise ValueError(f"loss_weight={loss_weight!r} must be a finite number > 0, or 'auto'")
    if fields:
        raise ValueError(f"{fields} mean nothing to loss_weight={loss_weight}: they are of 'auto'")
    return float(loss_weight)


def _key(name: str) -> str:
    return f'mmocr_kd/auto_weight/{name}'


def total(losses: Sequence[Tensor]) -> Tensor:
    """Sum of the means of losses: what MMEngine learns from."""
    return torch.stack([loss.float().mean() for loss in losses]).sum()


def _norms(losses: list[Tensor], shared: Tensor) -> list[float]:
    """Of the gradients of several losses with respect to the features, over all ranks."""
    if not shared.requires_grad:
        raise RecordingError("loss_weight='auto' compares gradients of the student's features, "
                             'and none reaches them: all that leads to them is frozen; give a '
                             'number instead')
    squares = torch.stack([_squared_norm(loss, shared) for loss in losses])
    all_reduce(squares)
    return squares.sqrt().tolist()


def gradients(loss: Tensor, tensors: Sequence[Tensor]) -> list[Tensor | None]:
    """Of a loss, with respect to tensors; its graph stays for others.

    Args:
        loss: A scalar.
        tensors: Features or parameters, of one type.

    Returns:
        float32, of the shapes of the tensors; None where the loss does not depend on one.
    """
    if not loss.requires_grad:
        return [None] * len(tensors)
    scale = _HALF_SCALE if any(one.dtype == torch.float16 for one in tensors) else 1.0
    found = torch.autograd.grad(loss * scale, tensors, retain_graph=True, allow_unused=True)
    return [None if one is None else one.float() / scale for one in found]


def _squared_norm(loss: Tensor, shared: Tensor) -> Tensor:
    gradient, = gradients(loss, [shared])
    if gradient is None:
        return shared.new_zeros((), dtype=torch.float32)
    return gradient.square().sum()
