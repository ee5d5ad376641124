"""Distillation for any MMOCR text detector, from one entry in ``custom_hooks``."""
from __future__ import annotations

import functools
from typing import Any, NamedTuple, Sequence

import torch
from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper
from mmengine.runner import BaseLoop, EpochBasedTrainLoop, Runner
from mmocr.registry import HOOKS
from torch import Tensor, nn

from ..adapters import build_terms
from ..distill import Distiller, Progress
from .evaluate_teacher_hook import evaluate_teachers
from .teacher_data_hook import prepare_data


class _Call(NamedTuple):
    """Arguments of ``BaseTextDetector.forward``, with its defaults."""

    inputs: Tensor
    data_samples: Any = None
    mode: str = 'tensor'


@HOOKS.register_module()
class MaskETDistillHook(Hook):
    """Adds a distillation loss to an unchanged detector while it trains.

    The detector's config, code and checkpoint stay what they are: PyTorch forward hooks, set in
    ``before_train`` and removed when training ends or raises, run the teacher before each
    training forward and add its loss to the detector's own. Works for DBNet, DBNet++, PSENet and
    PANet, with AMP, gradient accumulation, EMA, DDP and resume. For trainable adaptors use
    :class:`~mmocr_kd.models.detectors.DBNetDistiller`: parameters added by a hook would reach
    neither optimizer nor DDP. Several losses and several teachers are ``terms`` of one hook; of
    several hooks, losses of the first have their plain names, those of the second begin with
    ``distill1.``, and so on.

    Args:
        teacher: Config of a teacher; fields of :class:`~mmocr_kd.distill.ModelTeacher` unless
            ``type`` says otherwise. Built when training starts, so testing needs none.
        loss: Config of the loss, by default :class:`~mmocr_kd.losses.MaskETLoss` as it stands.
        source: What is compared, see :func:`~mmocr_kd.adapters.build_source`.
        schedule: Fields of :class:`~mmocr_kd.distill.Schedule`.
        terms: Instead of ``loss`` and ``source``: several comparisons, each with fields of
            :func:`~mmocr_kd.adapters.build_term` (``loss``, ``source``, ``mask``, ``teacher``,
            ``schedule``, ``loss_weight``, also 'auto' with ``share`` and ``every``). ``teacher``
            and ``schedule`` of the hook are those of terms that have none. Teachers of equal
            configs are one, who runs once for a batch.

    Raises:
        ValueError, TypeError: If a field has an unknown value, or ``terms`` stands beside what it
            replaces.
        RecordingError: When training starts, if the detector has no text probability map.
        FileNotFoundError, CheckpointError: Likewise, if the teacher cannot be loaded.

    Map: terms ``adapters/terms.py``, sources ``adapters/text_logits.py``, masks
    ``adapters/text_mask.py``; a step ``distill/distiller.py``, what it compares
    ``distill/comparison.py``, weights ``distill/auto_weight.py``; losses ``losses/``.
    """

    def __init__(self,
                 teacher: dict[str, Any] | None = None,
                 loss: dict[str, Any] | None = None,
                 source: str | dict[str, Any] = 'text_logits',
                 schedule: dict[str, Any] | None = None,
                 terms: Sequence[dict[str, Any]] | None = None) -> None:
        with torch.random.fork_rng(devices=[]):  # a student starts as it would without a teacher
            self.distiller = Distiller(build_terms(
                _terms(loss, source, terms), teacher, schedule))
        self._handles: list[Any] = []
        self._runner: Runner | None = None
        self._model: nn.Module | None = None
        self._due = False

    def __deepcopy__(self, memo: dict[int, Any]) -> MaskETDistillHook:
        """Copies of a model in training carry its forward hooks; they must not copy the runner."""
        return self

    def before_run(self, runner: Runner) -> None:
        """Prepare the data, and make sure that nothing stays on the model if training raises."""
        # MMEngine has no event for that. Validation and test runs have no built training loop.
        if isinstance(runner._train_loop, BaseLoop):
            loop = runner._train_loop
            prepare_data(loop, self.distiller)
            loop.run = self._detached_after(loop.run)

    def before_train(self, runner: Runner) -> None:
        """Attach to the model: after weights are loaded, DDP is built and EMA has its copy."""
        self._check_loop(runner)
        self._runner = runner
        place = [hook for hook in runner.hooks if isinstance(hook, MaskETDistillHook)].index(self)
        self.distiller.prefix = prefix_of(place)
        model = runner.model.module if is_model_wrapper(runner.model) else runner.model
        _require_detector(model)
        evaluate_teachers(runner, self.distiller)
        self.attach(model)

    def attach(self, model: nn.Module) -> None:
        """Set forward hooks on a model: all it takes in a loop without a runner.

        Args:
            model: The unwrapped detector, with its weights.
        """
        self._model = model
        self.distiller.attach(model)
        self._handles = [
            model.register_forward_pre_hook(self._before_forward, with_kwargs=True),
            model.register_forward_hook(self._after_forward, with_kwargs=True),
        ]

    def after_train(self, runner: Runner) -> None:
        """Detach from the model."""
        self.detach()

    def detach(self) -> None:
        """Take all hooks off the model. May be called repeatedly."""
        for handle in self._handles:
            handle.remove()
        self._handles = []
        self.distiller.detach()
        self._runner = self._model = None

    def _before_forward(self, model: nn.Module, args: tuple, kwargs: dict[str, Any]) -> None:
        call = _Call(*args, **kwargs)
        self._due = call.mode == 'loss' and model is self._model and self.distiller.begin(
            call.inputs, call.data_samples, self._progress())

    def _after_forward(self, model: nn.Module, args: tuple, kwargs: dict[str, Any],
                       losses: Any) -> Any:
        return self.distiller.end(losses) if self._due else None

    def _progress(self) -> Progress | None:
        return self._runner and Progress(self._runner.epoch, self._runner.iter)

    def _detached_after(self, run: Any) -> Any:

        @functools.wraps(run)
        def guarded() -> Any:
            try:
                return run()
            finally:
                self.detach()

        return guarded

    def _check_loop(self, runner: Runner) -> None:
        for term in self.distiller.terms.values():
            if term.schedule.needs_epochs and not isinstance(runner.train_loop,
                                                             EpochBasedTrainLoop):
                raise ValueError(f'schedule={term.schedule} counts epochs, but '
                                 f'{type(runner.train_loop).__name__} has none: set '
                                 'by_epoch=False')


