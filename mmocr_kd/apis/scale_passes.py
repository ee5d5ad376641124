"""What a spotter runs at each scale, to be counted and timed."""
from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any, Callable, Mapping, Sequence

import torch
from torch import Tensor

from ..models.dld import Shrinker
from ..models.dld.shrinking import shrinkers
from ..models.spotters import DistillableSpotter, distillable
from .detection_part import DetectionPart


def as_spotter(student: Any) -> DistillableSpotter | None:
    """A model as a spotter that can be distilled.

    Args:
        student: A plain model.

    Returns:
        The spotter; None for a detector, which reads nothing.

    Raises:
        TypeError: If it is a spotter of an unknown kind.
    """
    reads = hasattr(student, 'words_of') or hasattr(student, 'roi_head')
    return distillable(student) if reads else None


def shrinker_of(model: Mapping[str, Any]) -> Shrinker:
    """How a model's images shrink in tests.

    Args:
        model: Config of DLD, or of any other model, whose images DLD would shrink by default.
    """
    return shrinkers(model.get('max_long_edge'), model.get('pad_divisor', 32),
                     model.get('antialias', False))['test']


@dataclass(frozen=True)
class Passes:
    """One image at one scale, counted in two ways.

    Args:
        size: Height and width of what the student sees, padding included.
        published: What the figures of DLD's paper count (its official ``get_flops.py``): backbone,
            neck and the raw output of the dense detection head, on the shrunk image. Neither the
            selector nor a second stage nor the recogniser.
        honest: Everything: selector, shrinking, the whole detector, reading the words; not what
            only sorts out results (suppression, contours).
    """

    size: tuple[int, int]
    published: Callable[[], Any]
    honest: Callable[[], Any]


class ScalePasses:
    """Passes of a spotter or detector on one image with annotated words.

    Reading follows the labels, for as many steps as free reading takes at most.

    Args:
        student: The spotter, or a detector, which reads nothing; in eval mode.
        selector: Looks at the image at full resolution; None for a spotter without.
        inputs: What the student's data preprocessor made of the image, shape (1, 3, H, W).
        data_samples: Its sample, annotated.
        shrink: How images shrink.
    """

    def __init__(self, student: Any, selector: Any, inputs: Tensor, data_samples: Sequence[Any],
                 shrink: Shrinker) -> None:
        self.student = student
        self.selector = selector
        self.inputs, self.data_samples = inputs, data_samples
        self.shrink = shrink
        self._detection = DetectionPart(student)
        self._reads = hasattr(student, 'words_of')
        self._words = student.words_of(data_samples) if self._reads else None

    def at(self, scale: float) -> Passes:
        """A student that is given this scale.

        Args:
            scale: In (0, 1].
        """
        small = self.shrink(self.inputs, self.data_samples, [scale])
        size = small.inputs.shape[-2], small.inputs.shape[-1]
        return Passes(size, partial(self._detect, small.inputs, small.data_samples),
                      partial(self._choose_and_spot, scale))

    def full(self) -> Passes:
        """The teacher: the same spotter at full resolution, without selector."""
        size = self.inputs.shape[-2], self.inputs.shape[-1]
        return Passes(size, partial(self._detect, self.inputs, self.data_samples), self._spot_full)

    @torch.no_grad()
    def choose(self) -> None:
        """The selector alone, nothing without one."""
        if self.selector is not None:
            self.selector(self._normalized(self.inputs, self.data_samples), self.data_samples)

    @torch.no_grad()
    def _detect(self, inputs: Tensor, data_samples: Sequence[Any]) -> None:
        self._detection.raw(self._normalized(inputs, data_samples))

    def _choose_and_spot(self, scale: float) -> None:
        self.choose()
        small = self.shrink(self.inputs, self.data_samples, [scale])
        words = None if self._words is None else self._words.scaled(small.factors)
        self._spot(small.inputs, small.data_samples, words)

    def _spot_full(self) -> None:
        self._spot(self.inputs, self.data_samples, self._words)

    @torch.no_grad()
    def _spot(self, inputs: Tensor, data_samples: Sequence[Any], words: Any) -> None:
        with self._detection.features_once():
            self._detection.whole(self._normalized(inputs, data_samples), data_samples)
            if words is not None:
                self.student.read_along(inputs, data_samples, words,
                                        full=(self.inputs, self.data_samples))

    def _normalized(self, inputs: Tensor, data_samples: Sequence[Any]) -> Tensor:
        """Spotters with parts normalise for them; detectors were given normalised images."""
        if not self._reads:
            return inputs
        return self.student.normalized(inputs, data_samples)
