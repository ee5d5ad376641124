"""From a folder of photos to a light text detector, phase by phase, each of which may be killed."""
from __future__ import annotations

import errno
import io
import json
import shlex
import shutil
import time
from contextlib import AbstractContextManager, contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Callable, Iterator, Protocol

import numpy as np
import torch
from mmengine.config import Config
from mmocr.evaluation import HmeanIOUMetric

from ...datasets.unlabelled.unlabelled_datasets import read_boxes
from ...store import write_whole
from ..cache import prepare_filling
from ..comparison.run_file import config_text
from ..deployment import deployed_config
from ..export import check_export, export_onnx
from ..pseudo_label import PhotoRules, label_photos
from ..read_config import read_config
from ..student import build_loaded, read_checkpoint, student_checkpoint
from ..students import STUDENTS, Start, start_of
from . import training
from .config_file import (
    Recipe,
    batch_size,
    epoch_steps,
    filling_config,
    imports_of,
    inner_teacher,
)
from .photos import Gathered, gather, photo_names
from .split import Instances, Split, read_labels, split, write_part
from .work_folder import Wish, alone, take_over

FEW = 300  # steps, below which a detector hardly learns
_STEPS, _PASSES = (450, 5000), 30  # without a budget: at least and at most; times each photo
_TOLERANCE = 1e-3  # between ONNX Runtime and PyTorch, of probabilities
_KEPT, _TIMING = 0.1, 0.03  # shares of a budget: for what comes after training, for timing it


class Voice(Protocol):
    """Who tells a person what is going on."""

    def say(self, line: str) -> None:
        """Tell a line."""

    def phase(self, name: str, total: int) -> AbstractContextManager[Callable[[int], None]]:
        """Show a phase; what it gives is called with how much of ``total`` is done."""


