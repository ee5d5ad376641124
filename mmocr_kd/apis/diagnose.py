"""Why a distillation helps or does not: gradients, words, and who finds which of them."""
from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmengine.runner import Runner, set_random_seed
from mmocr.registry import HOOKS, MODELS

from ..distill import Distiller, RecordingError, Teacher, load_strictly, read_weights
from ..distill.auto_weight import gradients, total
from ..distill.distiller import learnt
from ..evaluation import CheckedWordMetric
from ..evaluation.found_instances import found_instances, instance_heights
from ..hooks import MaskETDistillHook
from ..hooks.evaluate_teacher_hook import Predict, predictor
from ..hooks.masket_distill_hook import prefix_of
from ..measure.found_words import FoundWords
from ..measure.pulls import Pull, pulls
from .read_config import class_of

THRESHOLDS = np.array([.3, .4, .5, .6, .7, .8, .9], np.float32)
TOGETHER = 'all distillation'  # row of several losses
START = 'start of training'


class Diagnosis:
    """Looks at a distillation that stands still: at its start, or at checkpoints.

    Nothing is learnt. Training batches are those of the first steps, the same at each checkpoint,
    and their gradients are taken in float32. Schedules are set aside: every term counts in full,
    and ``loss_weight='auto'`` solves anew.

    Args:
        cfg: With hooks or a model that distil; without either, the student alone is scored.
        checkpoints: Of the training, or of another one of the same model. None: its start
            (``load_from``, else initial weights), of which gradients alone are told.
        split: 'val' or 'test': where words are looked for.
        batches: Training batches at each checkpoint; 0 leaves gradients out.
        device: Where models run; by default on the GPU, if there is one.

    Attributes:
        pulls: Checkpoint -> loss -> part of the student -> how it pulls, a dict for each batch.
        students: Checkpoint -> words that the student found.
        teachers: Teacher -> words that it found.
        notes: What could not be told, and why.

    Raises:
        FileNotFoundError, CheckpointError: If there are no such weights, or they do not fit.
        ValueError: If there is no such split, or hooks stand beside a model that they are not for.
    """

    def __init__(self, cfg: Config, checkpoints: Sequence[str] = (), split: str = 'val',
                 batches: int = 16, device: str | None = None) -> None:
        init_default_scope(cfg.get('default_scope', 'mmocr'))
        self._source, self._load_from = cfg.filename, cfg.get('load_from')
        cfg = Config(_always_due(cfg.to_dict()), filename=cfg.filename)
        self._device = torch.device(device or ('cuda' if torch.cuda.is_available() else 'cpu'))
        self._model: Any = MODELS.build(copy.deepcopy(cfg.model)).to(self._device)
        self._states = {name: read_weights(path, self._source)
                        for name, path in named(checkpoints).items()}
        self._hooks = _build_hooks(cfg.get('custom_hooks') or ())
        self._distillers = [*(hook.distiller for hook in self._hooks), *_distillers_of(self._model)]
        self._number = batches if self._distillers else 0
        self._words = _loader(cfg, split)
        self._batches = self._training_batches(cfg) if self._number else ()
        for teacher in self._teachers().values():
            teacher.evaluate = False  # it is judged here
        self.pulls: dict[str, dict[str, list[Mapping[str, Pull]]]] = {}
        self.students: dict[str, FoundWords] = {}
        self.teachers: dict[str, FoundWords] = {}
        self.notes: list[str] = [] if self._distillers else [
            f'{self._source} distils nothing that is known here: no gradients, no teacher']

    def __len__(self) -> int:
        """How many batches are looked at, at most."""
        asked = len(self._states) + len(self._teachers())
        return len(self._words) * asked + self._number * max(1, len(self._states))

    def run(self) -> Iterator[None]:
        """Look at everything.

        Yields:
            After each batch.
        """
        for name, state in self._states.items():
            load_strictly(self._model, state, name, self._source)
            yield from self._score(self.students, name, partial(_predicted, self._model))
            yield from self._pull(name)
        if not self._states:
            self._start()
            yield from self._pull(START)
        for name, teacher in self._teachers().items():
            yield from self._judge(name, teacher)

    def _start(self) -> None:
        """What training starts from; nobody is judged by it."""
        self._model.init_weights()
        self._model.to(self._device)
        if self._load_from:
            self._model.load_state_dict(read_weights(self._load_from), strict=False)

    def _teachers(self) -> dict[str, Teacher]:
        found = [teacher for owner in (*(hook.distiller for hook in self._hooks),
                                       getattr(self._model, 'distiller', self._model))
                 for teacher in getattr(owner, 'teachers', ())]
        kinds = [type(_live(teacher)).__name__ for teacher in found]
        return {kind if kinds.count(kind) == 1 else f'{kind} {place}': teacher
                for place, (kind, teacher) in enumerate(zip(kinds, found), 1)}

    def _judge(self, name: str, teacher: Teacher) -> Iterator[None]:
        self._detach()  # teachers are bound to predict now
        try:
            yield from self._score(self.teachers, name,
                                   predictor(self._model.eval(), teacher.live))
        except (ValueError, RecordingError) as error:
            self.notes.append(f'{name} was not scored: {error}')

    def _score(self, found: dict[str, FoundWords], name: str, predict: Predict) -> Iterator[None]:
        self._model.eval()
        images = []
        for batch in self._words:
            with torch.no_grad():
                samples = predict(self._model.data_preprocessor(batch, False))
            images += [words_of(sample) for sample in samples]
            yield
        found[name] = FoundWords.of_images(images)

    def _pull(self, name: str) -> Iterator[None]:
        told = self.pulls.setdefault(name, {})
        if not self._number:
            return
        for hook in self._hooks:
            hook.attach(self._model)
        set_random_seed(0)
        self._model.train()
        for batch in islice(self._batches, self._number):
            for loss, found in self._pulls_in(batch).items():
                told.setdefault(loss, []).append(found)
            yield
        self._detach()
        if not told:
            self.notes.append('gradients are told beside those of the task, and there is none '
                              '(HardLabelLoss is one), or no teacher was due')

    def _detach(self) -> None:
        for hook in self._hooks:
            hook.detach()
        for distiller in self._distillers:
            distiller.detach()

    def _pulls_in(self, batch: Any) -> dict[str, dict[str, Pull]]:
        """Of each loss that a teacher gives."""
        named_parameters = {name: parameter for name, parameter in self._model.named_parameters()
                            if parameter.requires_grad}
        parts = [part_of(name) for name in named_parameters]
        losses = self._model(**self._model.data_preprocessor(batch, True), mode='loss')
        taught = set().union(*(distiller.taught for distiller in self._distillers))
        own = learnt({key: value for key, value in losses.items() if key not in taught})
        if not own:
            return {}
        take = partial(gradients, tensors=list(named_parameters.values()))
        task = take(total(own))
        each = {key: take(total(loss)) for key, value in losses.items()
                if key in taught and (loss := learnt({key: value}))}
        if len(each) > 1:
            each[TOGETHER] = [_sum(found) for found in zip(*each.values())]
        return {key: pulls(task, found, parts) for key, found in each.items()}

    def _training_batches(self, cfg: Config) -> Any:
        loader = _loader(cfg, 'train')
        for distiller in self._distillers:
            distiller.prepare_data(loader.dataset)
        return loader


