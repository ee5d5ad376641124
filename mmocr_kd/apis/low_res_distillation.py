"""What a low-resolution distillation's config trains, and beside whom."""
from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any

from mmengine.config import Config
from mmocr.registry import MODELS

from ..models.recognizers import LowResRecognizerDistiller
from .read_config import class_of


@dataclass
class LowResDistillation:
    """The parts of a config with a ``LowResRecognizerDistiller``; copies, free to be changed.

    Args:
        model: Config of the distiller.
    """

    model: dict[str, Any]

    @property
    def teachers(self) -> list[dict[str, Any]]:
        """Configs of the teachers, as they stand in the model; equal ones once."""
        losses = self.model['losses'].values()
        configs = [config for config in (self.model.get('teacher'), *(
            loss.get('teacher') for loss in losses)) if config]
        return [config for place, config in enumerate(configs) if config not in configs[:place]]

    def labels_only(self) -> dict[str, Any]:
        """Config of the same training without distillation.

        Returns:
            The distiller with the losses that need no teacher, or, if there are none,
            ``HardLabelLoss``. The student does not start from the teacher.
        """
        model = copy.deepcopy(self.model)
        losses = {name: loss for name, loss in model['losses'].items() if not _needs_teacher(loss)}
        losses = losses or {'hard': {'type': 'HardLabelLoss'}}
        return {**model, 'losses': losses, 'init_student_from_teacher': False}


def find_low_res_distillation(cfg: Config) -> LowResDistillation:
    """Find the low-resolution distillation in a config.

    Args:
        cfg: With a ``LowResRecognizerDistiller`` as its model.

    Raises:
        ValueError: If its model is another, or none of its losses needs the teacher.
    """
    if class_of(cfg.model, MODELS) is not LowResRecognizerDistiller:
        raise ValueError(f'{cfg.filename} has a model of type {cfg.model.type}: '
                         'a LowResRecognizerDistiller is needed')
    model = copy.deepcopy(cfg.model)
    if not any(_needs_teacher(loss) for loss in model['losses'].values()):
        raise ValueError(f'{cfg.filename} distils nothing: none of the losses '
                         f'{list(model["losses"])} needs the teacher')
    return LowResDistillation(model)


def _needs_teacher(loss: dict[str, Any]) -> bool:
    return class_of(loss.get('loss', loss), MODELS).wants is not None
