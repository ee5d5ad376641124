"""How good a teacher is, shown before anybody learns from it."""
from __future__ import annotations

import logging
from typing import Any, Callable, Sequence

import torch
from mmengine.hooks import Hook
from mmengine.logging import print_log
from mmengine.model import is_model_wrapper
from mmengine.runner import Runner
from mmocr.models.textdet.heads import DBHead
from mmocr.registry import HOOKS

from ..adapters import text_logits
from ..distill import Distiller, Teacher

# A preprocessed batch -> its samples with predictions.
Predict = Callable[[dict[str, Any]], Sequence[Any]]


@HOOKS.register_module()
class EvaluateTeacherHook(Hook):
    """Judges the teachers of a distilling model whose configs say ``evaluate=True``.

    For all models of this package that have teachers; :class:`~mmocr_kd.hooks.MaskETDistillHook`
    does the same for its own. Each of them looks once at the validation set, as the student will,
    and the config's own evaluator judges: maps of text go through the student's postprocessor
    (DBNet; other detectors, recognisers that are networks, and spotters predict themselves), of
    hypotheses the most probable counts. In the place of a store, whoever filled it is asked. Scores
    are in the log, and in MMEngine's message hub as ``teacher/<metric>`` (``teacher1/<metric>`` of
    the second one). A resumed training has seen them. Random numbers of the training do not change.

    Raises:
        ValueError: When training starts, if a store is to be judged that does not say who filled
            it, or maps of text that the student makes no polygons of.
        Exception: Likewise, whatever a teacher raises that cannot look at the validation set.

    ``distill/teacher.py`` says what a teacher is; ``adapters/text_logits.py`` where a map is.
    """

    def before_train(self, runner: Runner) -> None:
        """Judge, with weights loaded and before the first step."""
        model = _plain(runner)
        owner = getattr(model, 'distiller', model)
        if not hasattr(owner, 'teachers'):
            raise ValueError(f'EvaluateTeacherHook: a {type(model).__name__} has no '
                             'teacher; leave the hook out')
        evaluate_teachers(runner, owner)


def evaluate_teachers(runner: Runner, owner: Distiller | Any) -> None:
    """Judge the teachers that are to be judged.

    Args:
        runner: About to train.
        owner: Has ``teachers``; is told to ``detach``, because they are bound to something else.
    """
    for place, teacher in enumerate(owner.teachers):
        if teacher.evaluate:
            teacher.evaluate = False  # done
            owner.detach()
            _evaluate(runner, teacher.live, f'{getattr(owner, "prefix", "")}teacher{place or ""}')


def _evaluate(runner: Runner, teacher: Teacher, tag: str) -> None:
    loop: Any = runner.val_loop
    if loop is None or getattr(loop, 'evaluator', None) is None:
        print_log(f'{tag} has evaluate=True, and there is no validation to judge it by: give '
                  'val_dataloader, val_evaluator and val_cfg', 'current', logging.WARNING)
        return
    if runner.iter:
        return
    model = _plain(runner)
    predict = predictor(model, teacher)
    # The seeds of workers come out of the training's random numbers.
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        for batch in loop.dataloader:
            samples = predict(model.data_preprocessor(batch, False))
            loop.evaluator.process(data_samples=samples, data_batch=batch)
    scores = loop.evaluator.evaluate(len(loop.dataloader.dataset))
    for name, value in scores.items():
        runner.message_hub.update_scalar(f'{tag}/{name}', value)
    shown = '  '.join(f'{tag}/{name}: {value:.4f}' for name, value in scores.items())
    print_log(f'{type(teacher).__name__} on the validation set: {shown}', 'current')


def predictor(model: Any, teacher: Teacher) -> Predict:
    """How a teacher predicts in the place of a student.

    Args:
        model: The student, or what distils it; unwrapped.
        teacher: One of its teachers; it is bound to predict, until it is bound to teach again.

    Raises:
        ValueError: If the teacher knows maps of text that the student makes no polygons of.
        RecordingError: If it knows nothing of the kind.
    """
    if hasattr(model, 'predict_by'):
        return lambda data: model.predict_by(teacher, **data)
    head = getattr(getattr(model, 'student', model), 'det_head', None)
    if isinstance(head, DBHead):
        teacher.bind(model, {'text': text_logits})
        return lambda data: head.postprocessor(
            teacher(**data)['text'].sigmoid(), data['data_samples'])
    teacher.bind(model, {})
    if len(teacher.networks) != 1:
        raise ValueError(f'evaluate=True: a {type(model).__name__} makes no polygons out of maps '
                         f'of text, and a {type(teacher).__name__} is not one network that does')
    network, whole = teacher.networks[0], teacher
    return lambda data: network.predict(
        whole.prepare(data['inputs']), data['data_samples'])  # type: ignore[attr-defined]


def _plain(runner: Runner) -> Any:
    return runner.model.module if is_model_wrapper(runner.model) else runner.model
