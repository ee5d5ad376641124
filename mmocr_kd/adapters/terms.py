"""From configs to distillation terms for text detectors."""
from __future__ import annotations

from functools import partial
from typing import Any, Sequence

from mmocr.registry import MODELS
from torch import Tensor, nn

from ..distill import Teacher, Term
from ..losses.pixel_loss import DRAWN_MASKS
from .text_logits import build_source
from .text_mask import draw_text_mask


def build_term(loss: dict[str, Any],
               source: str | dict[str, Any] = 'text_logits',
               student: str | dict[str, Any] | None = None,
               teacher: str | dict[str, Any] | None = None,
               adaptor: nn.Module | None = None) -> Term:
    """Build one comparison of student and teacher.

    Args:
        loss: Config of a loss registered in ``MODELS``.
        source: What to record on both sides, see
            :func:`~mmocr_kd.adapters.text_logits.build_source`.
        student: What to record in the student instead.
        teacher: What to record in the teacher instead.
        adaptor: Trainable map from the student's recording to the teacher's space.

    Returns:
        The term; it draws the mask its loss asks for (``loss.mask``).
    """
    built = MODELS.build(loss)
    kind = getattr(built, 'mask', 'none')
    draw = partial(_draw, kind=kind, include_ignored=built.include_ignored) \
        if kind in DRAWN_MASKS else None
    return Term(built, build_source(student or source), build_source(teacher or source), draw,
                adaptor)


def build_teacher(teacher: dict[str, Any]) -> Teacher:
    """Build a teacher; ``type`` defaults to 'ModelTeacher'.

    Raises:
        TypeError: If the config builds something else.
    """
    built = MODELS.build({'type': 'ModelTeacher', **teacher})
    if not isinstance(built, Teacher):
        raise TypeError(f'teacher={teacher!r} builds a {type(built).__name__}, which is no Teacher')
    return built


def _draw(inputs: Tensor, data_samples: Sequence[Any], recording: Tensor, kind: str,
          include_ignored: bool) -> Tensor:
    height, width = inputs.shape[-2:]
    return draw_text_mask(data_samples, recording, (height, width), kind, include_ignored)
