"""From configs to distillation terms for recognisers, alone or in a spotter."""
from __future__ import annotations

import math
from operator import itemgetter
from typing import Any, Callable, Mapping, Sequence

from mmengine.structures import LabelData
from mmocr.registry import MODELS
from torch import Tensor, nn

from ...distill import Comparison, Schedule, Teacher, Term, build_weight
from ..terms import build_teachers
from .hypotheses import hypotheses

# (who teaches, name of the loss, the loss) -> what it looks at, which equal keys share.
Compare = Callable[[Teacher | None, str, nn.Module], Comparison]


def reading_term_configs(losses: Mapping[str, dict[str, Any] | None]) -> dict[str, dict[str, Any]]:
    """Each loss as a term: a dict with a ``loss``; None drops one that a config inherits.

    Args:
        losses: Name -> config of a :class:`~mmocr_kd.losses.ReadingLoss`, or a term, a dict with
            that config as its ``loss`` and any of ``teacher``, ``schedule`` (fields of
            :class:`~mmocr_kd.distill.Schedule`) and ``loss_weight``, a further factor, or 'auto'
            with ``share`` and ``every`` (see :class:`~mmocr_kd.distill.AutoWeight`).
    """
    return {name: loss if 'loss' in loss else {'loss': loss}
            for name, loss in losses.items() if loss is not None}


def build_reading_losses(terms: Mapping[str, dict[str, Any]]) -> dict[str, nn.Module]:
    """Build the losses of terms, by name."""
    return {name: MODELS.build(term['loss']) for name, term in terms.items()}


def build_reading_teachers(terms: Mapping[str, dict[str, Any]], losses: Mapping[str, nn.Module],
                           teacher: Any, kind: str) -> tuple[Teacher | None, dict[str, Teacher]]:
    """Build the teachers of losses that want one; of equal configs one, who runs once for a batch.

    Args:
        terms: See :func:`reading_term_configs`.
        losses: Built.
        teacher: Who teaches losses that name nobody else: a config, or built; None: nobody.
        kind: What ``type`` is by default.

    Returns:
        The common one, and that of each loss that wants one.

    Raises:
        ValueError: If one wants a teacher and there is none.
    """
    configs = {name: term.get('teacher') or teacher for name, term in terms.items()
               if wants(losses[name]) is not None}
    for name, config in configs.items():
        if config is None:
            raise ValueError(f"losses[{name!r}] wants a teacher's {wants(losses[name])}, and there "
                             'is no teacher: give it one, or one for all')
    asked = [config for config in (teacher, *configs.values()) if config is not None]
    built = build_teachers(asked, kind)
    common = built.pop(0) if teacher is not None else None
    return common, dict(zip(configs, built))


def build_reading_terms(terms: Mapping[str, dict[str, Any]], losses: Mapping[str, nn.Module],
                        teachers: Mapping[str, Teacher], compare: Compare) -> dict[str, Term]:
    """Build terms of parts that are built.

    Args:
        terms: See :func:`reading_term_configs`.
        losses: Built.
        teachers: Of the losses that want one.
        compare: Makes what a loss looks at.

    Raises:
        ValueError, TypeError: If a field has an unknown name or value.
    """
    return {name: _term(losses[name], teachers.get(name), compare(
        teachers.get(name), name, losses[name]), **term) for name, term in terms.items()}


def wants(loss: Any) -> str | None:
    """What of a teacher a loss looks at, see :class:`~mmocr_kd.losses.ReadingLoss`."""
    return getattr(loss, 'wants', 'feature')


def bind_to_read(teacher: Teacher, student: nn.Module) -> None:
    """Get a teacher ready for :func:`read_freely`.

    Args:
        teacher: One network of MMOCR, or who knows hypotheses.
        student: How it normalises counts.

    Raises:
        RecordingError: If the teacher is neither.
    """
    teacher.bind(student, {} if len(teacher.networks) == 1 else {'hypotheses': hypotheses})


def read_freely(teacher: Teacher, images: Tensor, data_samples: Sequence[Any]) -> Sequence[Any]:
    """Let a teacher read words.

    Args:
        teacher: Went through :func:`bind_to_read`.
        images: N words as the student normalises them, shape (N, C, H, W).
        data_samples: N samples.

    Returns:
        The samples with ``pred_text``; of hypotheses the most probable.
    """
    if len(teacher.networks) == 1:
        seen = teacher.prepare(images)  # type: ignore[attr-defined]
        return teacher.networks[0].predict(seen, data_samples)
    for sample, readings in zip(data_samples, teacher(images, data_samples)['hypotheses']):
        text, log_prob = max(readings, key=itemgetter(1), default=('', -math.inf))
        sample.pred_text = LabelData(item=text, score=[math.exp(log_prob)] * len(text))
    return data_samples


def _term(built: nn.Module, by: Teacher | None, comparison: Comparison,
          schedule: dict[str, Any] | None = None, loss_weight: float | str = 1.0, loss: Any = None,
          teacher: Any = None, **weight: float) -> Term:
    return Term(built, comparison, by, Schedule(**(schedule or {})),
                build_weight(loss_weight, **weight))
