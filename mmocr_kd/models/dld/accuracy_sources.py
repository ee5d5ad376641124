"""Two answers to the question how good a detector's scale was."""
from __future__ import annotations

from typing import Any, Protocol, Sequence

import torch
from torch import Tensor

from ...adapters import ignored_flags
from ...distill import FiniteCheck
from ...losses import ResolutionAccuracyLoss, ResolutionTaskLoss
from .candidates import evaluating
from .frozen_reader import FrozenReader
from .image_losses import image_losses, lost_share
from .scale_choice import ScaleChoice
from .shrinking import Shrinker


class AccuracySource(Protocol):
    """Rates the scales that were drawn, by what each candidate would have given."""

    def __call__(self, model: Any, choice: ScaleChoice, inputs: Tensor,
                 data_samples: Sequence[Any]) -> dict[str, Tensor]:
        """Rate.

        Args:
            model: The :class:`.DLDTextDetector` that asks.
            choice: With decisions.
            inputs: The batch at full resolution, shape (B, 3, H, W).
            data_samples: Its B samples, annotated.

        Returns:
            ``loss_res_acc``; its gradient reaches the selector alone.
        """
        ...


class ByDetection:
    """By the detection loss of each image at each candidate scale.

    The detector is in eval mode for it, so that batch normalisation keeps its statistics, and no
    image sees more padding than it has alone.

    Args:
        loss: What weighs the losses.
        shrink: How to shrink.
    """

    def __init__(self, loss: ResolutionTaskLoss, shrink: Shrinker) -> None:
        self.loss = loss
        self.shrink = shrink

    def __call__(self, model: Any, choice: ScaleChoice, inputs: Tensor,
                 data_samples: Sequence[Any]) -> dict[str, Tensor]:
        """See :class:`AccuracySource`."""
        losses, lost = [], []
        ignored = ignored_flags(data_samples)
        for scale in choice.candidates:
            small = self.shrink(inputs, data_samples, [scale] * len(inputs))
            with torch.no_grad(), evaluating(model.student):
                losses.append(image_losses(model.student, small.inputs, small.data_samples,
                                           self.shrink.pad_divisor))
            lost.append([lost_share(sample, flags, self.loss.min_side)
                         for sample, flags in zip(small.data_samples, ignored)])
        shares = torch.tensor(lost).to(losses[0], non_blocking=True)
        return self.loss(choice.decisions, torch.stack(losses), shares)


class ByReading:
    """By how a frozen recogniser reads the annotated words at each candidate scale.

    The words are cut out of the shrunk images.

    Args:
        loss: Compares readings with the labels or with the reading at full resolution.
        reader: The recogniser.
        shrink: How to shrink.
        finite: Watches what it gives; whoever asks settles it.
    """

    def __init__(self, loss: ResolutionAccuracyLoss, reader: FrozenReader,
                 shrink: Shrinker, finite: FiniteCheck) -> None:
        self.loss = loss
        self.reader = reader
        self.shrink = shrink
        self.finite = finite

    def __call__(self, model: Any, choice: ScaleChoice, inputs: Tensor,
                 data_samples: Sequence[Any]) -> dict[str, Tensor]:
        """See :class:`AccuracySource`; exactly 0 without words."""
        if not self.reader.bound:
            self.reader.bind(model)
        assert choice.decisions is not None
        words = self.reader.words_of(data_samples)
        if not len(words):
            return {'loss_res_acc': choice.decisions.sum() * 0}
        readings = []
        for scale in choice.candidates:
            small = self.shrink(inputs, data_samples, [scale] * len(inputs))
            readings.append(self.reader.read_along(small.inputs, small.data_samples,
                                                   words.scaled(small.factors)))
        best = None
        for scale, reading in zip(choice.candidates, readings):
            self.finite.watch(f'logits at scale {scale}', reading.logits[0], data_samples)
        if self.loss.needs_teacher:
            best = self.reader.read_along(inputs, data_samples, words).logits[0]
            self.finite.watch('logits', best, data_samples)
        return self.loss(choice.decisions, torch.stack([one.logits[0] for one in readings]),
                         readings[0].image_index, readings[0].labels, best)
