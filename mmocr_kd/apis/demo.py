"""A first look: a small text detector without and with a teacher, trained in minutes."""
from __future__ import annotations

import threading
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Callable, Iterator

from mmocr.registry import DATASETS

from ..measure.counts import Counts, best_threshold, score, share
from ..measure.curves import read_curves
from ..measure.paired import Report
from ..measure.paired_text import verdict
from .comparison import Comparison, Run, Table, count_images, read_table, score_run
from .contact_sheet import draw_sheet
from .distill_photos import Voice, follow
from .distillation import find_distillation
from .engines import Engine
from .read_config import read_config
from .student import load_student
from .students import shipped
from .viewer import TextMaps, Viewer, load_item

PLAIN, DISTILLED = 'plain', 'masket'
_SHOWN = 3  # images
_HERE = {f'{split}_dataloader.{field}': value for split in ('val', 'test')
         for field, value in (('num_workers', 0), ('persistent_workers', False))}
_FEW = {**_HERE, 'val_dataloader.dataset.num_images': 2, 'test_dataloader.dataset.num_images': 4}
_QUICK = {**_FEW, 'train_dataloader.dataset.num_images': 8,
          'train_dataloader.dataset.image_size': (128, 128)}


@dataclass
class Demo:
    """Trainings, tests, a contact sheet: each is done once, and nothing is ever removed.

    It is a comparison of two arms, ``configs/compare/masket_embedded.py``, with the teacher beside
    them.

    Args:
        out: Folder of everything.
        seeds: How many trainings of each student, from seed 0 on.
        quick: A few images only: shows that all of it runs, and nothing else.
        voice: Who tells about it.
        engine: Where trainings run.
    """

    out: Path
    seeds: int
    quick: bool
    voice: Voice
    engine: Engine

    @cached_property
    def comparison(self) -> Comparison:
        """Of both students."""
        return Comparison(self._table(), self.out, seeds=range(self.seeds))

    def run(self) -> dict[str, Any]:
        """Do what is not done yet.

        Returns:
            The summary: scores, gain, verdict, where everything is.

        Raises:
            ValueError: If the folder holds a training of another kind.
            RuntimeError: If a training fails.
            OSError, ImportError: If there is no room, or a package is missing.
        """
        with self.comparison.alone():
            self._train()
            self._score()
            self._draw()
            return self._summary(self.comparison.report('test'))

    @property
    def sheet(self) -> Path:
        """The picture."""
        return self.comparison.folder / 'contact_sheet.png'

    def steps(self) -> int:
        """About how many steps each training has."""
        loader = self.comparison.runs[0].cfg.train_dataloader
        return int(loader.dataset.num_images // loader.batch_size)

    def _table(self) -> Table:
        table = read_table(shipped('configs/compare/masket_embedded.py'))
        arms = {name: replace(arm, options={**arm.options, **_QUICK}) if self.quick else arm
                for name, arm in table.arms.items()}
        return replace(table, arms=arms)

    def _train(self) -> None:
        runs, todo = self.comparison.runs, self.comparison.missing()
        if not todo:
            self.voice.say(f'trained before, in {self.comparison.folder}: nothing is done again')
            return
        with (self.voice.phase('training', self.steps() * len(runs)) as tell,
              _again_and_again(lambda: tell(sum(map(_steps_done, runs)))),
              closing(self.comparison.train(self.engine, todo)) as trained):
            for ended in trained:
                if ended.trouble:
                    raise RuntimeError(ended.trouble)

    def _score(self) -> None:
        table = self.comparison.table
        for split in ('val', 'test'):
            for run in self.comparison.unscored(split):
                follow(self.voice, f'testing {run.name} on {split} images', score_run(
                    run.folder, split, table.protocol, table.groups))
            self._counts_of_teacher(split)

    def _counts_of_teacher(self, split: str) -> Counts:
        path = self.comparison.folder / f'teacher_{split}.npz'
        if not path.exists():
            teacher = find_distillation(self._first(DISTILLED).cfg).terms[0]['teacher']
            cfg = read_config(teacher['config'], _FEW if self.quick else {})
            follow(self.voice, f'testing the teacher on {split} images', count_images(
                cfg, teacher['checkpoint'], split, self.comparison.table.protocol)).save(path)
        return Counts.load(path)

    def _draw(self) -> None:
        if not self.sheet.exists():
            with self.voice.phase('contact sheet', 0):
                plain, distilled = self._first(PLAIN), self._first(DISTILLED)
                data = DATASETS.build(distilled.cfg.test_dataloader.dataset)
                draw_sheet(self.sheet, Viewer(distilled.cfg, distilled.checkpoint),
                           TextMaps(load_student(plain.cfg, plain.checkpoint)),
                           (load_item(data, index) for index in range(1 if self.quick else _SHOWN)))

    def _summary(self, report: Report) -> dict[str, Any]:
        found, = report.differences
        scores = {arm.name: {'hmean': arm.mean, 'precision': float(arm.precisions.mean()),
                             'recall': float(arm.recalls.mean())} for arm in report.arms}
        return {'images': report.images, 'words': report.gts, 'seeds': len(found.seeds),
                'scores': {'teacher': self._scores_of_teacher(), **scores},
                'gain': found.mean, 'interval': list(found.interval), 'verdict': found.verdict,
                'told': verdict(found).replace('**', ''), 'sheet': str(self.sheet),
                'folders': {arm: str(self._first(arm).folder) for arm in (PLAIN, DISTILLED)}}

    def _scores_of_teacher(self) -> dict[str, float]:
        protocol = self.comparison.table.protocol
        threshold = best_threshold(self._counts_of_teacher('val'), protocol)
        sums = self._counts_of_teacher('test').at(threshold).stacked()[:, 0].sum(0)
        hits, preds, gts = sums
        return {'hmean': float(score(sums, protocol)), 'precision': float(share(hits, preds)),
                'recall': float(share(hits, gts))}

    def _first(self, arm: str) -> Run:
        return next(run for run in self.comparison.runs if run.arm.name == arm)


def _steps_done(run: Run) -> int:
    """By what it logged: checkpoints come at the end."""
    try:
        return max(read_curves(run.folder).seconds)
    except (FileNotFoundError, ValueError):
        return 0


@contextmanager
def _again_and_again(look: Callable[[], None]) -> Iterator[None]:
    """Call a function every second meanwhile."""
    ended = threading.Event()

    def repeat() -> None:
        while not ended.wait(1):
            look()

    thread = threading.Thread(target=repeat, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
