"""What benchmark_distill.py measures, one class for each kind of distillation."""
from __future__ import annotations

import argparse
import copy
from abc import ABC, abstractmethod
from functools import partial
from pathlib import Path
from typing import Any, Callable, Iterator, Sequence

import torch
from made_up_batches import texts_in_images, word_pairs
from mmengine.config import Config
from mmengine.model import is_model_wrapper
from mmengine.registry import Registry
from mmengine.runner import Runner
from mmocr.registry import MODELS, TRANSFORMS
from torch import Tensor, nn

from mmocr_kd.adapters.recognition import prepare_targets
from mmocr_kd.apis import class_of, find_distillation, find_low_res_distillation
from mmocr_kd.datasets.transforms import PairedResize
from mmocr_kd.distill import Teacher, model_config
from mmocr_kd.hooks import MaskETDistillHook
from mmocr_kd.measure import Case, peak_bytes, tensor_bytes
from mmocr_kd.models.recognizers import LowResRecognizerDistiller
from mmocr_kd.teachers import CachedTeacher

STUDENT, TEACHER, DISTILLED = 'student step', 'teacher forward', 'distilled step'
# What a distilled step costs in relation to its parts.
ADDED = '(distilled - student) / teacher forward'
WHOLE = 'distilled / (student + teacher forward)'
CACHED = 'cached step'
PRICE = 'cached / student'


class Bench(ABC):
    """Two equal students, one of them distilled, and a teacher.

    Args:
        cfg: The config; gives optimizer and environment.
        student: Config of the model that learns from labels.
        distilled: Config of the model that learns from the teacher.
        hooks: Configs of hooks that distil.
        folder: For the logs of MMEngine's runners.

    Attributes:
        teachers: Set by subclasses; bound.
        targets: What ``ADDED`` or ``WHOLE`` should be at most.
    """

    teachers: list[Teacher]
    targets: dict[str, float]

    def __init__(self, cfg: Config, student: dict[str, Any], distilled: dict[str, Any],
                 hooks: list[dict[str, Any]], folder: str) -> None:
        self.student = _runner(cfg, student, [], Path(folder, 'student'))
        self.distilled = _runner(cfg, distilled, hooks, Path(folder, 'distilled'))

    @property
    def plain(self) -> Any:
        """The model that learns from labels."""
        return _plain(self.student)

    @property
    def device(self) -> torch.device:
        """Where all of it runs."""
        return next(self.plain.parameters()).device

    def prepare_data(self, dataset: Any) -> None:
        """Let the answers of stores come with the data.

        Args:
            dataset: Of the training.
        """
        for teacher in self.teachers:
            teacher.prepare_data(dataset)

    @abstractmethod
    def made_up(self, batch_size: int, args: argparse.Namespace) -> dict[str, Any]:
        """A batch as the config's data loader would give it, of noise.

        Args:
            batch_size: How many samples.
            args: The command line.
        """

    def cases(self, batch: dict[str, Any]) -> dict[str, Case]:
        """What takes turns.

        Args:
            batch: As a data loader gives it.
        """
        return {STUDENT: partial(_step, self.student, self._for_student(batch)),
                TEACHER: partial(self._teacher_forward, batch),
                DISTILLED: partial(_step, self.distilled, batch)}

    def resident(self) -> dict[str, int]:
        """Bytes each case needs all the time: weights, and what the optimizer keeps."""
        student, distilled = (_kept(runner) for runner in (self.student, self.distilled))
        teacher = sum(tensor_bytes(network.state_dict().values())
                      for teacher in self.teachers for network in teacher.networks)
        return {STUDENT: student, TEACHER: teacher, DISTILLED: distilled + teacher}

    def transient(self, batch: dict[str, Any]) -> dict[str, int]:
        """Bytes each case needs on top while it runs, at its peak."""
        return {name: peak_bytes(case(), self.device) for name, case in self.cases(batch).items()}

    def _for_student(self, batch: dict[str, Any]) -> dict[str, Any]:
        """The part of a batch that training without distillation would load."""
        return batch

    @abstractmethod
    def _for_teacher(self, data: dict[str, Any]) -> tuple[Tensor, Sequence[Any]]:
        """What the teacher is called with, of a preprocessed batch."""

    def _teacher_forward(self, batch: dict[str, Any]) -> Callable[[], Any]:
        arguments = self._for_teacher(self.plain.data_preprocessor(copy.deepcopy(batch), True))

        def forward() -> None:
            with self.student.optim_wrapper.optim_context(self.plain):  # AMP, if the config says so
                for teacher in self.teachers:
                    teacher(*arguments)

        return forward


