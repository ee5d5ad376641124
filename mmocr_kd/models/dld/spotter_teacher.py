"""A spotter as a teacher of reading."""
from __future__ import annotations

from typing import Any, Mapping, Sequence

import torch
from mmocr.registry import MODELS
from torch import Tensor, nn

from ...distill import ModelTeacher
from ...distill.recorder import SourceLike
from ...distill.renormalize import Normalization, Renormalize
from ...losses import Reading
from ..spotters import DistillableSpotter, Words, distillable


@MODELS.register_module()
class SpotterTeacher(ModelTeacher):
    """Reads the annotated words at full resolution, in eval mode; its detection never runs.

    See :class:`~mmocr_kd.distill.ModelTeacher` for the fields.
    """

    def bind(self, student: nn.Module, wanted: Mapping[str, SourceLike] | None = None) -> None:
        """Build the spotter; it records for itself, ``wanted`` is not used."""
        self._renormalize = Renormalize(Normalization.of(student), Normalization.of(self.build()))

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
        return self.spotter.read_along(self.prepare(inputs), data_samples, words)
