"""The config of a distillation as a file that people read, and MMEngine."""
from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cache
from typing import Any, Sequence

from mmengine.config import Config

from ..pseudo_label import teacher_of
from ..read_config import read_config
from ..students import STUDENTS, Start, shipped

RECIPE = 'configs/textdet/masket/_base_/recipes/photos.py'
_HERE = '{{ fileDirname }}'
_TEXT = """# Written by "mmocr-kd distill det": {student}, taught by {teacher}.
# This trains it again, to the same weights on the same machine:
#   mim train mmocr config.py --work-dir again
_base_ = {base}
{fields}
train_dataloader = {train}
val_dataloader = {held_out}
test_dataloader = val_dataloader
_base_.custom_hooks[0].teacher = {cached}
train_cfg = dict(max_epochs={epochs}, val_interval={epochs})  # of {steps} steps
_base_.param_scheduler[0].end = {epochs}
randomness = dict(seed={seed})
"""


@dataclass(frozen=True)
class Recipe:
    """What the config of a training says beyond our recipe.

    Args:
        student: One of :data:`.STUDENTS`.
        start: What it starts from.
        teacher: Config of the teacher.
        unlabelled: Whether there are photos that the teacher alone knows, beside labels: half of
            each batch.
        epochs: Of :func:`epoch_steps`.
        seed: Of the training.
        imports: Modules that the teacher needs.
    """

    student: str
    start: Start
    teacher: dict[str, Any]
    unlabelled: bool
    epochs: int
    seed: int
    imports: Sequence[str] = ()

    @property
    def text(self) -> str:
        """Of the file."""
        imports = {'imports': ['mmocr_kd', *self.imports], 'allow_failed_imports': False}
        fields = {**({'custom_imports': imports} if self.imports else {}), **self.start.fields,
                  'model': _prepared(self.start.fields.get('model', {}))}
        base = [str(shipped(RECIPE)), str(shipped(STUDENTS[self.student].model))]
        return _TEXT.format(
            student=self.student, teacher=self.teacher.get('model') or self.teacher.get('config'),
            base=_code(base), fields='\n'.join(f'{key} = {_code(value)}'
                                               for key, value in fields.items()),
            train=_code(self._train()), held_out=_code({'dataset': _part('held_out.json')}),
            cached=_code(cached(self.teacher, f'{_HERE}/cache')), epochs=self.epochs,
            steps=epoch_steps(), seed=self.seed)

    def _train(self) -> dict[str, Any]:
        parts = [{'type': 'OCRDataset', **_part('train.json')}]
        if self.unlabelled:
            parts.append({'type': 'UnlabelledTextDetDataset', **_part('unlabelled.json'),
                          'boxes': f'{_HERE}/teacher.json'})
        groups = _recipe().train_dataloader.sampler.groups // len(parts)
        return {'num_workers': max(1, min(4, len(os.sched_getaffinity(0)) // 2)),
                'sampler': {'ratios': [1] * len(parts), 'groups': groups},
                'dataset': {'datasets': parts}}


@cache
def _recipe() -> Config:
    return Config.fromfile(shipped(RECIPE))


def batch_size() -> int:
    """Images in a step of our recipe."""
    return int(_recipe().train_dataloader.batch_size)


def epoch_steps() -> int:
    """Steps in an epoch of our recipe; each ends with a checkpoint."""
    return int(_recipe().train_dataloader.sampler.groups) // batch_size()


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


def filling_config(teacher: dict[str, Any], photos: str, store: str) -> Config:
    """What :func:`.prepare_filling` needs, to ask a teacher about all photos.

    Args:
        teacher: Its config.
        photos: Folder.
        store: Folder of the store.
    """
    load = _recipe().train_pipeline[:1]
    dataset = {'type': 'UnlabelledTextDetDataset', 'data_root': photos, 'pipeline': load}
    return Config({'train_dataloader': {'dataset': dataset}, 'model': {},
                   'custom_hooks': [{'type': 'MaskETDistillHook',
                                     'teacher': cached(teacher, store)}]})


def _prepared(model: dict[str, Any]) -> dict[str, Any]:
    """The workers make the targets, whatever the student's own config says."""
    return {**model, 'det_head': {'module_loss': {'type': 'PreparedDBModuleLoss'}}}


def _part(file: str) -> dict[str, str]:
    return {'data_root': f'{_HERE}/photos', 'ann_file': f'{_HERE}/{file}'}


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