class DetectorBench(Bench):
    """Of a ``MaskETDistillHook`` or ``DBNetDistiller``, at work from the first step.

    Args:
        cfg: The config.
        folder: For temporary files.
        random_teacher: Whether the teacher gets random weights.
    """

    targets = {ADDED: 1.05}

    def __init__(self, cfg: Config, folder: str, random_teacher: bool = False) -> None:
        parts = find_distillation(cfg)
        if random_teacher:
            _randomize(parts.hooks or parts.model, folder)
        for part in parts.hooks or [parts.model]:
            _always(part, *(part.get('terms') or ()))
        super().__init__(cfg, parts.student, parts.model, parts.hooks, folder)
        for hook in self.distilled.hooks:
            if isinstance(hook, MaskETDistillHook):
                hook.before_train(self.distilled)
                self.teachers = hook.distiller.teachers
        if not parts.hooks:
            model = _plain(self.distilled)
            model.distiller.attach(model)
            self.teachers = model.distiller.teachers

    def made_up(self, batch_size: int, args: argparse.Namespace) -> dict[str, Any]:
        """Images with texts; see :class:`Bench`."""
        return texts_in_images(batch_size, tuple(args.size or (640, 640)), args.polygons)

    def _for_teacher(self, data: dict[str, Any]) -> tuple[Tensor, Sequence[Any]]:
        return data['inputs'], data['data_samples']


class LowResBench(Bench):
    """Of a ``LowResRecognizerDistiller``; without distillation it sees small words only.

    Args:
        cfg: The config.
        folder: For temporary files.
        random_teacher: Whether the teacher gets random weights.
    """

    targets = {WHOLE: 1.10}

    def __init__(self, cfg: Config, folder: str, random_teacher: bool = False) -> None:
        parts = find_low_res_distillation(cfg)
        if random_teacher:
            _randomize(parts.model, folder)
        _always(*parts.model['losses'].values())
        super().__init__(cfg, parts.labels_only(), parts.model, [], folder)
        self.cfg = cfg
        model = _plain(self.distilled)
        model.distiller.attach(model, model.student)
        self.teachers = model.distiller.teachers

    def made_up(self, batch_size: int, args: argparse.Namespace) -> dict[str, Any]:
        """Pairs of words, sized as in the config; see :class:`Bench`."""
        student = self.plain.student
        first = next(module for module in student.modules() if isinstance(module, nn.Conv2d))
        # Special classes have longer names.
        charset = ''.join(c for c in student.decoder.dictionary.dict if len(c) == 1)
        return word_pairs(batch_size, *pair_sizes(self.cfg, args.size), first.in_channels,
                          charset, args.letters)

    def _for_student(self, batch: dict[str, Any]) -> dict[str, Any]:
        return {key: value for key, value in batch.items() if key != 'hr_inputs'}

    def _for_teacher(self, data: dict[str, Any]) -> tuple[Tensor, Sequence[Any]]:
        prepare_targets(self.plain.student.decoder, data['data_samples'])
        return data['hr_inputs'], data['data_samples']


class CachedBench:
    """A distillation whose teacher's answers lie in a store, beside the same with the teacher.

    Args:
        cfg: The config, with a ``CachedTeacher`` that says who filled its store.
        folder: For temporary files.
    """

    targets = {PRICE: 1.05}

    def __init__(self, cfg: Config, folder: str) -> None:
        self.online = build_bench(live(cfg), str(Path(folder, 'online')))
        self.cached = build_bench(cfg, str(Path(folder, 'cached')))
        self.targets = self.targets | self.online.targets
        self.device = self.online.device

    def prepare_data(self, dataset: Any) -> None:
        """Let the store's answers come with the data."""
        self.cached.prepare_data(dataset)

    def cases(self, batch: dict[str, Any]) -> dict[str, Case]:
        """See :class:`Bench`; ``CACHED`` as well."""
        return self.online.cases(batch) | {CACHED: self.cached.cases(batch)[DISTILLED]}

    def resident(self) -> dict[str, int]:
        """See :class:`Bench`."""
        return self.online.resident() | {CACHED: self.cached.resident()[DISTILLED]}

    def transient(self, batch: dict[str, Any]) -> dict[str, int]:
        """See :class:`Bench`."""
        return {name: peak_bytes(case(), self.device) for name, case in self.cases(batch).items()}


