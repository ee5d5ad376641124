"""A spotter as a teacher of reading."""
from __future__ import annotations

from typing import Any, Callable, Mapping, Sequence

import torch
from mmocr.registry import MODELS
from torch import Tensor, nn

from ...adapters.recognition import (
    reading_attention,
    reading_context,
    reading_glimpses,
    reading_logits,
    reading_roi,
    reading_visual,
)
from ...distill import ModelTeacher, RecordingError
from ...distill.precision import computing_in
from ...distill.recorder import SourceLike
from ...distill.renormalize import Normalization, Renormalize
from ...losses import Reading
from ..spotters import DistillableSpotter, Words, distillable

# What is asked of recognisers -> where a reading has it.
_TOLD: dict[Any, Callable[[Reading], Tensor | None]] = {
    reading_logits: lambda reading: reading.logits[0],
    reading_glimpses: lambda reading: next(iter(reading.glimpses), None),
    reading_visual: lambda reading: reading.visual,
    reading_attention: lambda reading: reading.attention,
    reading_roi: lambda reading: reading.roi,
    reading_context: lambda reading: reading.context,
}


@MODELS.register_module()
class SpotterTeacher(ModelTeacher):
    """Reads the annotated words at full resolution, in eval mode; its detection never runs.

    See :class:`~mmocr_kd.distill.ModelTeacher` for the fields.
    """

    follows_labels = True

    def bind(self, student: nn.Module, wanted: Mapping[str, SourceLike] | None = None) -> None:
        """Build the spotter; see :meth:`Teacher.bind`.

        Raises:
            RecordingError: If something else is wanted than what belongs to a reading.
        """
        self._wanted = dict(wanted or {})
        if foreign := {name: what for name, what in self._wanted.items() if what not in _TOLD}:
            raise RecordingError(f'a SpotterTeacher cannot give {foreign}: it reads along the '
                                 'labels; hypotheses need a RecognizerTeacher or a black box')
        self._renormalize = Renormalize(Normalization.of(student), Normalization.of(self.build()))

    def __call__(self, inputs: Tensor, data_samples: Sequence[Any] | None,
                 words: Words | None = None) -> dict[str, Any]:
        """Read; see :meth:`Teacher.__call__`.

        Args:
            inputs: See :meth:`read`.
            data_samples: Likewise.
            words: Likewise; by default the annotated words.

        Returns:
            What was wanted of the reading, and the 'reading' itself.
        """
        assert data_samples is not None  # they say where words are
        words = self.spotter.words_of(data_samples) if words is None else words
        reading = self.read(inputs, data_samples, words)
        if reading is None:
            return {}
        told = {name: _TOLD[what](reading) for name, what in self._wanted.items()}
        return {'reading': reading, **{name: part for name, part in told.items()
                                       if part is not None}}

    @property
    def spotter(self) -> DistillableSpotter:
        """What reads.

        Raises:
            TypeError: If the model is no spotter with a recognition branch.
        """
        return distillable(self.build())

    @torch.no_grad()
    def read(self, inputs: Tensor, data_samples: Sequence[Any],
             words: Words) -> Reading | None:
        """Read the words along their labels.

        Args:
            inputs: The student's batch at full resolution, shape (B, 3, H, W).
            data_samples: B samples.
            words: Words of these images.

        Returns:
            The reading, None without words.
        """
        images = self.prepare(inputs)
        with computing_in(self.dtype, inputs.device.type):
            return self.spotter.read_along(images, data_samples, words)
