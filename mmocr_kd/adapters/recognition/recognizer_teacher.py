"""A recogniser that reads along as a teacher."""
from __future__ import annotations

from typing import Any, Sequence

from mmocr.registry import MODELS
from torch import Tensor, nn

from ...distill import ModelTeacher
from .teacher_forcing import teacher_forcing


@MODELS.register_module()
class RecognizerTeacher(ModelTeacher):
    """Reads high-resolution words along their labels, in eval mode.

    See :class:`~mmocr_kd.distill.ModelTeacher` for the fields. Called with the words' images,
    normalised as the student's, and samples with targets, shared with the student: both models
    have the same dictionary.
    """

    follows_labels = True

    def _look(self, model: nn.Module, images: Tensor, data_samples: Sequence[Any] | None) -> None:
        with teacher_forcing(model):
            model(images, data_samples, mode='tensor')
