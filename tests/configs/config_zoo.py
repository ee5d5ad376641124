"""The shipped configs, parsed and built once for all tests of this folder."""
from __future__ import annotations

import functools
import json
import re
from pathlib import Path

import cv2
import mmocr_kd  # noqa: F401  (registers, and lets MMOCR import on any stack)
import numpy as np
from mmengine.config import Config
from mmengine.registry import DefaultScope
from mmocr.registry import MODELS
from mmocr.utils import register_all_modules
from torch import nn

ROOT = Path(__file__).resolve().parents[2] / 'configs'
register_all_modules(init_default_scope=False)


def _is_base(path: Path) -> bool:
    return any(part.startswith('_base_') for part in path.relative_to(ROOT).parts)


CONFIGS = {path.stem: path for path in sorted(ROOT.rglob('*.py')) if not _is_base(path)}
FILES = [path for path in ROOT.rglob('*.py') if not _is_base(path)]
# Read off the text, because parsing everything before the first test runs takes a while.
DISTILLED = [name for name, path in CONFIGS.items()
             if re.search(r'teacher\s*=', path.read_text())]


@functools.cache
def load(path: str | Path) -> Config:
    """Parse a config file; treat the result as read-only, it is shared."""
    return Config.fromfile(path, format_python_code=False)


def scoped():
    """MMOCR's registries come first inside this context, as in a Runner."""
    return DefaultScope.overwrite_default_scope('mmocr')


def _without_pretrained(node):
    """Copy of a config without downloads."""
    if isinstance(node, dict):
        return {k: _without_pretrained(v) for k, v in node.items() if k != 'init_cfg'}
    return [_without_pretrained(item) for item in node] if isinstance(node, list) else node


@functools.cache
def _build(model: str) -> nn.Module:
    with scoped():
        return MODELS.build(json.loads(model))


def build(cfg: Config) -> nn.Module:
    """Build a config's model with random weights, or hand out the one built for its like."""
    model = cfg.to_dict()['model']
    return _build(json.dumps(_without_pretrained(model), sort_keys=True))


def teacher_of(cfg: Config) -> dict:
    """The ``teacher`` that the hook or the wrapper model of this config names."""
    parts = (*cfg.get('custom_hooks', []), cfg.model)
    return next(part['teacher'] for part in parts if 'teacher' in part)


def photo_data(folder: Path, ann_file: str, copies: int = 1) -> str:
    """Write a detection data set of ``copies`` noise photos with two words each.

    Returns:
        Its data root.
    """
    pixels = np.random.default_rng(0).integers(0, 256, (480, 640, 3), dtype=np.uint8)
    cv2.imwrite(str(folder / 'photo.jpg'), pixels)
    polygons = ([50, 60, 300, 70, 298, 140, 52, 130], [320, 200, 600, 210, 590, 300, 310, 280])
    words = [dict(polygon=p, bbox=[*p[:2], *p[4:6]], bbox_label=0, ignore=False) for p in polygons]
    photo = dict(img_path='photo.jpg', height=480, width=640, instances=words)
    meta = dict(dataset_type='TextDetDataset', task_name='textdet',
                category=[dict(id=0, name='text')])
    (folder / ann_file).write_text(json.dumps(dict(metainfo=meta, data_list=[photo] * copies)))
    return str(folder)
