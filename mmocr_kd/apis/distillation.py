"""What a config distils, into what, and from whom."""
from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any

from mmengine.config import Config
from mmocr.registry import HOOKS, MODELS

from ..hooks import MaskETDistillHook
from ..models.detectors import DBNetDistiller
from ..models.dld import DLDTextDetector, DLDTextSpotter
from ..models.mutual_distiller import MutualDistiller
from ..models.recognizers import LowResRecognizerDistiller
from .read_config import class_of

_OF_WRAPPER = ('teacher', 'terms', 'schedule')
_DLD: dict[Any, str] = {DLDTextSpotter: 'student', DLDTextDetector: 'detector'}


@dataclass
class Distillation:
    """The parts of a config that distils; copies, free to be changed.

    Args:
        student: Config of the plain student: what the checkpoint is for.
        model: Config of the model that is trained: the same, or a wrapper of it.
        hooks: Configs of the distillation hooks.
        terms: Configs of the comparisons, each with its ``teacher``, without adaptors: what
            :func:`~mmocr_kd.adapters.build_terms` builds.
    """

    student: dict[str, Any]
    model: dict[str, Any]
    hooks: list[dict[str, Any]]
    terms: list[dict[str, Any]]

    @property
    def teachers(self) -> list[dict[str, Any]]:
        """Configs of the teachers, as they stand in the model or the hook; equal ones once."""
        configs = [term['teacher'] for term in self.terms]
        return [config for place, config in enumerate(configs) if config not in configs[:place]]


def find_distillation(cfg: Config) -> Distillation:
    """Find the distillation in a config.

    Args:
        cfg: With one ``MaskETDistillHook`` or a ``DBNetDistiller``.

    Raises:
        ValueError: If it has neither, or more than one.
    """
    hooks = [hook for hook in cfg.get('custom_hooks') or [] if _is_ours(hook)]
    wrapped = class_of(cfg.model, MODELS) is DBNetDistiller
    if len(hooks) + wrapped != 1:
        raise ValueError(
            f'{cfg.filename} has {len(hooks)} MaskETDistillHook in custom_hooks and a model of '
            f'type {cfg.model.type}: exactly one hook, or a DBNetDistiller, is needed')
    return _from_wrapper(cfg.model) if wrapped else _from_hook(cfg.model, hooks[0])


def student_config(model: dict[str, Any], peer: bool = False) -> dict[str, Any]:
    """The plain student in a model's config.

    Args:
        model: Config of a plain model or of one of this package's distilling wrappers.
        peer: Of a MutualDistiller, the second student.

    Returns:
        A copy: what the checkpoint is for once the wrapper is gone.

    Raises:
        ValueError: If there is no second student.
    """
    model = copy.deepcopy(model)
    kind = class_of(model, MODELS)
    if kind is MutualDistiller:
        first = model['students'][0]
        shared = {key: first[key] for key in ('data_preprocessor', ) if first.get(key)}
        return {**shared, **model['students'][peer]}
    if peer:
        raise ValueError(f'a {model["type"]} has no second student: only a MutualDistiller has')
    shared = {key: model[key] for key in ('data_preprocessor', ) if model.get(key)}
    if kind is LowResRecognizerDistiller:
        # The wrapper's preprocessor does as well for batches without large words.
        return {**shared, **model['student']}
    if kind in _DLD:
        # Here the student gets what the wrapper's preprocessor makes, whatever its own would.
        return {**model[_DLD[kind]], **shared}
    if kind is not DBNetDistiller:
        return model
    plain = {key: value for key, value in model.items() if key not in _OF_WRAPPER}
    return {**plain, 'type': 'DBNet'}


def _is_ours(hook: Any) -> bool:
    kind = class_of(hook, HOOKS)
    return kind is not None and issubclass(kind, MaskETDistillHook)


def _from_hook(model: dict[str, Any], hook: dict[str, Any]) -> Distillation:
    model, hook = copy.deepcopy(model), copy.deepcopy(hook)
    single = {'loss': hook.get('loss') or {'type': 'MaskETLoss'},
              'source': hook.get('source', 'text_logits')}
    terms = _complete(hook.get('terms') or [single], hook)
    return Distillation(model, model, [hook], terms)


def _from_wrapper(model: dict[str, Any]) -> Distillation:
    model = copy.deepcopy(model)
    return Distillation(student_config(model), model, [], _complete(model['terms'], model))


def _complete(terms: list[dict[str, Any]], common: dict[str, Any]) -> list[dict[str, Any]]:
    """Terms with their teachers, without what is trained or counts in trainings only."""
    left_out = ('adaptor', 'schedule')
    return [{**{key: value for key, value in term.items() if key not in left_out},
             'teacher': term.get('teacher') or common.get('teacher')} for term in terms]