def prefix_of(place: int) -> str:
    """In front of the names of a hook's losses.

    Args:
        place: How many of these hooks come before it.
    """
    return f'distill{place}.' if place else ''


def _require_detector(model: Any) -> None:
    """Not what has a detector: it may see other images than the model gets."""
    inner = 'detector' if hasattr(model, 'detector') else 'student'
    if not hasattr(model, 'det_head') and isinstance(getattr(model, inner, None), nn.Module):
        raise ValueError(
            f'MaskETDistillHook is for a detector, and a {type(model).__name__} has one inside, as '
            f'{inner!r}: remove it from custom_hooks, and give terms=[dict(teacher=..., loss=...)] '
            'to a DLDTextSpotter or DLDTextDetector around it (selector=None, scale_factors=[1.0] '
            'shrinks nothing)')


def _terms(loss: Any, source: Any, terms: Sequence[dict[str, Any]] | None) -> list[dict[str, Any]]:
    if terms is None:
        return [{'loss': loss, 'source': source}]
    if loss is not None or source != 'text_logits':
        raise ValueError(f'terms stands beside loss={loss} or source={source!r}: write these into '
                         'its entries')
    if any(term.get('adaptor') for term in terms):
        raise ValueError('terms has an adaptor, whose parameters neither optimizer nor DDP would '
                         'get from a hook: take a DBNetDistiller')
    return list(terms)
