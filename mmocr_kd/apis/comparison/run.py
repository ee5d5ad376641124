"""A run of a comparison: one arm, one seed, one folder; and how far it is."""
from __future__ import annotations

import fcntl
import json
import os
import re
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from pprint import pformat
from typing import Any, Iterator, NamedTuple, Sequence

import mmocr
from mmengine.config import Config

from ...store import write_whole
from ..engines import Job
from ..student import read_checkpoint
from . import alone
from .table import Arm

MISSING, BEGUN, TRAINING, FAILED, FINISHED = 'missing', 'begun', 'training', 'failed', 'finished'
_OF_COMMAND = ('work_dir', 'launcher', 'resume')  # train.py writes them into the config


@dataclass(frozen=True)
class Run:
    """A run, whose state is what lies in its folder.

    Args:
        arm: What is trained.
        seed: With which seed.
        folder: Where.
        cfg: The whole config, as the table says it now.
    """

    arm: Arm
    seed: int
    folder: Path
    cfg: Config

    @property
    def name(self) -> str:
        """Arm and seed."""
        return f'{self.arm.name}/{self.seed}'

    @property
    def log(self) -> Path:
        """What its processes print."""
        return self.folder / 'compare.log'

    @property
    def state(self) -> str:
        """How far it is.

        ``MISSING``; ``BEGUN``, to be gone on with; ``TRAINING`` in another process; ``FAILED``
        twice in a row; ``FINISHED``: its last checkpoint is at the loop's end.
        """
        found = last_checkpoint(self.folder)
        if found and self._is_end(found.meta):
            return FINISHED
        if _is_locked(self.folder / 'run.lock'):
            return TRAINING
        if (self.folder / 'failed').exists():
            return FAILED
        return BEGUN if found or (self.folder / 'pairing.json').exists() else MISSING

    @property
    def progress(self) -> str:
        """Of a run that has begun."""
        found = last_checkpoint(self.folder)
        unit, end = self._end
        return f'{unit} {found.meta.get(unit, 0) if found else 0} of {end}'

    @property
    def steps(self) -> int:
        """How many it has been trained."""
        found = last_checkpoint(self.folder)
        return int(found.meta.get('iter', 0)) if found else 0

    def take_over(self) -> None:
        """Write the run's config; if it has begun with one that says the same, that is left.

        MMEngine writes it again when a training starts, which may have been killed at that.

        Raises:
            ValueError: If it has begun with another one, or with one that is lost.
        """
        path = self.folder / 'run.py'
        there = _read_first([path, *sorted(self.folder.glob('*/vis_data/config.py'))[::-1]])
        if self.state != MISSING:
            if there is None:
                raise ValueError(f'{self.folder} has no run.py that can be read: it is not known '
                                 'what was trained. Restore it, or remove the folder to train anew')
            _require_same(path, there, self.cfg)
            if there.filename == str(path):
                return
        write_whole(path, _text(self.cfg).encode())

    def mend(self) -> None:
        """Let MMEngine go on from the last checkpoint that is whole, wherever the folder is.

        It notes the path of the last one, and fails if that is gone or cut short.
        """
        found, note = last_checkpoint(self.folder), self.folder / 'last_checkpoint'
        if found:
            write_whole(note, str(found.path.resolve()).encode())
        else:
            note.unlink(missing_ok=True)

    def training(self) -> Job:
        """The job that trains it, from its beginning or from where it was."""
        single = self.arm.processes == 1
        python = [sys.executable] if single else [
            sys.executable, '-m', 'torch.distributed.run', '--standalone',
            f'--nproc_per_node={self.arm.processes}']
        launcher = [] if single else ['--launcher', 'pytorch']
        return self._job([*python, str(_train_script()), str(self.folder / 'run.py'), '--work-dir',
                          str(self.folder), *launcher, '--resume'], self.arm.processes)

    def scoring(self, split: str, protocol: str, groups: str | None) -> Job:
        """The job that scores it.

        Args:
            split: 'val' or 'test'.
            protocol: See :class:`Table`.
            groups: Likewise.
        """
        kinds = ['--groups', groups] if groups else []
        return self._job([sys.executable, '-m', 'mmocr_kd', 'score-run', str(self.folder),
                          '--split', split, '--protocol', protocol, *kinds])

    def note_failure(self, status: int) -> str:
        """Remember that it failed.

        Args:
            status: Exit status of its process.

        Returns:
            What to tell: the end of its log.
        """
        (self.folder / 'failed').write_text(str(status))
        lines = self.log.read_text(errors='replace').splitlines()[-8:]
        return '\n'.join([f'{self.name} failed (exit status {status}); {self.log} ends:',
                          *(f'  {line}' for line in lines)])

    def train_seconds(self) -> float | None:
        """Time of its training steps, from MMEngine's log; None if there is none."""
        times: dict[int, float] = {}
        for file in sorted(self.folder.glob('*/vis_data/scalars.json')):
            times.update(_times(file))
        steps = sorted(times)
        return sum(times[step] * (step - before)
                   for before, step in zip([0, *steps], steps)) or None

    def _job(self, argv: list[str], processes: int = 1) -> Job:
        (self.folder / 'failed').unlink(missing_ok=True)
        script, lock = str(Path(alone.__file__).resolve()), str(self.folder / 'run.lock')
        return Job(self.name, [sys.executable, script, lock, *argv], self.log,
                   {'OMP_NUM_THREADS': '1'}, processes)

    @property
    def _end(self) -> tuple[str, int]:
        train = self.cfg.train_cfg
        return ('epoch', train.max_epochs) if 'max_epochs' in train else ('iter', train.max_iters)

    def _is_end(self, meta: dict[str, Any]) -> bool:
        unit, end = self._end
        return meta.get(unit, 0) >= end


