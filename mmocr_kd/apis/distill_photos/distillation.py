"""From a folder of photos to a small model, phase by phase, each of which may be killed."""
from __future__ import annotations

import errno
import io
import json
import os
import shlex
import shutil
import time
from abc import ABC, abstractmethod
from contextlib import AbstractContextManager, contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import (
    IO,
    Any,
    Callable,
    ClassVar,
    Generator,
    Iterator,
    Protocol,
    Sequence,
    TypeVar,
)

import torch
from mmengine.config import Config

from ...datasets.unlabelled.unlabelled_datasets import read_boxes
from ...reader import OnnxFile
from ...store import write_whole
from ..comparison.run_file import config_text
from ..deployment import deployed_config
from ..export import check_export, export_onnx
from ..pseudo_label import PhotoRules, label_photos
from ..quantize import quantize
from ..read_config import read_config
from ..student import build_loaded, read_checkpoint, student_checkpoint
from ..students import Start, Student
from . import training
from .config_file import Recipe, batch_size, epoch_steps, inner_teacher
from .photos import Gathered, gather, photo_names
from .split import Instances, read_labels
from .work_folder import Wish, alone, take_over

_STEPS, _PASSES = (450, 5000), 30  # without a budget: at least and at most; times each image
_CALIBRATED = 64  # images that the ranges of 8 bits are taken from
_TOLERANCE = 1e-3  # between ONNX Runtime and PyTorch, of probabilities
_KEPT, _TIMING = 0.1, 0.03  # shares of a budget: for what comes after training, for timing it

Result = TypeVar('Result')


class Voice(Protocol):
    """Who tells a person what is going on."""

    def say(self, line: str) -> None:
        """Tell a line."""

    def phase(self, name: str, total: int) -> AbstractContextManager[Callable[[int], None]]:
        """Show a phase; what it gives is called with how much of ``total`` is done."""


def follow(voice: Voice, name: str, counting: Generator[int, None, Result]) -> Result:
    """What a generator returns, while a person is told how far it is.

    Args:
        voice: Who tells.
        name: Of the phase.
        counting: Yields first how much there is, then how much is done.
    """
    with voice.phase(name, next(counting)) as tell:
        while True:
            try:
                tell(next(counting))
            except StopIteration as end:
                result: Result = end.value
                return result


