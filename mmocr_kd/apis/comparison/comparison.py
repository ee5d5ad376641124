"""A comparison: its runs are trained, scored and set side by side."""
from __future__ import annotations

import fcntl
import json
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Generator, Iterator, Sequence

import torch

from ... import __version__
from ...measure.counts import Counts, best_threshold
from ...measure.paired import Report, compare
from ...store import write_whole
from ..engines import Engine, Job, run_jobs
from ..missing_files import require_files
from .counting import require_metric
from .pairing import Unpaired, unpaired
from .rows import row, write_rows
from .run import FINISHED, TRAINING, Run
from .scoring import about_file, counts_file
from .start import arms_given_weights, write_start
from .table import Table, arm_config, run_config


@dataclass(frozen=True)
class Ended:
    """What became of a run.

    Args:
        run: Which.
        trouble: What to tell if it failed.
    """

    run: Run
    trouble: str = ''


class Comparison:
    """The runs of a table, in one folder.

    Args:
        table: What is compared.
        out: Folder of all tables; this one's is in it.
        arms: Names of those that are wanted; None: all.
        seeds: Likewise.

    Attributes:
        runs: Seed by seed.

    Raises:
        FileNotFoundError, ValueError: If a config cannot be read or compared, or there is no such
            arm or seed.
    """

    def __init__(self, table: Table, out: str | Path, arms: Sequence[str] | None = None,
                 seeds: Sequence[int] | None = None) -> None:
        self.table, self.folder = table, Path(out) / table.name
        wanted = _selected('arms', arms, list(table.arms))
        configs = {name: arm_config(arm) for name, arm in table.arms.items()}
        for name in wanted:
            require_metric(configs[name], table.protocol, 'val')
        self._reference, self._given = configs[table.reference], arms_given_weights(
            configs, table.reference)
        self.runs = [
            Run(table.arms[name], seed, folder, run_config(
                configs[name], seed, folder, self._start(seed) if name in self._given else None))
            for seed in _selected('seeds', seeds, list(table.seeds)) for name in wanted
            for folder in [self.folder / name / str(seed)]]

    def _start(self, seed: int) -> Path:
        return self.folder / f'start_{seed}.pth'

    @contextmanager
    def alone(self) -> Iterator[None]:
        """While no other command works on this table.

        Raises:
            ValueError: If one does.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / '.lock').open('w') as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise ValueError(f'{self.folder} is being worked on by another command: wait for '
                                 'it, or give another --out') from None
            yield

    def states(self) -> list[tuple[Run, str]]:
        """How far each run is."""
        return [(run, run.state) for run in self.runs]

    def missing(self) -> list[Run]:
        """Runs that are not finished, after all configs were written or found to be the same.

        Raises:
            ValueError: If a folder has another training than the table says.
            FileNotFoundError: If data, a teacher or the like is not there.
        """
        for run in self.runs:
            if run.arm.name in self._given and not run.is_begun:
                write_start(self._reference, run.seed, self._start(run.seed))
            run.take_over()
        todo = [run for run in self.runs if run.state != FINISHED]
        for run in {run.arm.name: run for run in todo}.values():
            require_files(run.cfg, ['train_dataloader', 'val_dataloader'], training=True)
        return todo

    def complete(self, partial: bool) -> list[Run]:
        """Runs that may be tested: all, once they are finished.

        Args:
            partial: Of the seeds that are complete, if others are not.

        Raises:
            ValueError: If runs are missing.
        """
        missing = [run for run in self.runs if run.state != FINISHED]
        ready = [run for run in self.runs if run.seed not in {one.seed for one in missing}]
        if missing and not partial or not ready:
            raise ValueError(
                f'{len(missing)} of {len(self.runs)} runs are not finished: '
                f'{", ".join(run.name for run in missing)}. Run "mmocr-kd compare" first, or give '
                '--partial to test the seeds that are complete')
        return ready

    def train(self, engine: Engine, runs: Sequence[Run]) -> Generator[Ended, None, None]:
        """Train runs, from where they are.

        Args:
            engine: Where.
            runs: Which.

        Yields:
            Each, when it is done or has failed twice.
        """
        named = {run.name: run for run in runs}

        def mend(name: str) -> None:
            if named[name].state != TRAINING:
                named[name].mend()

        for name, status in run_jobs(engine, [run.training() for run in runs], mend):
            run = named[name]
            done = run.state == FINISHED
            yield Ended(run, '' if done else run.note_failure(status))

    def score(self, engine: Engine, split: str, runs: Sequence[Run]) -> Iterator[Ended]:
        """Score finished runs that were not.

        Args:
            engine: Where.
            split: 'val' or 'test'.
            runs: Which.

        Yields:
            Each, when it is done or has failed twice.
        """
        named = {run.name: run for run in runs}
        jobs: list[Job] = [run.scoring(split, self.table.protocol, self.table.groups)
                           for run in runs]
        for name, status in run_jobs(engine, jobs):
            run = named[name]
            yield Ended(run, run.note_failure(status) if status else '')

    def unscored(self, split: str) -> list[Run]:
        """Finished runs without counts, or whose counts are not what the table asks for now.

        Args:
            split: 'val' or 'test'.
        """
        return [run for run in self.runs if run.state == FINISHED
                and not self._is_scored(run, split)]

    def _is_scored(self, run: Run, split: str) -> bool:
        """Test data are scored once, whatever the table says later."""
        try:
            about = json.loads(about_file(run.folder, split).read_text())
            Counts.load(counts_file(run.folder, split))
        except (OSError, ValueError):
            return False
        same = about['protocol'], about['groups']
        return split == 'test' or same == (self.table.protocol, self.table.groups)

    def unpaired(self) -> list[Unpaired]:
        """Finished runs that cannot be compared with the reference's of their seed."""
        return unpaired([run for run in self.runs if run.state == FINISHED], self.table.reference)

    def report(self, split: str, against: str | None = None) -> Report:
        """Compare all scored runs that are paired.

        Args:
            split: 'val' or 'test'; thresholds are those of validation.
            against: Name of an arm in the place of the table's reference.

        Raises:
            ValueError: If no run is scored, or there is no such arm.
        """
        left_out = {found.run.name for found in self.unpaired()}
        counts: dict[str, dict[int, Counts]] = {name: {} for name in self.table.arms}
        for run in self._scored(split):
            if run.name not in left_out:
                counts[run.arm.name][run.seed] = self._chosen(run, split)
        return compare(counts, against or self.table.reference, self.table.protocol,
                       self.table.smallest)

    def rows(self, split: str) -> list[dict[str, Any]]:
        """A row for each scored run.

        Args:
            split: 'val' or 'test'.
        """
        opened = self.opened()
        late = {run.name for run in self.runs if opened and run.name not in opened['thresholds']}
        return [row(self.table, run, split, self._chosen(run, split), run.name in late)
                for run in self._scored(split)]

    def write_csv(self, path: str | Path, splits: Sequence[str]) -> None:
        """Write the rows of splits.

        Args:
            path: Of the file.
            splits: Which.
        """
        write_rows(path, [one for split in splits for one in self.rows(split)])

    def opened(self) -> dict[str, Any] | None:
        """When the test set was opened, and for which runs; None: never."""
        try:
            noted: dict[str, Any] = json.loads(self._opened_file.read_text())
        except FileNotFoundError:
            return None
        return noted

    def open(self, runs: Sequence[Run]) -> dict[str, Any]:
        """Note that the test set is opened; what was noted first, stays.

        Args:
            runs: For which; scored on validation.

        Returns:
            What is noted.

        Raises:
            ValueError, FileNotFoundError: If anything is missing to score them.
        """
        unscored = [run.name for run in runs if not self._is_scored(run, 'val')]
        if unscored:
            raise ValueError(f'{", ".join(unscored)} could not be scored on the validation data, '
                             'which thresholds are taken from; the test data stay closed')
        for run in {run.arm.name: run for run in runs}.values():
            require_metric(run.cfg, self.table.protocol, 'test')
            require_files(run.cfg, ['test_dataloader'])
        noted = {
            'date': datetime.now().astimezone().isoformat(timespec='seconds'),
            'mmocr_kd': __version__, 'torch': str(torch.__version__),
            'thresholds': {run.name: float(self._chosen(run, 'val').thresholds[0])
                           for run in runs}}
        write_whole(self._opened_file, json.dumps(noted, indent=1).encode(), replace=False)
        return self.opened() or noted

    @property
    def _opened_file(self) -> Path:
        return self.folder / 'test_opened.json'

    def _scored(self, split: str) -> list[Run]:
        return [run for run in self.runs if self._is_scored(run, split)
                and self._is_scored(run, 'val')]

    def _chosen(self, run: Run, split: str) -> Counts:
        """Counts at the threshold that is best on validation."""
        known = Counts.load(counts_file(run.folder, 'val'))
        return Counts.load(counts_file(run.folder, split)).at(
            best_threshold(known, self.table.protocol))


def _selected(field: str, wanted: Sequence[Any] | None, known: Sequence[Any]) -> list[Any]:
    unknown = [one for one in wanted or [] if one not in known]
    if unknown:
        raise ValueError(f'{field} {", ".join(map(str, unknown))} are not in the table; it has '
                         f'{", ".join(map(str, known))}')
    return [one for one in known if wanted is None or one in wanted]
