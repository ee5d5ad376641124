"""The DLD configs by name, and short copies of them that run in a test."""
from __future__ import annotations

import inspect
import re
from pathlib import Path
from typing import Any

import torch
from config_zoo import CONFIGS, ROOT, load, without_pretrained
from mmengine.config import Config
from mmengine.runner import Runner
from mmocr.registry import MODELS

FOLDER = ROOT / 'textspotting/dld'
NAME = re.compile(r'(?P<spotter>.+)_(?P<method>dld|drs|skd|half|selector)'
                  r'(?P<way>-paper|-gumbel)?(-gamma(?P<gamma>[\d.]+))?_(?P<epochs>\d+)e_(?P<data>.+)')
ARMS = {name: match.groupdict() for name in CONFIGS
        if CONFIGS[name].parent == FOLDER and (match := NAME.fullmatch(name))}
SPOTTERS = sorted({arm['spotter'] for arm in ARMS.values()})
# Trained to be what a student of that name is; their selectors only get them started.
COMPARED = [name for name in ARMS if ARMS[name]['method'] != 'selector']
SKD = {'roi', 'context', 'sequence'}
TERMS = {'dld': SKD, 'skd': SKD, 'drs': set(), 'selector': set(), 'half': set()}
# Same types of parts, few channels.
SMALL = {'mask-rcnn-resnet50_crnn-attn': 'mask-rcnn-resnet18_crnn-attn_5e_embedded'}
RUNNER = {*inspect.signature(Runner).parameters, 'default_scope', 'auto_scale_lr'}


def named(**fields: str | None) -> list[str]:
    """Arms whose names have these parts."""
    return [name for name, arm in ARMS.items() if fields.items() <= arm.items()]


def expects_errors(name: str) -> bool:
    """Whether an arm's selector predicts errors and has learnt before, as the small ones do."""
    arm = ARMS[name]
    return arm['spotter'].startswith('dbnet') and arm['way'] is None and selects(name)


def selects(name: str) -> bool:
    """Whether an arm has a selector."""
    return ARMS[name]['method'] in ('dld', 'drs', 'selector')


def terms(name: str) -> set[str]:
    """Losses of an arm's student."""
    return TERMS[ARMS[name]['method']]


def selector_arm(name: str) -> str:
    """The training that the selector of an arm has behind it."""
    arm = ARMS[name]
    (found, ) = named(method='selector', **{key: arm[key] for key in ('spotter', 'gamma', 'data')})
    return found


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


def small_teacher(name: str) -> dict[str, Any]:
    """Model config of an arm's teacher that fits into a test, without downloads."""
    small = SMALL.get(ARMS[name]['spotter'])
    cfg = teacher_config(load(CONFIGS[name])) if small is None else load(CONFIGS[small])
    return without_pretrained(cfg.to_dict()['model'])


def teacher_weights(name: str, folder: Path) -> str:
    """Path of random weights for it."""
    path = folder / f'{ARMS[name]["spotter"]}.pth'
    if not path.exists():
        torch.manual_seed(0)
        torch.save(MODELS.build(small_teacher(name)).state_dict(), path)
    return str(path)


def build_arm(name: str, folder: Path) -> Any:
    """An arm as training finds it, but small where its spotter is large, and of random weights."""
    model = load(CONFIGS[name]).to_dict()['model']
    teacher = dict(config=small_teacher(name), checkpoint=teacher_weights(name, folder))
    torch.manual_seed(0)
    built = MODELS.build({**model, 'student': small_teacher(name), 'teacher': teacher})
    built.init_weights()
    return built