@dataclass
class DetectorDistillation:
    """Photos, teacher, plan, training, student, evaluation: each is done once.

    What a phase made lies in the folder ``wish.out``, and is there as a whole or not at all, so
    that the same wish goes on where it was.

    Args:
        wish: What is asked for.
        voice: Who tells about it.
        device: Where the teacher runs; the student trains where MMEngine puts it.
        begun: When the command began, by :func:`time.monotonic`: a budget is counted from there.

    Map: photos ``photos.py``, who learns from what ``split.py``, the config ``config_file.py``,
    steps ``training.py``, whose folder it is ``work_folder.py``; asking the teacher
    ``apis/cache.py``, its boxes ``apis/pseudo_label.py``, students ``apis/students.py``.
    """

    wish: Wish
    voice: Voice
    device: str | None = None
    begun: float = field(default_factory=time.monotonic)

    def __post_init__(self) -> None:
        if self.wish.student not in STUDENTS:
            raise ValueError(f'--student {self.wish.student!r} is unknown: choose one of '
                             f'{", ".join(STUDENTS)}')
        if self.wish.teacher == 'rapidocr' and not find_spec('rapidocr'):
            raise ImportError('--teacher rapidocr needs a package that is not installed: pip '
                              "install 'mmocr_kd[rapidocr]'")
        self.wish.require_apart()
        self.out = Path(self.wish.out)
        self.config, self.student = self.out / 'config.py', self.out / 'student.pth'
        self.graph = self.out / 'det.onnx'  # as "mmocr-kd read --model" wants it

    def run(self) -> dict[str, Any]:
        """Do what is not done yet.

        Returns:
            The summary, as ``summary.json`` has it.

        Raises:
            ValueError: If photos, labels or budget do not do, or the folder is another wish's.
            OSError: If files are missing, or there is no room.
            ImportError, RuntimeError: If the teacher does not run.
        """
        photo_names(Path(self.wish.images))  # before a folder is made
        with alone(self.out):
            take_over(self.wish, self.config.exists())
            with _said_into(self.out / 'distill.log'), _room_in(self.out):
                return self._run()

    def _run(self) -> dict[str, Any]:
        gathered = self._gather()
        self._require_no_new(gathered)
        if not self.config.exists():
            self._ask_teacher(gathered)
            self._plan(gathered)
        checkpoint = self._train()
        self._export(checkpoint.path)
        self._draw_graph()
        return self._summary(gathered, checkpoint.meta)

    def dry_run(self) -> list[str]:
        """What would be done; nothing is written."""
        names, _ = photo_names(Path(self.wish.images))
        inner_teacher(self.wish.teacher, self.wish.teacher_checkpoint)
        steps = [('photos', 'photos.json', f'{len(names)} photos made upright and moderate'),
                 ('teacher', 'teacher.json', f'{self.wish.teacher} asked once about each'),
                 ('plan', 'config.py', f'{self.wish.student}, {self._length(len(names))}'),
                 ('student', 'student.pth', 'trained, and written as a plain checkpoint'),
                 ('summary', 'summary.json', 'of a test on photos that were held out')]
        return [f'{name:8} {self.out / file}: {what}'
                + (' (done)' if (self.out / file).exists() else '') for name, file, what in steps]

    def _length(self, photos: int) -> str:
        if self.wish.budget is None:
            return f'{_epochs_for(photos) * epoch_steps()} steps of {batch_size()} crops'
        return f'as many steps as {self.wish.budget:.0f} s leave'

    def _gather(self) -> Gathered:
        note = self.out / 'photos.json'
        if not note.exists():
            folder = Path(self.wish.images)
            with self.voice.phase('photos', len(photo_names(folder)[0])) as tell:
                gather(folder, self.out / 'photos', tell).write(note)
        found = Gathered.read(note)
        self.voice.say(f'photos: {len(found.photos)}' + ''.join(
            f'\n  left out: {name}: {why}' for name, why in found.left_out.items()))
        return found

    def _require_no_new(self, gathered: Gathered) -> None:
        known = {*(photo.name for photo in gathered.photos), *gathered.left_out}
        new = [name for name in photo_names(Path(self.wish.images))[0] if name not in known]
        if new:
            self.voice.say(f'{len(new)} photos came after this folder was begun, such as {new[0]}: '
                           'they are not used. For them give another --out')

    def _ask_teacher(self, gathered: Gathered) -> None:
        """Its maps into a store, and its boxes out of it: one forward pass a photo."""
        photos, store, boxes = (self.out / name for name in ('photos', 'cache', 'teacher.json'))
        if boxes.exists():
            return
        teacher = inner_teacher(self.wish.teacher, self.wish.teacher_checkpoint)
        with self.voice.phase('teacher', len(gathered.photos)) as tell:
            filling = prepare_filling(filling_config(teacher, str(photos), str(store)),
                                      f'mmocr-kd distill det --out {shlex.quote(str(self.out))}',
                                      device=self.device)
            for number, _ in enumerate(filling.run(), 1):
                tell(number)
        rules = PhotoRules(unclip=1.4 if self.wish.teacher == 'rapidocr' else 1.5)
        with self.voice.phase('boxes', len(gathered.photos)) as tell:
            labelling = label_photos(str(store), str(photos), str(boxes), rules)
            for number, _ in enumerate(labelling.run(), 1):
                tell(number)

    def _plan(self, gathered: Gathered) -> None:
        parts, judged = self._parts(gathered)
        names = [photo.name for photo in gathered.photos]
        for file, part in (('train.json', parts.train), ('unlabelled.json', parts.unlabelled),
                           ('held_out.json', parts.held_out)):
            write_part(self.out / file, part, gathered.photos, judged)
        start = start_of(self.wish.student, self.out)
        self.voice.say(f'student: {self.wish.student}, starts from {start.line}')
        self.voice.say(
            f'of {len(names)} photos {len(parts.train)} teach by '
            f'{"labels" if self.wish.labels else "the boxes"} and maps of the teacher, '
            + (f'{len(parts.unlabelled)} by its maps alone, ' if self.wish.labels else '')
            + f'{len(parts.held_out)} are held out, {len(parts.without_text)} show no text')
        epochs = self._epochs(parts, start)
        write_whole(self.config, self._recipe(parts, start, epochs).text.encode())

    def _parts(self, gathered: Gathered) -> tuple[Split, dict[str, Instances]]:
        seen = read_boxes(str(self.out / 'teacher.json'))
        labels = read_labels(self.wish.labels, gathered.photos,
                             self.voice.say) if self.wish.labels else None
        if not any(seen.values()) and labels is None:
            raise ValueError(
                f'the teacher {self.wish.teacher!r} sees text on none of {len(seen)} photos in '
                f'--images {self.wish.images!r}: are they of text, upright? If so, give another '
                '--teacher (docs/teachers.md), and another --out')
        names = [photo.name for photo in gathered.photos]
        return split(names, seen, labels), {**seen, **(labels or {})}

    def _recipe(self, parts: Split, start: Start, epochs: int) -> Recipe:
        teacher = inner_teacher(self.wish.teacher, self.wish.teacher_checkpoint)
        return Recipe(self.wish.student, start, teacher, bool(parts.unlabelled), epochs,
                      self.wish.seed, imports_of(self.wish.teacher))

    def _epochs(self, parts: Split, start: Start) -> int:
        """How long to train: by the number of photos, or by what is left of the budget."""
        if self.wish.budget is None:
            return _epochs_for(len(parts.train) + len(parts.unlabelled))
        trial = self.out / 'timing.py'
        write_whole(trial, self._recipe(parts, start, 1).text.encode())
        with self.voice.phase('timing of steps', training.timed_steps()) as tell:
            seconds = training.step_seconds(Config.fromfile(trial), self.out / 'timing', tell,
                                            self.wish.budget * _TIMING)
        trial.unlink()
        left = self.wish.budget * (1 - _KEPT) - (time.monotonic() - self.begun)
        epochs = int(left / seconds / epoch_steps())
        if epochs < 1:
            need = self.wish.budget + FEW * seconds - left
            raise ValueError(
                f'--budget of {self.wish.budget:.0f} s leaves {max(0, left):.0f} s for training, '
                f'where a step takes {seconds:.2f} s: nothing can be learnt. A detector needs '
                f'{FEW} steps at least: give --budget {int(need / 60) + 1}m or more. What the '
                'teacher said is kept')
        if (steps := epochs * epoch_steps()) < FEW:
            self.voice.say(f'--budget is small: {steps} steps of {seconds:.2f} s fit in, '
                           f'and below {FEW} a detector hardly learns. Expect a poor one')
        return epochs

    def _train(self) -> Any:
        cfg = Config.fromfile(self.config)
        with self.voice.phase('training', cfg.train_cfg.max_epochs * epoch_steps()) as tell:
            return training.train(cfg, self.out / 'train', tell)

    def _export(self, checkpoint: Path) -> None:
        """The plain student, and the config that tests it."""
        if self.student.exists():
            return
        cfg = deployed_config(read_config(self.config))
        plain = student_checkpoint(read_checkpoint(checkpoint))
        build_loaded(cfg, cfg.model, plain['state_dict'], checkpoint)
        data = io.BytesIO()
        torch.save(plain, data)
        write_whole(self.student.with_suffix('.py'), config_text(cfg).encode())
        write_whole(self.student, data.getvalue())

    def _draw_graph(self) -> None:
        """The student for machines without PyTorch, run beside PyTorch before it is written."""
        if self.graph.exists():
            return
        try:
            with self.voice.phase('ONNX file', 0):
                cfg = read_config(self.student.with_suffix('.py'))
                exported = export_onnx(cfg, str(self.student))
                check = check_export(exported, cfg)
        except ImportError as error:
            self.voice.say(f'no ONNX file is written: {error}')
            return
        if check.passed(_TOLERANCE):
            exported.save(self.graph)
        else:
            self.voice.say('no ONNX file is written: it differs from PyTorch by '
                           f'{check.outputs:.1e} ({check.wrong} of {check.answers} boxes)')

    def _summary(self, gathered: Gathered, meta: dict[str, Any]) -> dict[str, Any]:
        path = self.out / 'summary.json'
        if not path.exists():
            summary = {**self._scores(), 'student': str(self.student), 'steps': meta['iter'],
                       'photos': len(gathered.photos), 'left_out': gathered.left_out,
                       'config': str(self.config), 'next': self._next(),
                       'megabytes': round(self.student.stat().st_size / 1e6, 2),
                       'minutes': round((time.monotonic() - self.begun) / 60, 1)}
            write_whole(path, json.dumps(summary, indent=1).encode())
        told: dict[str, Any] = json.loads(path.read_text())
        return told

    def _next(self) -> str:
        if self.graph.exists():
            images, model = map(shlex.quote, (self.wish.images, str(self.out)))
            return f'mmocr-kd read {images} --model {model}'
        config, student = (shlex.quote(str(self.student.with_suffix(suffix)))
                           for suffix in ('.py', '.pth'))
        return f'mim test mmocr {config} --checkpoint {student}'

    def _scores(self) -> dict[str, Any]:
        held_out = read_boxes(str(self.out / 'held_out.json'))
        with self.voice.phase('test', len(held_out)) as tell:
            scores = training.test(Config.fromfile(self.student.with_suffix('.py')), self.student,
                                   self.out / 'test', tell)
        told: dict[str, Any] = {'compared_with': 'labels' if self.wish.labels else 'the teacher',
                                'held_out': len(held_out), 'scores': scores}
        if self.wish.labels:
            seen = read_boxes(str(self.out / 'teacher.json'))
            told['scores_of_teacher'] = boxes_scored(seen, held_out)
        return told


