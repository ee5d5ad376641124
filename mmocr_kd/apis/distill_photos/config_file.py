"""The config of a distillation as a file that people read, and MMEngine."""
from __future__ import annotations

import os
from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cache
from typing import Any, ClassVar, Sequence

from mmengine.config import Config

from ..pseudo_label import teacher_of
from ..read_config import read_config
from ..students import RECOGNISERS, STUDENTS, Start, Student, shipped

_HERE = '{{ fileDirname }}'
_TEXT = """# Written by "mmocr-kd distill {what}": {name}, taught by {teacher}.
# This trains it again, to the same weights on the same machine:
#   mmocr-kd train config.py --work-dir again
_base_ = {base}
{fields}
train_dataloader = {train}
val_dataloader = {held_out}
test_dataloader = val_dataloader
{more}train_cfg = dict(max_epochs={epochs}, val_interval={epochs})  # of {steps} steps
_base_.param_scheduler[0].end = {epochs}
randomness = dict(seed={seed})
"""


@dataclass(frozen=True)
class Recipe(ABC):
    """What the config of a training says beyond our recipe.

    Args:
        name: Of the student.
        start: What it starts from.
        teacher: Config of the teacher.
        epochs: Of :func:`epoch_steps`.
        seed: Of the training.
        imports: Modules that the teacher needs.
        int8: Whether its last quarter rounds to 8 bits.
    """

    name: str
    start: Start
    teacher: dict[str, Any]
    epochs: int
    seed: int
    imports: Sequence[str] = ()
    int8: bool = False

    @property
    def text(self) -> str:
        """Of the file."""
        fields = {key: value for key, value in self.fields().items() if value}
        return _TEXT.format(
            what=self.what, name=self.name, base=_code(base_of(self.student)),
            teacher=self.teacher.get('model') or self.teacher.get('config'),
            fields='\n'.join(f'{key} = {_code(value)}' for key, value in fields.items()),
            train=_code(self._train()), held_out=_code(self.held_out()),
            more=self.more() + self._rounding(),
            epochs=self.epochs, steps=epoch_steps(self.student), seed=self.seed)

    what: ClassVar[str]  #: 'det' or 'rec'

    @property
    @abstractmethod
    def student(self) -> Student:
        """Whose it is."""

    @abstractmethod
    def fields(self) -> dict[str, Any]:
        """Fields of the config, those without a value left out."""

    @abstractmethod
    def parts(self) -> list[dict[str, Any]]:
        """Configs of the data sets that each batch has as much of."""

    @abstractmethod
    def held_out(self) -> dict[str, Any]:
        """Of the data loader of what is held out."""

    def more(self) -> str:
        """Lines of its own."""
        return ''

    def _rounding(self) -> str:
        if not self.int8:
            return ''
        hook = {'type': 'QuantizationAwareTrainingHook', 'start': self.epochs * 3 // 4}
        return f"custom_hooks = [*_base_.get('custom_hooks', []), {_code(hook)}]\n"

    def _train(self) -> dict[str, Any]:
        parts = self.parts()
        groups = _recipe(self.student.recipe).train_dataloader.sampler.groups // len(parts)
        return {'num_workers': max(1, min(4, len(os.sched_getaffinity(0)) // 2)),
                'sampler': {'ratios': [1] * len(parts), 'groups': groups},
                'dataset': {'datasets': parts}}


@dataclass(frozen=True)
class DetectorRecipe(Recipe):
    """Of a detector.

    Args:
        unlabelled: Whether there are photos that the teacher alone knows, beside labels: half of
            each batch.
    """

    unlabelled: bool = False
    what = 'det'

    @property
    def student(self) -> Student:
        """Whose it is."""
        return STUDENTS[self.name]

    def fields(self) -> dict[str, Any]:
        """The teacher's modules, and what the student starts from."""
        imports = {'imports': ['mmocr_kd', *self.imports], 'allow_failed_imports': False}
        return {**({'custom_imports': imports} if self.imports else {}), **self.start.fields,
                'model': _prepared(self.start.fields.get('model', {}))}

    def parts(self) -> list[dict[str, Any]]:
        """Photos with boxes, and those that the teacher's maps alone teach by."""
        parts = [{'type': 'OCRDataset', **_part('photos', 'train.json')}]
        if self.unlabelled:
            parts.append({'type': 'UnlabelledTextDetDataset', **_part('photos', 'unlabelled.json'),
                          'boxes': f'{_HERE}/teacher.json'})
        return parts

    def held_out(self) -> dict[str, Any]:
        """Photos with boxes."""
        return {'dataset': _part('photos', 'held_out.json')}

    def more(self) -> str:
        """The teacher, in its store."""
        teacher = _code(cached(self.teacher, f'{_HERE}/cache'))
        return f'_base_.custom_hooks[0].teacher = {teacher}\n'


@dataclass(frozen=True)
class RecognizerRecipe(Recipe):
    """Of a recogniser, which needs no teacher: what that has read stands in files.

    Args:
        files: Of words to learn from.
        rendered: Whether rendered words are added.
    """

    files: Sequence[str] = ('train.json', )
    rendered: bool = False
    what = 'rec'

    @property
    def student(self) -> Student:
        """Whose it is."""
        return RECOGNISERS[self.name]

    def fields(self) -> dict[str, Any]:
        """What the student starts from, and its dictionary."""
        dictionary = {'dict_file': f'{_HERE}/dictionary.txt'}
        return {**self.start.fields, 'model': {'decoder': {'dictionary': dictionary}}}

    def parts(self) -> list[dict[str, Any]]:
        """Words of photos, and rendered ones."""
        words = [{'type': 'OCRDataset', **_part('.', file)} for file in self.files]
        return [*words, *([_RENDERED] if self.rendered else [])]

    def held_out(self) -> dict[str, Any]:
        """Words of other photos."""
        return {'dataset': _part('.', 'held_out.json')}


_RENDERED = {'type': 'EmbeddedTextRecogDataset', 'num_images': 500, 'text_height': [10, 48]}


@cache
def _recipe(path: str) -> Config:
    return Config.fromfile(shipped(path))


def base_of(student: Student) -> list[str]:
    """Configs that the config of a training inherits from.

    Args:
        student: Who learns.
    """
    return [str(shipped(student.recipe)), str(shipped(student.model))]


def batch_size(student: Student) -> int:
    """Images in a step of our recipe.

    Args:
        student: Who learns.
    """
    return int(_recipe(student.recipe).train_dataloader.batch_size)


def epoch_steps(student: Student) -> int:
    """Steps in an epoch of our recipe; each ends with a checkpoint.

    Args:
        student: Who learns.
    """
    return int(_recipe(student.recipe).train_dataloader.sampler.groups) // batch_size(student)


def cached(teacher: dict[str, Any], store: str) -> dict[str, Any]:
    """Config of a teacher in a store.

    Args:
        teacher: Its config.
        store: Folder of the store.
    """
    return {'type': 'CachedTeacher', 'store': store, 'teacher': teacher}


def inner_teacher(source: str, checkpoint: str | None) -> dict[str, Any]:
    """Config of the teacher that a command names, good wherever it is read.

    Args:
        source: See :func:`.teacher_of`.
        checkpoint: See there.
    """
    found: dict[str, Any] = Config(teacher_of(source, checkpoint)).to_dict()
    if 'store' in found and 'teacher' in found:  # in a store of another training
        found = found['teacher']
    return {key: os.path.abspath(value) if isinstance(value, str) and os.path.exists(value)
            else value for key, value in found.items()}


def imports_of(source: str) -> list[str]:
    """Modules that a teacher's config imports, but for ours.

    Args:
        source: See :func:`.teacher_of`.
    """
    if source == 'rapidocr':
        return []
    found = read_config(source).get('custom_imports') or {}
    return [name for name in found.get('imports', []) if name != 'mmocr_kd']


def filling_config(student: Student, teacher: dict[str, Any], photos: str, store: str) -> Config:
    """What :func:`.prepare_filling` needs, to ask a teacher about all photos.

    Args:
        student: Who learns.
        teacher: Its config.
        photos: Folder.
        store: Folder of the store.
    """
    load = _recipe(student.recipe).train_pipeline[:1]
    dataset = {'type': 'UnlabelledTextDetDataset', 'data_root': photos, 'pipeline': load}
    return Config({'train_dataloader': {'dataset': dataset}, 'model': {},
                   'custom_hooks': [{'type': 'MaskETDistillHook',
                                     'teacher': cached(teacher, store)}]})


def _prepared(model: dict[str, Any]) -> dict[str, Any]:
    """The workers make the targets, whatever the student's own config says."""
    return {**model, 'det_head': {'module_loss': {'type': 'PreparedDBModuleLoss'}}}


def _part(root: str, file: str) -> dict[str, str]:
    return {'data_root': f'{_HERE}/{root}'.removesuffix('/.'), 'ann_file': f'{_HERE}/{file}'}


def _code(value: Any, depth: int = 0) -> str:
    """Python code as configs have it: dict(key=value), a line each where it gets long."""
    if not (isinstance(value, (dict, list)) and value):
        return repr(value)
    inner = depth + 4
    keyed = isinstance(value, dict) and all(str(key).isidentifier() for key in value)
    left, right = ('dict(', ')') if keyed else '{}' if isinstance(value, dict) else '[]'
    parts = [_code(one, inner) for one in value] if isinstance(value, list) else [
        (f'{key}=' if keyed else f'{key!r}: ') + _code(one, inner) for key, one in value.items()]
    line = left + ', '.join(parts) + right
    if '\n' not in line and len(line) + depth < 80:
        return line
    return f'{left}\n' + ',\n'.join(' ' * inner + part for part in parts) + right
