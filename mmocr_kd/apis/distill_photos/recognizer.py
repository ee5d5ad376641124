"""From a folder of photos to a light text recogniser."""
from __future__ import annotations

import json
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Callable, Iterator

from mmocr.registry import METRICS

from ...datasets.unlabelled.unlabelled_datasets import read_boxes
from ...reader import OnnxFile, Recognizer
from ...reader.photos import load
from ...store import write_whole
from ..pseudo_label import label_words
from ..read_config import read_config
from ..students import RECOGNISERS, Start, recogniser_start
from .config_file import RecognizerRecipe, inner_teacher
from .distillation import PhotoDistillation, require_rapidocr
from .photos import Gathered
from .split import Split, split
from .words import (
    SURE,
    Words,
    counting,
    dictionary_of,
    quads_of,
    read_words,
    spellable,
    write_words,
)

FINDER = 'rapidocr'  # of text, where no detector's distillation has found it
ENOUGH = 2000  # words; to fewer, rendered ones are added
_SMALLEST = 8  # pixels, of the shorter side of a word that is read


@dataclass(frozen=True)
class Parts:
    """What is learnt.

    Args:
        files: Of words.
        rendered: Whether rendered words are added.
    """

    files: list[str]
    rendered: bool


class RecognizerDistillation(PhotoDistillation):
    """A recogniser out of photos: see :class:`.PhotoDistillation`.

    Map: words are cut out and read by ``apis/pseudo_label.py``, chosen and spelt by ``words.py``.
    """

    students = RECOGNISERS
    product = 'A recogniser'

    @property
    def _boxes(self) -> Path:
        """Where text is: what this, or a detector's distillation in the folder, has found."""
        own, of_detector = self.place / 'boxes.json', self.out / 'teacher.json'
        return own if own.exists() or not of_detector.exists() else of_detector

    @property
    def _images(self) -> Path:
        return self.place

    def _asked(self) -> tuple[str, str]:
        return 'words.json', f'words cut out, {self.wish.teacher} asked once about each'

    def _ask_teacher(self, gathered: Gathered) -> None:
        """Boxes, then the words in them: each is read once."""
        words, quads = self.place / 'words.json', self.place / 'quads.json'
        if words.exists():
            return
        if not self._boxes.exists():
            if FINDER == 'rapidocr':
                require_rapidocr('finding the words')
            self._find_text(FINDER, self._boxes, len(gathered.photos))
        found = quads_of(read_boxes(str(self._boxes)), self._labels(gathered),
                         self.wish.labels or '')
        self._require_text(found)
        write_whole(quads, _as_labels(found))
        inner_teacher(self.wish.teacher, self.wish.teacher_checkpoint)
        reading = label_words(
            self.wish.teacher, str(self.out / 'photos'), str(quads), str(words), floor=0,
            min_size=_SMALLEST, any_corner=True, checkpoint=self.wish.teacher_checkpoint,
            device=self.device, labelled=True)
        with self.voice.phase('reading, photo by photo', len(reading.names)) as tell:
            for number, _ in enumerate(reading.run(), 1):
                tell(number)

    def _require_text(self, found: dict[str, list[dict[str, Any]]]) -> None:
        if not any(not one.get('ignore') for there in found.values() for one in there):
            raise ValueError(
                f'the teacher sees text on none of {len(found)} photos in --images '
                f'{self.wish.images!r}: are they of text, upright? If so, give another --teacher '
                '(docs/teachers.md), and another --out')

    def _parts(self, gathered: Gathered) -> tuple[int, Parts]:
        words = read_words(self.place / 'words.json')
        labelled = read_boxes(self.wish.labels, '--labels') if self.wish.labels else None
        sure, names = counting(words), [photo.name for photo in gathered.photos]
        labels = labelled and {name: sure.get(name, []) for name in names if name in labelled}
        parts = split(names, sure, labels)
        self._say_words(words, sure)
        number, unfit, files = self._write(parts, sure)
        rendered = number < ENOUGH and self._can_render(number)
        photos = len(parts.train) + len(parts.unlabelled)
        self.voice.say(f'{number} words on {photos} photos teach'
                       f'{", and rendered ones" if rendered else ""}; {unfit} do not, which have '
                       'characters that occur nowhere else, or too many; those on '
                       f'{len(parts.held_out)} photos are held out')
        return number, Parts(files, rendered)

    def _say_words(self, words: Words, sure: Words) -> None:
        read = [word for there in words.values() for word in there if 'read' not in word]
        kept = sum('read' not in word for there in sure.values() for word in there)
        self.voice.say(f'words: {sum(map(len, words.values()))}; of {len(read)} readings the '
                       f'teacher is sure ({SURE}) of {kept}, the others are left out')

    def _write(self, parts: Split, words: Words) -> tuple[int, int, list[str]]:
        """Words with their texts, and the dictionary; how many teach, how many not, the files."""
        photos = {'train.json': parts.train, 'unlabelled.json': parts.unlabelled}
        taught = {file: list(_on(names, words)) for file, names in photos.items()}
        dictionary = dictionary_of(word for part in taught.values() for word in part)
        learnt = {file: spellable(part, dictionary) for file, part in taught.items()}
        if not learnt['train.json']:
            raise ValueError(f'no word on {len(parts.train)} photos can be learnt: each is longer '
                             'than 60 characters, or has one that occurs nowhere else. Give a '
                             'larger --images, and another --out')
        for file, part in learnt.items():
            write_words(self.place / file, part)
        write_words(self.place / 'held_out.json', _on(parts.held_out, words))
        write_whole(self.place / 'dictionary.txt', '\n'.join(dictionary).encode())
        number, all_words = (sum(map(len, part.values())) for part in (learnt, taught))
        return number, all_words - number, [file for file, part in learnt.items() if part]

    def _can_render(self, number: int) -> bool:
        there = all(map(find_spec, ('matplotlib', 'skimage')))
        if not there:
            self.voice.say(f'{number} words are few, and what renders others is not installed: '
                           "pip install 'mmocr_kd[embedded]'")
        return there

    def _start(self) -> Start:
        return recogniser_start(self.wish.student, self.place / 'dictionary.txt')

    def _recipe(self, parts: Any, start: Start, epochs: int) -> RecognizerRecipe:
        teacher = inner_teacher(self.wish.teacher, self.wish.teacher_checkpoint)
        return RecognizerRecipe(self.wish.student, start, teacher, epochs, self.wish.seed,
                                int8=self.wish.int8, files=parts.files, rendered=parts.rendered)

    def _file_scores(self, file: OnnxFile, tell: Callable[[int], None]) -> dict[str, float]:
        recognizer, read = Recognizer(file), {}
        for number, path in enumerate(read_boxes(str(self.place / 'held_out.json')), 1):
            (read[path], _), = recognizer([load(str(self._images / path))])
            tell(number)
        return self._readings_scored(read)

    def _teacher_scores(self) -> dict[str, float]:
        words = read_words(self.place / 'words.json')
        return self._readings_scored({word['img_path']: word['read'] for there in words.values()
                                      for word in there if 'read' in word})

    def _readings_scored(self, read: dict[str, str]) -> dict[str, float]:
        """Of words that were held out, by path."""
        held_out = read_boxes(str(self.place / 'held_out.json'))
        evaluator = read_config(self.student.with_suffix('.py')).test_evaluator
        return readings_scored([(read[path], word['text'])
                                for path, (word, ) in held_out.items()], evaluator)


def _on(photos: list[str], words: Words) -> Iterator[dict[str, Any]]:
    return (word for name in photos for word in words.get(name, []))


def _as_labels(found: dict[str, list[dict[str, Any]]]) -> bytes:
    data = [{'img_path': name, 'instances': instances} for name, instances in found.items()]
    return json.dumps({'data_list': data}, ensure_ascii=False).encode()


def readings_scored(pairs: list[tuple[str, str]], metrics: list[dict[str, Any]]
                    ) -> dict[str, float]:
    """MMOCR's scores of readings that lie in a file.

    Args:
        pairs: What was read, and what is there.
        metrics: Configs of the metrics.
    """
    samples = [{'pred_text': {'item': read}, 'gt_text': {'item': text}} for read, text in pairs]
    scores: dict[str, float] = {}
    for metric in (METRICS.build(dict(config)) for config in metrics):
        metric.process([], samples)
        scores |= metric.evaluate(len(samples))
    return {name.rpartition('/')[2]: value for name, value in scores.items()}
