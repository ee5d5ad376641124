"""From a folder of photos to a light text detector."""
from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any, Callable

import numpy as np
from mmengine.config import Config
from mmocr.evaluation import HmeanIOUMetric

from ...datasets.unlabelled.unlabelled_datasets import read_boxes
from ...measure.counts import best_threshold
from ...reader import Detector, OnnxFile
from ...reader.photos import load
from ..cache import prepare_filling
from ..comparison import count_images
from ..students import STUDENTS, Start, start_of
from .config_file import DetectorRecipe, filling_config, imports_of, inner_teacher
from .distillation import PhotoDistillation, follow
from .photos import Gathered
from .split import Instances, split, write_part


class DetectorDistillation(PhotoDistillation):
    """A detector out of photos: see :class:`.PhotoDistillation`.

    Map: asking the teacher ``apis/cache.py``, its boxes ``apis/pseudo_label.py``.
    """

    students = STUDENTS
    product = 'A detector'

    @property
    def _images(self) -> Path:
        return self.out / 'photos'

    def _asked(self) -> tuple[str, str]:
        return 'teacher.json', f'{self.wish.teacher} asked once about each'

    def _ask_teacher(self, gathered: Gathered) -> None:
        """Its maps into a store, and its boxes out of it: one forward pass a photo."""
        store, boxes = self.place / 'cache', self.place / 'teacher.json'
        if boxes.exists():
            return
        teacher = inner_teacher(self.wish.teacher, self.wish.teacher_checkpoint)
        with self.voice.phase('teacher', len(gathered.photos)) as tell:
            asked = filling_config(self.known, teacher, str(self.out / 'photos'), str(store))
            filling = prepare_filling(
                asked, f'mmocr-kd distill det --out {shlex.quote(str(self.out))}',
                device=self.device)
            for number, _ in enumerate(filling.run(), 1):
                tell(number)
        self._find_text(str(store), boxes, len(gathered.photos))

    def _parts(self, gathered: Gathered) -> tuple[int, bool]:
        seen, labels = read_boxes(str(self.place / 'teacher.json')), self._labels(gathered)
        if not any(seen.values()) and labels is None:
            raise ValueError(
                f'the teacher {self.wish.teacher!r} sees text on none of {len(seen)} photos in '
                f'--images {self.wish.images!r}: are they of text, upright? If so, give another '
                '--teacher (docs/teachers.md), and another --out')
        names, judged = [photo.name for photo in gathered.photos], {**seen, **(labels or {})}
        parts = split(names, seen, labels)
        for file, part in (('train.json', parts.train), ('unlabelled.json', parts.unlabelled),
                           ('held_out.json', parts.held_out)):
            write_part(self.place / file, part, gathered.photos, judged)
        self.voice.say(
            f'of {len(names)} photos {len(parts.train)} teach by '
            f'{"labels" if self.wish.labels else "the boxes"} and maps of the teacher, '
            + (f'{len(parts.unlabelled)} by its maps alone, ' if self.wish.labels else '')
            + f'{len(parts.held_out)} are held out, {len(parts.without_text)} show no text')
        return len(parts.train) + len(parts.unlabelled), bool(parts.unlabelled)

    def _start(self) -> Start:
        return start_of(self.wish.student, self.place)

    def _recipe(self, parts: Any, start: Start, epochs: int) -> DetectorRecipe:
        teacher = inner_teacher(self.wish.teacher, self.wish.teacher_checkpoint)
        return DetectorRecipe(self.wish.student, start, teacher, epochs, self.wish.seed,
                              imports_of(self.wish.teacher), self.wish.int8, unlabelled=parts)

    def _settled(self, cfg: Config, checkpoint: Path) -> Config:
        """Leave out what the student is less sure of than suits the photos that were held out."""
        counts = follow(self.voice, 'threshold', count_images(
            Config.fromfile(self.config), checkpoint, 'test', 'detection',
            device=self.device or 'cpu'))
        if counts.hits.any():
            least = float(counts.thresholds[best_threshold(counts, 'detection')])
            cfg.model.det_head.postprocessor.min_text_score = least
            self.voice.say(f'the student leaves out what it is less sure of than {least:.1f}, '
                           'which suits the photos that were held out')
        return cfg

    def _file_scores(self, file: OnnxFile, tell: Callable[[int], None]) -> dict[str, float]:
        detector, found = Detector(file), {}
        truth = read_boxes(str(self.place / 'held_out.json'))
        for number, name in enumerate(truth, 1):
            polygons, scores = detector(load(str(self._images / name)))
            found[name] = [{'polygon': polygon.ravel(), 'score': score}
                           for polygon, score in zip(polygons, scores)]
            tell(number)
        return boxes_scored(found, truth)

    def _teacher_scores(self) -> dict[str, float]:
        return boxes_scored(*(read_boxes(str(self.place / file))
                              for file in ('teacher.json', 'held_out.json')))


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