def live(cfg: Config) -> Config:
    """A config in which the teachers themselves stand where stores did."""
    return Config(_live(cfg.to_dict()), filename=cfg.filename)


def _live(part: Any) -> Any:
    if isinstance(part, list):
        return [_live(item) for item in part]
    if not isinstance(part, dict):
        return part
    if 'type' in part and class_of(part, MODELS) is CachedTeacher:
        return part['teacher']
    return {key: _live(value) for key, value in part.items()}


def is_cached(cfg: Config) -> bool:
    """Whether a store teaches in this config, and it says who filled it."""
    return any(part.get('teacher') for part in _find(cfg.to_dict(), CachedTeacher, MODELS))


def build_bench(cfg: Config, folder: str, random_teacher: bool = False) -> Bench:
    """Build what suits a config.

    Args:
        cfg: The config.
        folder: For temporary files.
        random_teacher: Whether the teacher gets random weights.

    Raises:
        ValueError: If the config does not distil.
    """
    low_res = class_of(cfg.model, MODELS) is LowResRecognizerDistiller
    return (LowResBench if low_res else DetectorBench)(cfg, folder, random_teacher)


def pair_sizes(cfg: Config, low: Sequence[int] | None) -> tuple[tuple[int, int], tuple[int, int]]:
    """Heights and widths of small and large words.

    Args:
        cfg: With a ``PairedResize`` in its training pipeline.
        low: Those of small words, instead; large ones are twice as large.

    Raises:
        ValueError: If both are missing.
    """
    if low is not None:
        return (low[0], low[1]), (2 * low[0], 2 * low[1])
    found = next(_find(cfg.train_dataloader, PairedResize, TRANSFORMS), None)
    if found is None:
        raise ValueError(f'{cfg.filename} has no PairedResize in train_dataloader: give --size')
    resize = TRANSFORMS.build(found)
    return resize.lr_scale[::-1], resize.hr_scale[::-1]


def _find(part: Any, kind: type, registry: Registry) -> Iterator[dict[str, Any]]:
    """Configs of ``kind`` anywhere inside ``part``."""
    if isinstance(part, dict):
        if 'type' in part and class_of(part, registry) is kind:
            yield part
        part = part.values()
    if not isinstance(part, str) and hasattr(part, '__iter__'):
        for inner in part:
            yield from _find(inner, kind, registry)


def _randomize(part: Any, folder: str) -> None:
    """Point all teachers in a config to checkpoints of random weights, equal ones to the same."""
    if isinstance(part, dict) and {'config', 'checkpoint'} <= part.keys():
        path = Path(folder, f'{hash(str(part))}.pth')
        if not path.exists():
            torch.save(MODELS.build(model_config(part['config'])).state_dict(), path)
        part['checkpoint'] = str(path)
    members = part.values() if isinstance(part, dict) else part if isinstance(part, list) else ()
    for member in members:
        _randomize(member, folder)


def _always(*terms: dict[str, Any]) -> None:
    for term in terms:
        term.pop('schedule', None)


def _runner(cfg: Config, model: dict[str, Any], hooks: list[dict[str, Any]],
            folder: Path) -> Runner:
    runner = Runner(
        model=copy.deepcopy(model), work_dir=str(folder), custom_hooks=copy.deepcopy(hooks),
        env_cfg=cfg.get('env_cfg', dict(dist_cfg=dict(backend='nccl'))), log_level='ERROR',
        default_scope=cfg.get('default_scope', 'mmocr'), randomness=dict(seed=0),
        experiment_name=f'{folder.parent.name}_{folder.name}')
    runner.optim_wrapper = runner.build_optim_wrapper(copy.deepcopy(cfg.optim_wrapper))
    runner.model.train()
    return runner


def _plain(runner: Runner) -> Any:
    return runner.model.module if is_model_wrapper(runner.model) else runner.model


def _step(runner: Runner, batch: dict[str, Any]) -> Callable[[], Any]:
    # A fresh copy for each step: MMOCR's DB loss moves the polygons.
    return partial(runner.model.train_step, copy.deepcopy(batch),
                   optim_wrapper=runner.optim_wrapper)


def _kept(runner: Runner) -> int:
    state = runner.optim_wrapper.optimizer.state.values()
    slots: list[Tensor] = [value for slot in state for value in slot.values()]
    return tensor_bytes([*runner.model.state_dict().values(), *slots])
