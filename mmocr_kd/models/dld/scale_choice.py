"""Which scale each image of a batch is seen at."""
from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Sequence

import torch
from torch import Tensor

from ...losses import check_scale_factors
from ..graph import is_drawn
from ..selectors import ResolutionSelector

_NO_GRAPH = (
    'which scale is chosen depends on what an image shows, and sizes in a graph do not: export '
    'model.selector and model.student, each by itself, and shrink between them as docs/tools.md '
    'shows; or set test_scale, for a graph that always sees images at that scale')


@dataclass(frozen=True)
class ScaleChoice:
    """The scales of B images, and how they came about.

    Args:
        scales: B factors in (0, 1].
        candidates: The K scales to choose from, rising.
        logits: The selector's, shape (B, K); None if nobody looked at the images.
        decisions: One-hot rows, with the selector's gradient if drawn, shape (B, K); or None.
    """

    scales: list[float]
    candidates: tuple[float, ...]
    logits: Tensor | None = None
    decisions: Tensor | None = None

    def note(self, data_samples: Sequence[Any]) -> None:
        """Write into predictions which scale they were made at.

        Args:
            data_samples: B samples; they get ``dld_scale`` and, if a selector chose it,
                ``dld_scale_index``, its position among the candidates, and ``dld_scale_probs``,
                K probabilities.
        """
        for i, (sample, scale) in enumerate(zip(data_samples, self.scales)):
            meta: dict[str, Any] = {'dld_scale': scale}
            if self.logits is not None:
                meta['dld_scale_index'] = self.candidates.index(scale)
                meta['dld_scale_probs'] = self.logits[i].float().softmax(-1).tolist()
            sample.set_metainfo(meta)

    def statistics(self) -> dict[str, Tensor]:
        """What a training log should show; no name contains 'loss'.

        Returns:
            ``res_scale_mean`` and, of a selector, ``res_entropy``, the mean entropy of its
            probabilities in nats: log K at the start, 0 when it is sure.
        """
        mean = torch.tensor(self.scales).mean()
        if self.logits is None:
            return {'res_scale_mean': mean}
        log_probs = self.logits.detach().float().log_softmax(-1)
        entropy = -(log_probs.exp() * log_probs).sum(-1).mean()
        return {'res_scale_mean': mean, 'res_entropy': entropy}


class ScaleChooser:
    """Chooses by a selector, or without one.

    Args:
        selector: Looks at the images; None for fixed or random scales.
        scale_factors: Candidates without a selector: one is fixed; of several each image of a
            training batch gets one at random (the official code's SKD-only training), and
            prediction needs ``test_scale``.
        test_scale: Every image is predicted at this scale, in (0, 1].

    Raises:
        ValueError: If both or neither of selector and scales are given, a scale is impossible, or
            there are several and no ``test_scale``.
        TypeError: If the selector is something else.
    """

    def __init__(self, selector: ResolutionSelector | None,
                 scale_factors: Sequence[float] | None, test_scale: float | None = None) -> None:
        if (selector is None) == (scale_factors is None):
            raise ValueError('give either a selector, which has scale_factors of its own, or '
                             f'scale_factors, not both or neither; got selector={selector}, '
                             f'scale_factors={scale_factors}')
        if not isinstance(selector, (ResolutionSelector, type(None))):
            raise TypeError(f'selector builds a {type(selector).__name__}, expected a '
                            'ResolutionSelector')
        self.selector = selector
        self.candidates = check_scale_factors(
            scale_factors if selector is None else selector.scale_factors)  # type: ignore
        if test_scale is None and selector is None:
            test_scale = _only(self.candidates)
        if test_scale is not None and not 0 < test_scale <= 1:
            raise ValueError(f'test_scale={test_scale} must lie in (0, 1]: images only shrink')
        self.test_scale = test_scale

    def draw(self, images: Tensor, data_samples: Sequence[Any] | None) -> ScaleChoice:
        """Choose for training: a selector samples, with gradient.

        Args:
            images: Normalised, at full resolution, shape (B, 3, H, W).
            data_samples: B samples.
        """
        if self.selector is None:
            indexes = torch.randint(len(self.candidates), (len(images), ))
            return ScaleChoice([self.candidates[i] for i in indexes], self.candidates)
        logits = self.selector(images, data_samples)
        decisions = self.selector.sample(logits)
        return self._choice(logits, decisions.detach().argmax(-1), decisions)

    def decide(self, images: Tensor, data_samples: Sequence[Any] | None) -> ScaleChoice:
        """Choose for prediction: always the same for the same image.

        Args:
            images: As above.
            data_samples: As above.

        Raises:
            RuntimeError: If a graph is drawn (ONNX, tracing) in which the choice would be fixed.
        """
        if self.test_scale is not None:
            return ScaleChoice([self.test_scale] * len(images), self.candidates)
        assert self.selector is not None  # the constructor saw to that
        if is_drawn():
            raise RuntimeError(_NO_GRAPH)
        logits = self.selector(images, data_samples)
        return self._choice(logits, self.selector.select(logits))

    def _choice(self, logits: Tensor, indexes: Tensor,
                decisions: Tensor | None = None) -> ScaleChoice:
        return ScaleChoice([self.candidates[i] for i in indexes.tolist()], self.candidates, logits,
                           decisions)


def _only(candidates: tuple[float, ...]) -> float:
    if len(candidates) > 1:
        raise ValueError(f'scale_factors={list(candidates)} without a selector: say by '
                         'test_scale at which of them to predict')
    return candidates[0]
