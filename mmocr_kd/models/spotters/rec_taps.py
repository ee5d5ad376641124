"""What of a recogniser's work a spotter can be distilled by."""
from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Sequence

import torch
from torch import Tensor

from ...adapters.recognition import (
    labels_of,
    prepare_targets,
    reading_sources,
    teacher_forcing,
)
from ...distill import Recorder, Source
from ...losses import Labels


@dataclass(frozen=True)
class RecTaps:
    """How a spotter read N annotated words, teacher-forced.

    Args:
        roi_feature: Visual feature of each word, shape (N, C, h, w) as a rule.
        context: Contextual feature, shape (N, L, D) as a rule.
        logits: Raw logits, shape (N, T, V); step t predicts ``targets[:, t]`` (CTC: frame t).
        labels: The ground truth.
        image_index: Which image each word is in, long, shape (N,).
    """

    roi_feature: Tensor
    context: Tensor
    logits: Tensor
    labels: Labels
    image_index: Tensor

    @property
    def features(self) -> dict[str, Tensor]:
        """What was recorded, by name."""
        return {'roi_feature': self.roi_feature, 'context': self.context, 'logits': self.logits}

    @property
    def targets(self) -> Tensor:
        """Characters and, if the dictionary has one, the end token; long, shape (N, T)."""
        return self.labels.indexes

    @property
    def valid(self) -> Tensor:
        """Which targets count, bool, shape (N, T)."""
        steps = torch.arange(self.targets.shape[1], device=self.targets.device)
        return steps < self.labels.lengths[:, None]

    @property
    def is_ctc(self) -> bool:
        """Whether the targets are to be aligned with the logits (CTC)."""
        return self.labels.is_ctc


class RecTapReader:
    """Records a recogniser while it reads; in training and in eval mode alike.

    Args:
        roi: Dotted path of the module whose output is the visual feature. By default the
            backbone; for recognisers without one, what suits the decoder.
        context: Likewise for the contextual feature. By default the encoder between backbone and
            decoder; without one what the classifier sees of each frame (CRNN: the output of its
            BiLSTMs) or character.
        valid_steps: See :func:`~mmocr_kd.adapters.recognition.labels_of`.
    """

    def __init__(self, roi: str | None = None, context: str | None = None,
                 valid_steps: int | None = None) -> None:
        self.roi = roi
        self.context = context
        self.valid_steps = valid_steps
        self._recorder: Recorder | None = None

    def read(self, recognizer: Any, crops: Tensor, data_samples: Sequence[Any],
             image_index: Tensor, with_loss: bool) -> tuple[dict[str, Any], RecTaps]:
        """Read words along their labels.

        Args:
            recognizer: Always the same one: hooks are put on it at the first call.
            crops: Normalised words, shape (N, C, H, W), N > 0.
            data_samples: N samples with texts.
            image_index: Passed on.
            with_loss: Whether to compute the recogniser's own losses too, from the same pass.

        Returns:
            The losses, none without ``with_loss``, and the taps.

        Raises:
            TypeError: If decoders of this type are not known.
            RecordingError: If a path does not exist.
        """
        if self._recorder is None:
            self._recorder = Recorder(recognizer, self._sources(recognizer))
        prepare_targets(recognizer.decoder, data_samples)
        self._recorder.start()
        with teacher_forcing(recognizer):
            output = recognizer(crops, data_samples, mode='loss' if with_loss else 'tensor')
        taps = self._recorder.stop()
        labels = labels_of(recognizer.decoder, data_samples, taps['logits'], self.valid_steps)
        return output if with_loss else {}, RecTaps(
            taps['roi'], taps['context'], taps['logits'], labels, image_index)

    def _sources(self, recognizer: Any) -> dict[str, Source]:
        found = reading_sources(recognizer.decoder)
        roi = self.roi or ('backbone' if recognizer.with_backbone else found.visual)
        context = self.context
        if context is None and recognizer.with_encoder and roi != 'encoder':
            context = 'encoder'
        return {'logits': _first_order(found.logits), 'roi': Source(roi),
                'context': Source(context) if context else _first_order(found.glimpses)}


def _first_order(source: Source) -> Source:
    """PARSeq reads a batch in several orders, (P, N, T, D), the first from left to right."""

    def pick(value: Any) -> Tensor:
        recording = value if source.pick is None else source.pick(value)
        return recording[0] if recording.dim() == 4 else recording

    return replace(source, pick=pick)
