"""A run of a comparison: one arm, one seed, one folder; and how far it is."""
from __future__ import annotations

import fcntl
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mmocr
from mmengine.config import Config

from ...measure.curves import read_curves
from ...store import write_whole
from ..engines import Job
from . import alone
from .checkpoints import last_checkpoint
from .run_file import config_text, read_first, require_same
from .table import Arm

MISSING, BEGUN, TRAINING, FAILED, FINISHED = 'missing', 'begun', 'training', 'failed', 'finished'


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
        return BEGUN if self.is_begun else MISSING

    @property
    def is_begun(self) -> bool:
        """Whether anything was trained, or is being."""
        return ((self.folder / 'pairing.json').exists() or last_checkpoint(self.folder) is not None
                or _is_locked(self.folder / 'run.lock'))

    @property
    def progress(self) -> str:
        """Of a run that has begun."""
        found = last_checkpoint(self.folder)
        unit, end = self._end
        return f'{unit} {found.meta.get(unit, 0) if found else 0} of {end}'

    @property
    def checkpoint(self) -> Path:
        """The last one that is whole, of a run that is finished."""
        found = last_checkpoint(self.folder)
        assert found is not None
        return found.path

    @property
    def steps(self) -> int:
        """How many it has been trained."""
        found = last_checkpoint(self.folder)
        return int(found.meta.get('iter', 0)) if found else 0

    def take_over(self) -> None:
        """Write the run's config; if it has begun, with one that says the same, that is left.

        MMEngine writes it again when a training starts, which may have been killed at that.

        Raises:
            ValueError: If it has begun with another one, or with one that is lost.
        """
        path = self.folder / 'run.py'
        there = read_first([path, *sorted(self.folder.glob('*/vis_data/config.py'))[::-1]])
        if self.is_begun:
            if there is None:
                raise ValueError(f'{self.folder} has no run.py that can be read: it is not known '
                                 'what was trained. Restore it, or remove the folder to train anew')
            require_same(path, there, self.cfg)
            if there.filename == str(path):
                return
        write_whole(path, config_text(self.cfg).encode())

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
        lines = self.log.read_text(errors='replace').splitlines()[-8:] if self.log.exists() else []
        return '\n'.join([f'{self.name} failed (exit status {status}); {self.log} ends:',
                          *(f'  {line}' for line in lines)])

    def train_seconds(self) -> float | None:
        """Time of its training steps, from MMEngine's log; None if there is none."""
        try:
            return read_curves(self.folder).train_seconds() or None
        except FileNotFoundError:
            return None

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
