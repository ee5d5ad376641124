"""From configs to distillation terms for text detectors, and to teachers of anything."""
from __future__ import annotations

from functools import partial
from typing import Any, Sequence

from mmocr.registry import MODELS
from torch import Tensor, nn

from ..distill import Schedule, Teacher, TensorComparison, Term, build_weight
from ..losses.pixel_loss import DRAWN_MASKS
from .text_logits import build_source, shared_features, text_logits
from .text_mask import draw_text_mask


def build_terms(terms: Sequence[dict[str, Any]],
                teacher: dict[str, Any] | Teacher | None = None,
                schedule: dict[str, Any] | None = None) -> dict[str, Term]:
    """Build several terms of a detector.

    Args:
        terms: Fields of :func:`build_term`, of each; ``teacher`` and ``schedule`` are configs, and
            ``adaptor`` is one.
        teacher: Who teaches in terms that do not say: a config, or built.
        schedule: When terms that do not say count.

    Returns:
        'term0', 'term1', ... -> term. Teachers of equal configs are one, who runs once.

    Raises:
        ValueError: If there are none, or one has no teacher.
        TypeError: If a field is unknown, or of another type.
    """
    if not terms:
        raise ValueError('terms is empty: nothing is distilled')
    configs = [term.get('teacher') or teacher for term in terms]
    if None in configs:
        raise ValueError(f'terms[{configs.index(None)}] has no teacher: give it one, or one for '
                         'all beside terms')
    teachers = build_teachers([config for config in configs if config is not None])
    built = {}
    for place, (term, each) in enumerate(zip(terms, teachers)):
        fields = {'schedule': schedule, 'name': f'term{place}', **term, 'teacher': each}
        if fields.get('adaptor') is not None:
            fields['adaptor'] = MODELS.build(fields['adaptor'])
        built[f'term{place}'] = build_term(**fields)
    return built


def build_term(loss: dict[str, Any] | None = None,
               source: str | dict[str, Any] = 'text_logits',
               mask: str | None = None,
               adaptor: nn.Module | None = None,
               teacher: Teacher | None = None,
               schedule: dict[str, Any] | None = None,
               loss_weight: float | str = 1.0,
               name: str = 'distill',
               **weight: float) -> Term:
    """Build one comparison of student and teacher, and its loss.

    Args:
        loss: Config of a loss registered in ``MODELS``; by default ``MaskETLoss`` as it stands.
        source: What to record on both sides, see
            :func:`~mmocr_kd.adapters.text_logits.build_source`; ``dict(student=..., teacher=...)``
            where the two differ.
        mask: Where the loss looks, instead of what its own config says.
        adaptor: Trainable map from the student's recording to the teacher's space.
        teacher: Who teaches.
        schedule: When the term counts, fields of :class:`~mmocr_kd.distill.Schedule`.
        loss_weight: Factor of all that the loss gives, on top of its own weights; 'auto': it is
            solved for, see :class:`~mmocr_kd.distill.AutoWeight`.
        name: What messages call the recording.
        **weight: ``share`` and ``every`` of 'auto'.

    Returns:
        The term; it draws the mask its loss asks for (``loss.mask``).
    """
    loss = loss or {'type': 'MaskETLoss'}
    built = MODELS.build(loss if mask is None else {**loss, 'mask': mask})
    kind = getattr(built, 'mask', 'none')
    draw = partial(_draw, kind=kind, include_ignored=built.include_ignored) \
        if kind in DRAWN_MASKS else None
    pair = isinstance(source, dict) and source.keys() == {'student', 'teacher'}
    ours, theirs = (build_source(source[side] if pair else source)  # type: ignore[index]
                    for side in ('student', 'teacher'))
    shared = shared_features if ours is text_logits else ours
    comparison = TensorComparison(ours, theirs, draw, adaptor, shared, name)
    return Term(built, comparison, teacher, Schedule(**(schedule or {})),
                build_weight(loss_weight, **weight))


def build_teacher(teacher: dict[str, Any], kind: str = 'ModelTeacher') -> Teacher:
    """Build a teacher.

    Args:
        teacher: Its config; the field ``evaluate`` is one of every teacher.
        kind: What ``type`` is by default.

    Raises:
        TypeError: If the config builds something else.
    """
    fields = {'type': kind, **teacher}
    evaluate = fields.pop('evaluate', False)
    built = MODELS.build(fields)
    if not isinstance(built, Teacher):
        raise TypeError(f'teacher={teacher!r} builds a {type(built).__name__}, which is no Teacher')
    built.evaluate = bool(evaluate)
    return built


def build_teachers(teachers: Sequence[dict[str, Any] | Teacher],
                   kind: str = 'ModelTeacher') -> list[Teacher]:
    """Build the teachers of several terms: equal configs are one teacher, who runs once.

    Args:
        teachers: Their configs; those that are built stay what they are.
        kind: See :func:`build_teacher`.

    Returns:
        One for each config.
    """
    built: list[Teacher] = []
    for place, config in enumerate(teachers):
        first = list(teachers).index(config)
        if isinstance(config, Teacher):
            built.append(config)
        else:
            built.append(build_teacher(config, kind) if first == place else built[first])
    return built


def _draw(inputs: Tensor, data_samples: Sequence[Any], recording: Tensor, kind: str,
          include_ignored: bool) -> Tensor:
    height, width = inputs.shape[-2:]
    return draw_text_mask(data_samples, recording, (height, width), kind, include_ignored)
