"""The config that goes with an exported student."""
from __future__ import annotations

import copy
from typing import Any

from mmengine.config import Config
from mmocr.registry import HOOKS, METRICS, MODELS

from ..evaluation import ResolutionStatMetric
from ..hooks import GumbelTemperatureHook, MaskETDistillHook
from ..models.dld import DLDTextDetector, DLDTextSpotter
from .distillation import student_config

_OF_TRAINING = ('train_dataloader', 'train_cfg', 'optim_wrapper', 'param_scheduler',
                'auto_scale_lr', 'load_from', 'resume')
_HOOKS = (GumbelTemperatureHook, MaskETDistillHook)
_METRICS = (ResolutionStatMetric, )
_OF_DISTILLATION = {
    DLDTextSpotter: ('teacher', 'losses', 'train_student', 'init_student_from_teacher', 'init_cfg'),
    # The recogniser and what asks for it go together.
    DLDTextDetector: ('losses', 'acc_source', 'recognizer', 'init_cfg'),
}


def deployed_config(cfg: Config, with_selector: bool = False) -> Config:
    """What tests the student of a training, and needs nothing else of it.

    Args:
        cfg: The training's config.
        with_selector: Of DLD, keep the selector in front of the student.

    Returns:
        A copy with the plain student, or with the student and its selector, as the model; without
        teacher, losses and what they read with, training data and schedule, weights to start from,
        hooks that distil and, where nothing chooses scales, ``ResolutionStatMetric``.

    Raises:
        ValueError: If a selector is wanted and there is none.
    """
    fields = {key: copy.deepcopy(value) for key, value in cfg._cfg_dict.items()
              if key not in _OF_TRAINING}
    fields['model'] = _with_selector(cfg) if with_selector else student_config(cfg.model)
    if 'custom_hooks' in fields:
        fields['custom_hooks'] = [hook for hook in fields['custom_hooks'] or []
                                  if not _is_a(_HOOKS, HOOKS, hook)]
    if not with_selector:
        for key in ('val_evaluator', 'test_evaluator'):
            fields |= {key: _without_scales(fields[key])} if fields.get(key) else {}
    return Config(fields, filename=cfg.filename)


def _with_selector(cfg: Config) -> dict[str, Any]:
    model = copy.deepcopy(cfg.model)
    left_out = _OF_DISTILLATION.get(MODELS.get(model['type']))
    if left_out is None or not model.get('selector'):
        raise ValueError(f'{cfg.filename} has a model of type {model["type"]} with selector='
                         f'{model.get("selector")}: there is no selector to keep')
    return {key: value for key, value in model.items() if key not in left_out}


def _without_scales(evaluator: Any) -> Any:
    """An evaluator's config; what it asks of a model that chooses scales is left out."""
    if isinstance(evaluator, list):
        return [metric for metric in evaluator if not _is_a(_METRICS, METRICS, metric)]
    if 'metrics' in evaluator:
        return {**evaluator, 'metrics': _without_scales(evaluator['metrics'])}
    return [] if _is_a(_METRICS, METRICS, evaluator) else evaluator


def _is_a(kinds: tuple[type, ...], registry: Any, field: Any) -> bool:
    kind = registry.get(field['type']) if isinstance(field, dict) else type(field)
    return kind is not None and issubclass(kind, kinds)