class Checkpoint(NamedTuple):
    """A checkpoint that is whole: its path, and what MMEngine says of it, such as its epoch."""

    path: Path
    meta: dict[str, Any]


def last_checkpoint(folder: Path) -> Checkpoint | None:
    """The last checkpoint of a training that is whole.

    Args:
        folder: Of the training.
    """
    for path in _checkpoints(folder):
        try:
            known = path.stat()
            return Checkpoint(path, _meta(path, known.st_mtime_ns, known.st_size))
        except (OSError, ValueError):
            continue  # cut short by what killed its writer, or removed by it before
    return None


@cache
def _meta(path: Path, *known: int) -> dict[str, Any]:
    """Of a file that is this old and large."""
    meta: dict[str, Any] = read_checkpoint(path).get('meta', {})
    return meta


def _checkpoints(folder: Path) -> Iterator[Path]:
    """Later ones first; named as MMEngine does by default, or as it noted."""
    numbers = {path: int(found[1]) for path in folder.glob('*.pth')
               if (found := re.fullmatch(r'(?:epoch|iter)_(\d+)\.pth', path.name))}
    yield from sorted(numbers, key=lambda path: -numbers[path])
    note = folder / 'last_checkpoint'
    if note.exists():
        yield folder / Path(note.read_text().strip()).name


def _times(file: Path) -> Iterator[tuple[int, float]]:
    """Step and seconds of a step, of each line about training."""
    for line in file.read_text().splitlines():
        try:
            said = json.loads(line)
        except ValueError:
            continue  # the last one, cut short
        if 'iter' in said and 'time' in said:
            yield said['iter'], said['time']


def _train_script() -> Path:
    """MMOCR's, as installed or as checked out."""
    package = Path(mmocr.__file__).parent
    installed = package / '.mim/tools/train.py'
    return installed if installed.exists() else package.parent / 'tools/train.py'


def _is_locked(path: Path) -> bool:
    if not path.exists():
        return False
    file = os.open(path, os.O_RDWR)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(file)
    return False


def _text(cfg: Config) -> str:
    """As MMEngine would write it, without the seconds that it takes for beauty."""
    return ''.join(f'{key} = {pformat(value, sort_dicts=False)}\n'
                   for key, value in cfg.to_dict().items())


def _read_first(paths: Sequence[Path]) -> Config | None:
    """The first config of these that is there, and whole."""
    for path in paths:
        try:
            return Config.fromfile(path)
        except Exception:  # whatever half a file makes Python say
            continue
    return None


def _require_same(path: Path, there: Config, wanted: Config) -> None:
    found = list(_differences(_plain(there.to_dict()), _plain(wanted.to_dict())))
    if found:
        more = [f'... and {len(found) - 5} more'] if len(found) > 5 else []
        raise ValueError('\n  '.join([
            f'{path} is of another training than the table says now:', *found[:5], *more])
            + '\nRestore the table (environment variables that configs read count, too), give '
              'another --out, or remove the folder to train anew')


def _differences(there: Any, wanted: Any, name: str = '') -> Iterator[str]:
    if isinstance(there, dict) and isinstance(wanted, dict):
        for key in sorted({**there, **wanted}, key=str):
            if f'{name}{key}' not in _OF_COMMAND:
                yield from _differences(there.get(key), wanted.get(key), f'{name}{key}.')
    elif (isinstance(there, list) and isinstance(wanted, list) and len(there) == len(wanted)):
        for index, pair in enumerate(zip(there, wanted)):
            yield from _differences(*pair, f'{name}{index}.')
    elif there != wanted:
        yield f'{name[:-1]}: {_short(there)} in the folder, {_short(wanted)} in the table'


def _plain(part: Any) -> Any:
    if isinstance(part, dict):
        return {key: _plain(value) for key, value in part.items()}
    return [_plain(value) for value in part] if isinstance(part, (list, tuple)) else part


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) < 80 else f'{text[:76]}...'
