"""Small copies of the pairs of configs/textrecog/kd_ltr, and data for them."""
from __future__ import annotations

import json
from typing import Any

import lmdb_files
import torch
from config_zoo import CONFIGS, load, shallow, without_pretrained
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.hub import get_config
from mmocr.registry import DATASETS, MODELS

# By name, because parsing everything before the first test runs takes a while.
DISTILLED = [name for name, path in CONFIGS.items()
             if path.parent.name == 'kd_ltr' and '-lr_' in name]
STR = ('IC13_1015', 'IC15_2077', 'CUTE80', 'SVT', 'SVTP')
TEXTZOOM = ('train1', 'train2', 'test/easy', 'test/medium', 'test/hard')


def teacher_config(cfg: Config) -> Config:
    """The config that a student's config names as its teacher's; of a distiller's its student."""
    path = cfg.model.teacher.config
    found = get_config(path) if path.startswith('mmocr::') else load(path)
    return Config({**found, 'model': found.model.get('student', found.model)})


def small_config(model: Config) -> dict[str, Any]:
    """A model config with few layers, without downloads."""
    return shallow(without_pretrained(model.to_dict()))


def small_pair(cfg: Config, folder: Any) -> Any:
    """A distiller with few layers, whose teacher has random weights."""
    teacher = small_config(teacher_config(cfg).model)
    weights = folder / 'teacher.pth'
    torch.save(MODELS.build(teacher).state_dict(), weights)
    model = small_config(cfg.model)
    model['teacher'] = dict(config=teacher, checkpoint=str(weights))
    return MODELS.build(model)


def write_words(root: Any) -> None:
    """Files where the TextZoom and STR configs look for them, below ``root``."""
    (root / 'textzoom/test').mkdir(parents=True)
    (root / 'str').mkdir()
    for name in TEXTZOOM:
        # Two blocks, one of which is set aside.
        texts = ['Word', 'a1'] * 60 if name == 'train2' else ['Word', "it's", 'a']
        lmdb_files.pairs(root / 'textzoom' / name, texts)
    for name in STR:
        lmdb_files.words(root / 'str' / name)


def dataset(cfg: Config, part: str, root: Any) -> Any:
    """Build a data set of a config; files are read below ``root``, two scenes are rendered."""
    text = json.dumps(cfg.to_dict()[f'{part}_dataloader']['dataset'])
    fields = json.loads(text.replace('"data/', f'"{root}/'))
    if fields['type'] == 'EmbeddedTextRecogDataset':
        fields.update(num_images=2, num_blocks=(4, 6))
    return DATASETS.build(fields)


def batch(cfg: Config, part: str, root: Any, size: int = 2) -> dict[str, Any]:
    """The first words of a config's data set, as its loader gives them."""
    data = dataset(cfg, part, root)
    return pseudo_collate([data[i] for i in range(size)])