@dataclass
class PhotoDistillation(ABC):
    """Photos, teacher, plan, training, student, evaluation: each is done once.

    What a phase made lies in the folder ``wish.out``, and is there as a whole or not at all, so
    that the same wish goes on where it was. A detector and a recogniser may share that folder.

    Args:
        wish: What is asked for.
        voice: Who tells about it.
        device: Where the teacher runs; the student trains where MMEngine puts it.
        begun: When the command began, by :func:`time.monotonic`: a budget is counted from there.

    Map: photos ``photos.py``, who learns from what ``split.py``, the config ``config_file.py``,
    steps ``training.py``, whose folder it is ``work_folder.py``; what is a detector's alone
    ``detector.py``, a recogniser's ``recognizer.py``; students ``apis/students.py``.
    """

    wish: Wish
    voice: Voice
    device: str | None = None
    begun: float = field(default_factory=time.monotonic)

    students: ClassVar[dict[str, Student]]
    product: ClassVar[str]  #: What messages call it.

    def __post_init__(self) -> None:
        if self.wish.student not in self.students:
            raise ValueError(f'--student {self.wish.student!r} is unknown: choose one of '
                             f'{", ".join(self.students)}')
        if self.wish.teacher == 'rapidocr':
            require_rapidocr('--teacher rapidocr')
        self.wish.require_apart()
        self.out, self.place = Path(self.wish.out), self.wish.place
        self.known = self.students[self.wish.student]
        self.config, self.student = self.place / 'config.py', self.place / 'student.pth'
        self.graph = self.out / f'{self.wish.what}.onnx'  # as "mmocr-kd read --model" wants it
        if self.wish.int8:
            require_onnx('--int8')

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
            with _said_into(self.place / 'distill.log'), _room_in(self.out):
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
        steps = [(self.out, 'photos', 'photos.json',
                  f'{len(names)} photos made upright and moderate'),
                 (self.place, 'teacher', *self._asked()),
                 (self.place, 'plan', 'config.py', f'{self.wish.student}, {self._length(names)}'),
                 (self.place, 'student', 'student.pth', 'trained, and written as a plain '
                  'checkpoint'),
                 (self.place, 'summary', 'summary.json', 'of a test on photos that were held out')]
        return [f'{name:8} {folder / file}: {what}'
                + (' (done)' if (folder / file).exists() else '')
                for folder, name, file, what in steps]

    @abstractmethod
    def _asked(self) -> tuple[str, str]:
        """The file that says what the teacher said, and what that is."""

    @abstractmethod
    def _ask_teacher(self, gathered: Gathered) -> None:
        """Write that file, if it is not there."""

    @abstractmethod
    def _parts(self, gathered: Gathered) -> tuple[int, Any]:
        """Write who teaches and who is held out, and say it.

        Returns:
            How many images there are to learn from, and whatever :meth:`_recipe` needs.
        """

    @abstractmethod
    def _start(self) -> Start:
        """What the student starts from."""

    @abstractmethod
    def _recipe(self, parts: Any, start: Start, epochs: int) -> Recipe:
        """The training."""

    @abstractmethod
    def _teacher_scores(self) -> dict[str, float]:
        """Those of the teacher, where there are labels."""

    @abstractmethod
    def _file_scores(self, file: OnnxFile, tell: Callable[[int], None]) -> dict[str, float]:
        """Those of an ONNX file on what was held out."""

    @property
    @abstractmethod
    def _images(self) -> Path:
        """Folder of what is learnt from and held out."""

    def _length(self, names: list[str]) -> str:
        if self.wish.budget is None:
            return self._length_for(len(names))
        return f'as many steps as {self.wish.budget:.0f} s leave'

    def _length_for(self, images: int) -> str:
        steps = self._epochs_for(images) * epoch_steps(self.known)
        return f'{steps} steps of {batch_size(self.known)} crops'

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

    def _find_text(self, source: str, out: Path, photos: int) -> None:
        """Boxes of a teacher, or out of the maps in its store."""
        rules = PhotoRules(unclip=1.4 if 'rapidocr' in (self.wish.teacher, source) else 1.5)
        with self.voice.phase('boxes', photos) as tell:
            labelling = label_photos(source, str(self.out / 'photos'), str(out), rules)
            for number, _ in enumerate(labelling.run(), 1):
                tell(number)

    def _labels(self, gathered: Gathered) -> dict[str, Instances] | None:
        return read_labels(self.wish.labels, gathered.photos,
                           self.voice.say) if self.wish.labels else None

    def _plan(self, gathered: Gathered) -> None:
        images, parts = self._parts(gathered)
        start = self._start()
        self.voice.say(f'student: {self.wish.student}, starts from {start.line}')
        epochs = self._epochs(images, lambda epochs: self._recipe(parts, start, epochs).text)
        write_whole(self.config, self._recipe(parts, start, epochs).text.encode())

    def _epochs(self, images: int, text: Callable[[int], str]) -> int:
        """How long to train: by the number of images, or by what is left of the budget."""
        if self.wish.budget is None:
            return self._epochs_for(images)
        trial = self.place / 'timing.py'
        write_whole(trial, text(1).encode())
        with self.voice.phase('timing of steps', training.timed_steps()) as tell:
            seconds = training.step_seconds(Config.fromfile(trial), self.place / 'timing', tell,
                                            self.wish.budget * _TIMING)
        trial.unlink()
        left = self.wish.budget * (1 - _KEPT) - (time.monotonic() - self.begun)
        epochs, few = int(left / seconds / epoch_steps(self.known)), self.known.few
        if epochs < 1:
            need = self.wish.budget + few * seconds - left
            raise ValueError(
                f'--budget of {self.wish.budget:.0f} s leaves {max(0, left):.0f} s for training, '
                f'where a step takes {seconds:.2f} s: nothing can be learnt. {self.product} needs '
                f'{few} steps at least: give --budget {int(need / 60) + 1}m or more. What the '
                'teacher said is kept')
        if (steps := epochs * epoch_steps(self.known)) < few:
            self.voice.say(f'--budget is small: {steps} steps of {seconds:.2f} s fit in, and below '
                           f'{few} {self.product.lower()} hardly learns. Expect a poor one')
        return epochs

    def _epochs_for(self, images: int) -> int:
        least, most = _STEPS
        steps = min(max(images * _PASSES // batch_size(self.known), least, self.known.few), most)
        return -(-steps // epoch_steps(self.known))

    def _train(self) -> Any:
        cfg = Config.fromfile(self.config)
        steps = cfg.train_cfg.max_epochs * epoch_steps(self.known)
        with self.voice.phase('training', steps) as tell:
            return training.train(cfg, self.place / 'train', tell)

    def _export(self, checkpoint: Path) -> None:
        """The plain student, and the config that tests it."""
        if self.student.exists():
            return
        cfg = deployed_config(read_config(self.config))
        plain = student_checkpoint(read_checkpoint(checkpoint))
        build_loaded(cfg, cfg.model, plain['state_dict'], checkpoint)
        cfg = self._settled(cfg, checkpoint)
        data = io.BytesIO()
        torch.save(plain, data)
        write_whole(self.student.with_suffix('.py'), config_text(cfg).encode())
        write_whole(self.student, data.getvalue())

    def _settled(self, cfg: Config, checkpoint: Path) -> Config:
        """The config of a test, with what can only be known after training."""
        return cfg

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
        if not check.passed(_TOLERANCE):
            self.voice.say('no ONNX file is written: it differs from PyTorch by '
                           f'{check.outputs:.1e} ({check.wrong} of {check.answers} answers)')
        elif self.wish.int8:
            exported.save(self.graph.with_suffix('.float.onnx'))
            self._quantize(self.graph.with_suffix('.float.onnx'))
        else:
            exported.save(self.graph)

    def _quantize(self, source: Path) -> None:
        """The file in 8 bits, with ranges from images that were learnt from."""
        files = (self.place / name for name in ('train.json', 'unlabelled.json'))
        taught = [str(self._images / name) for file in files if file.exists()
                  for name in read_boxes(str(file))]
        with self.voice.phase('8 bits', min(_CALIBRATED, len(taught))) as tell:
            def counted(paths: Sequence[str]) -> Iterator[str]:
                for number, path in enumerate(paths, 1):
                    yield path
                    tell(number)

            quantize(str(source), str(self.graph), taught, _CALIBRATED, 0, counted)

    def _summary(self, gathered: Gathered, meta: dict[str, Any]) -> dict[str, Any]:
        path = self.place / 'summary.json'
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
        return f'mmocr-kd test {config} {student}'

    def _scores(self) -> dict[str, Any]:
        held_out = read_boxes(str(self.place / 'held_out.json'))
        with self.voice.phase('test', len(held_out)) as tell:
            scores = training.test(Config.fromfile(self.student.with_suffix('.py')), self.student,
                                   self.place / 'test', tell)
        told: dict[str, Any] = {'compared_with': 'labels' if self.wish.labels else 'the teacher',
                                'held_out': len(held_out), 'scores': scores}
        if self.wish.int8 and self.graph.exists():
            with self.voice.phase('test in 8 bits', len(held_out)) as tell:
                told['scores_in_8_bits'] = self._file_scores(OnnxFile(self.graph), tell)
        return {**told, 'scores_of_teacher': self._teacher_scores()} if self.wish.labels else told


def require_rapidocr(why: str) -> None:
    """Make sure that there is PP-OCR.

    Args:
        why: What needs it.

    Raises:
        ImportError: If there is not.
    """
    if not find_spec('rapidocr'):
        raise ImportError(f'{why} needs a package that is not installed: pip install '
                          "'mmocr_kd[rapidocr]'")


def require_onnx(why: str) -> None:
    """Make sure that ONNX files can be written and run.

    Args:
        why: What needs it.

    Raises:
        ImportError: If they cannot.
    """
    if not all(map(find_spec, ('onnx', 'onnxruntime'))):
        raise ImportError(f"{why} needs onnx and ONNX Runtime: pip install 'mmocr_kd[export]'")


@contextmanager
def _said_into(log: Path) -> Iterator[None]:
    """What libraries print goes to a file; MMEngine's loggers keep it, so that it stays open.

    What their C code and the programs that they start print, too: MMEngine asks for a compiler,
    and the shell complains where there is none.
    """
    file = log.open('a', buffering=1)
    with redirect_stdout(file), redirect_stderr(file), _descriptor(1, file), _descriptor(2, file):
        yield


@contextmanager
def _descriptor(number: int, file: IO[str]) -> Iterator[None]:
    kept = os.dup(number)
    os.dup2(file.fileno(), number)
    try:
        yield
    finally:
        os.dup2(kept, number)
        os.close(kept)


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
