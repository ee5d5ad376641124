"""The DLD configs by name, and short copies of them that run in a test."""
from __future__ import annotations

import inspect
import re
from pathlib import Path
from typing import Any

import tiny_ratings
import torch
from config_zoo import CONFIGS, ROOT, load, without_pretrained
from mmengine.config import Config
from mmengine.runner import Runner
from mmocr.registry import MODELS

FOLDER = ROOT / 'textspotting/dld'
NAME = re.compile(r'(?P<spotter>.+)_(?P<method>dld|drs|skd|half|selector)'
                  r'(?P<way>-paper|-passes|-stored-full-crops|-stored)?(-gamma(?P<gamma>[\d.]+))?'
                  r'_(?P<epochs>\d+)e_(?P<data>.+)')
ARMS = {name: match.groupdict() for name in CONFIGS
        if CONFIGS[name].parent == FOLDER and (match := NAME.fullmatch(name))}
SPOTTERS = sorted({arm['spotter'] for arm in ARMS.values()})
# Trained to be what a student of that name is; the others have one that stays as it is.
COMPARED = [name for name in ARMS if ARMS[name]['method'] != 'selector']
SKD = {'roi', 'context', 'sequence'}
TERMS = {'dld': SKD, 'skd': SKD, 'drs': set(), 'selector': set(), 'half': set()}
# Same types of parts, few channels.
SMALL = {'mask-rcnn-resnet50_crnn-attn': 'mask-rcnn-resnet18_crnn-attn_5e_embedded'}
RUNNER = {*inspect.signature(Runner).parameters, 'default_scope', 'auto_scale_lr'}


def named(**fields: str | None) -> list[str]:
    """Arms whose names have these parts."""
    return [name for name, arm in ARMS.items() if fields.items() <= arm.items()]


def is_published(name: str) -> bool:
    """Whether an arm's selector is trained the published way, for one price of compute."""
    return ARMS[name]['gamma'] is not None


def selects(name: str) -> bool:
    """Whether an arm has a selector."""
    return ARMS[name]['method'] in ('dld', 'drs', 'selector')


def is_stored(name: str) -> bool:
    """Whether its selector learns from ratings."""
    return (ARMS[name]['way'] or '').startswith('-stored')


def terms(name: str) -> set[str]:
    """What an arm's student learns of its teacher."""
    return TERMS[ARMS[name]['method']]


def last_checkpoint(name: str) -> str:
    """Where a training of a config leaves its weights."""
    return f'work_dirs/{name}/epoch_{load(CONFIGS[name]).train_cfg.max_epochs}.pth'


def table(name: str) -> tuple[str, str]:
    """What an arm is compared with: the same spotter on the same data."""
    return ARMS[name]['spotter'], ARMS[name]['data']


def configured(cfg: Config) -> dict[str, Any]:
    """What a runner sees, without the helpers of the files."""
    return {key: value for key, value in cfg.to_dict().items() if key in RUNNER}


def teacher_config(cfg: Config) -> Config:
    """The config of an arm's teacher."""
    return load(cfg.model.teacher.config)


def small_student(name: str) -> dict[str, Any]:
    """Model config of an arm's student, or teacher, that fits into a test, without downloads."""
    small = SMALL.get(ARMS[name]['spotter'])
    model = load(CONFIGS[name]).model.student if small is None else load(CONFIGS[small]).model
    return without_pretrained(model.to_dict())


def student_weights(name: str, folder: Path) -> str:
    """Path of random weights for it."""
    path = folder / f'{table(name)}.pth'
    if not path.exists():
        torch.manual_seed(0)
        torch.save(MODELS.build(small_student(name)).state_dict(), path)
    return str(path)


def build_arm(name: str, folder: Path) -> Any:
    """An arm as training finds it, but small where its spotter is large, and of random weights.

    Its ratings know ``tiny.png``.
    """
    model = load(CONFIGS[name]).to_dict()['model']
    teacher = dict(config=small_student(name), checkpoint=student_weights(name, folder))
    if is_stored(name):
        model['objective']['errors']['file'] = str(folder / f'{name}.jsonl')
        tiny_ratings.write(model['objective']['errors']['file'], ['tiny.png'],
                           model['selector']['scale_factors'])
    torch.manual_seed(0)
    built = MODELS.build({**model, 'student': small_student(name), 'teacher': teacher})
    built.init_weights()
    return built