@contextmanager
def _said_into(log: Path) -> Iterator[None]:
    """What libraries print goes to a file; MMEngine's loggers keep it, so that it stays open."""
    file = log.open('a')
    with redirect_stdout(file), redirect_stderr(file):
        yield


@contextmanager
def _room_in(folder: Path) -> Iterator[None]:
    """A full disk is an error in words."""
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        free = shutil.disk_usage(folder).free / 1e6
        raise OSError(f'there is no room left in {str(folder)!r} ({free:.0f} MB are free): make '
                      'some, then type the same command, which goes on where it was') from error


def boxes_scored(found: dict[str, Instances], truth: dict[str, Instances]) -> dict[str, float]:
    """MMOCR's precision, recall and hmean of boxes that lie in a file.

    Args:
        found: Name of a photo -> instances with their ``score``.
        truth: Name -> what is there; photos that are judged.
    """
    metric = HmeanIOUMetric()
    metric.process([], [
        {'pred_instances': {'polygons': _polygons(found.get(name, [])),
                            'scores': [one['score'] for one in found.get(name, [])]},
         'gt_instances': {'polygons': _polygons(there), 'ignored': np.array(
             [one['ignore'] for one in there], bool)}} for name, there in truth.items()])
    return {name.rpartition('/')[2]: value for name, value in metric.evaluate(len(truth)).items()}


def _polygons(instances: Instances) -> list[np.ndarray]:
    return [np.array(one['polygon'], np.float32) for one in instances]


def _epochs_for(photos: int) -> int:
    least, most = _STEPS
    steps = min(max(photos * _PASSES // batch_size(), least), most)
    return -(-steps // epoch_steps())