def words_of(sample: Any) -> FoundWords:
    """What was found in an image: words by a detector or spotter, or the one that is in a crop.

    Args:
        sample: With predictions and annotations.

    Returns:
        Heights in pixels: of instances as the model sees them, of crops as they lie in their files.
    """
    if 'pred_instances' in sample:
        found, predictions = found_instances(sample, THRESHOLDS)
        return FoundWords(THRESHOLDS, found, predictions, {'height': instance_heights(sample)})
    metric = CheckedWordMetric()
    metric.process([], [sample.to_dict()])
    read = bool(metric.results[0]['match_ignore_case_symbol_num'])
    sizes = {'height': sample.ori_shape[0], 'length': len(sample.gt_text.item)}
    return FoundWords(THRESHOLDS[:1], np.array([[read]]), np.ones(1, int),
                      {name: np.array([size]) for name, size in sizes.items()})


def part_of(parameter: str) -> str:
    """Of which part of the student a parameter is.

    Args:
        parameter: Its name in the model that is trained.
    """
    return parameter.removeprefix('student.').partition('.')[0]


def named(checkpoints: Sequence[str]) -> dict[str, str]:
    """Short names of files, as long as they are different.

    Args:
        checkpoints: Their paths.
    """
    short = [Path(path).stem for path in checkpoints]
    return {stem if short.count(stem) == 1 else path: path
            for stem, path in zip(short, checkpoints)}


def _always_due(part: Any) -> Any:
    """A config without schedules of distillation."""
    if isinstance(part, Mapping):
        return {key: _always_due(value) for key, value in part.items() if key != 'schedule'}
    return type(part)(map(_always_due, part)) if isinstance(part, (list, tuple)) else part


def _build_hooks(configs: Sequence[Any]) -> list[MaskETDistillHook]:
    ours = [one for one in configs if (kind := class_of(one, HOOKS)) is not None
            and issubclass(kind, MaskETDistillHook)]
    hooks = [HOOKS.build(copy.deepcopy(one)) for one in ours]
    for place, hook in enumerate(hooks):
        hook.distiller.prefix = prefix_of(place)
    return hooks


def _distillers_of(model: Any) -> list[Distiller]:
    if hasattr(model, 'distillers'):
        return list(model.distillers)
    return [model.distiller] if hasattr(model, 'distiller') else []


def _loader(cfg: Config, split: str) -> Any:
    if not cfg.get(f'{split}_dataloader'):
        raise ValueError(f'{cfg.filename} has no {split}_dataloader')
    fields = {**copy.deepcopy(cfg[f'{split}_dataloader']), 'persistent_workers': False}
    return Runner.build_dataloader(fields, seed=0)


def _live(teacher: Teacher) -> Teacher:
    try:
        return teacher.live
    except ValueError:  # it can be asked about training data alone
        return teacher


def _predicted(model: Any, data: dict[str, Any]) -> Sequence[Any]:
    samples: Sequence[Any] = model(**data, mode='predict')
    return samples


def _sum(found: Sequence[torch.Tensor | None]) -> torch.Tensor | None:
    known = [one for one in found if one is not None]
    return torch.stack(known).sum(0) if known else None
