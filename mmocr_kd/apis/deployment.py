"""The config that goes with an exported student."""
from __future__ import annotations

from typing import Any

from mmengine.config import Config
from mmocr.datasets.transforms import LoadImageFromFile, LoadImageFromNDArray, LoadOCRAnnotations
from mmocr.registry import HOOKS, METRICS, MODELS, TRANSFORMS

from ..datasets.transforms import CheckedLoadImageFromFile, PackPairedTextRecogInputs
from ..evaluation import ResolutionStatMetric
from ..hooks import (
    BudgetTableHook,
    EMATeacherHook,
    EvaluateTeacherHook,
    GumbelTemperatureHook,
    MaskETDistillHook,
    QuantizationAwareTrainingHook,
    TeacherDataHook,
)
from ..models.dld import DLDTextDetector, DLDTextSpotter
from .distillation import student_config
from .read_config import class_of

_OF_TRAINING = ('train_dataloader', 'train_cfg', 'optim_wrapper', 'param_scheduler',
                'auto_scale_lr', 'load_from', 'resume')
_HOOKS = (BudgetTableHook, EMATeacherHook, EvaluateTeacherHook, GumbelTemperatureHook,
          MaskETDistillHook, QuantizationAwareTrainingHook, TeacherDataHook)
_METRICS = (ResolutionStatMetric, )
_OF_DISTILLATION = {
    DLDTextSpotter: ('teacher', 'losses', 'objective', 'terms', 'schedule', 'train_student',
                     'init_student_from_teacher', 'init_cfg'),
    # The recogniser and what asks for it go together.
    DLDTextDetector: ('objective', 'recognizer', 'terms', 'teacher', 'schedule', 'train_student',
                      'init_cfg'),
}
# Steps of a pipeline -> what MMOCR's inferencers, which go by these names, and plain models know.
_STEPS = {
    CheckedLoadImageFromFile: 'LoadImageFromFile',
    LoadImageFromFile: 'LoadImageFromFile',
    LoadImageFromNDArray: 'LoadImageFromNDArray',
    LoadOCRAnnotations: 'LoadOCRAnnotations',
    PackPairedTextRecogInputs: 'PackTextRecogInputs',  # a plain student takes no second image
}


def deployed_config(cfg: Config, with_selector: bool = False, peer: bool = False) -> Config:
    """What tests the student of a training, and needs nothing else of it.

    Args:
        cfg: The training's config.
        with_selector: Of DLD, keep the selector in front of the student.
        peer: Of a MutualDistiller, take the second student.

    Returns:
        A copy with the plain student, or with the student and its selector, as the model; without
        teacher, losses and what they read with, training data and schedule, weights to start from,
        hooks that distil and, where nothing chooses scales, ``ResolutionStatMetric``. Pipelines
        load images by MMOCR's own step, and pack no large words.

    Raises:
        ValueError: If a selector or a second student is wanted and there is none.
    """
    fields = {key: value for key, value in cfg.to_dict().items() if key not in _OF_TRAINING}
    model = fields['model']
    fields['model'] = (_with_selector(cfg, model) if with_selector
                       else student_config(model, peer))
    if 'custom_hooks' in fields:
        fields['custom_hooks'] = [hook for hook in fields['custom_hooks'] or []
                                  if not _is_a(_HOOKS, HOOKS, hook)]
    for key in ('val_dataloader', 'test_dataloader'):
        fields |= {key: _plain_steps(fields[key])} if fields.get(key) else {}
    if not with_selector:
        for key in ('val_evaluator', 'test_evaluator'):
            fields |= {key: _without_scales(fields[key])} if fields.get(key) else {}
    return Config(fields, filename=cfg.filename)


def predicting_model(model: dict[str, Any]) -> dict[str, Any]:
    """A model's config without what only trains it; what chooses or fixes scales stays.

    Args:
        model: Config of a plain model or of one of this package's distilling wrappers.
    """
    left_out = _OF_DISTILLATION.get(class_of(model, MODELS))
    if left_out is None:
        return student_config(model)
    return {key: value for key, value in model.items() if key not in left_out}


def _with_selector(cfg: Config, model: dict[str, Any]) -> dict[str, Any]:
    if class_of(model, MODELS) not in _OF_DISTILLATION or not model.get('selector'):
        raise ValueError(f'{cfg.filename} has a model of type {model["type"]} with selector='
                         f'{model.get("selector")}: there is no selector to keep')
    return predicting_model(model)


def _plain_steps(part: Any) -> Any:
    """Copy of a data loader's config, or a part of it, with MMOCR's steps in its pipelines."""
    if isinstance(part, dict):
        return {key: [_plain_step(step) for step in value] if key == 'pipeline' and value
                else _plain_steps(value) for key, value in part.items()}
    return [_plain_steps(each) for each in part] if isinstance(part, list) else part


def _plain_step(step: Any) -> Any:
    name = _STEPS.get(class_of(step, TRANSFORMS)) if isinstance(step, dict) else None
    return {**step, 'type': name} if name else step


def _without_scales(evaluator: Any) -> Any:
    """An evaluator's config; what it asks of a model that chooses scales is left out."""
    if isinstance(evaluator, list):
        return [metric for metric in evaluator if not _is_a(_METRICS, METRICS, metric)]
    if 'metrics' in evaluator:
        return {**evaluator, 'metrics': _without_scales(evaluator['metrics'])}
    return [] if _is_a(_METRICS, METRICS, evaluator) else evaluator


def _is_a(kinds: tuple[type, ...], registry: Any, field: Any) -> bool:
    kind = class_of(field, registry)
    return kind is not None and issubclass(kind, kinds)
