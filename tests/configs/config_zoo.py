"""The shipped configs, parsed and built once for all tests of this folder."""
from __future__ import annotations

import functools
import json
import re
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from mmengine.config import Config
from mmocr.registry import MODELS
from torch import nn

ROOT = Path(__file__).resolve().parents[2] / 'configs'


def _is_experiment(path: Path) -> bool:
    """Not a base of others, a recipe for data or a comparison; of classes that are installed."""
    parts = path.relative_to(ROOT).parts
    return not {'dataset_zoo', 'compare', 'abcnet'} & set(parts) and not any(
        part.startswith('_base_') for part in parts)


FILES = [path for path in sorted(ROOT.rglob('*.py')) if _is_experiment(path)]
CONFIGS = {path.stem: path for path in FILES}
DETECTORS = [name for name, path in CONFIGS.items()
             if not {'textrecog', 'textspotting', 'dld'} & set(path.parts)]
# Read off the text, because parsing everything before the first test runs takes a while.
DISTILLED = [name for name in DETECTORS if re.search(r'teacher\s*=', CONFIGS[name].read_text())]
# By another model with a config, not by a black box or what the student makes of itself.
TAUGHT = [name for name in DISTILLED if not re.search('-(ema|ppocr|ppocr-int8)_', name)]

# Fields that say how often layers repeat.
_LAYERS = dict.fromkeys(('NRTREncoder', 'SATRNEncoder', 'NRTRDecoder', 'MasterDecoder',
                         'ABIEncoder', 'ABILanguageDecoder', 'ExportableABILanguageDecoder',
                         'SemanticVisualFusion'), 'n_layers')
_LAYERS['PARSeqViT'] = 'depth'


@functools.cache
def load(path: str | Path) -> Config:
    """Parse a config file; treat the result as read-only, it is shared."""
    return Config.fromfile(path, format_python_code=False)


def without_pretrained(node: Any) -> Any:
    """Copy of a (part of a) config without downloads."""
    if isinstance(node, dict):
        return {k: without_pretrained(v) for k, v in node.items() if k != 'init_cfg'}
    return [without_pretrained(item) for item in node] if isinstance(node, list) else node


@functools.cache
def _build(model: str) -> nn.Module:
    return MODELS.build(json.loads(model))


def build(cfg: Config) -> nn.Module:
    """Build a config's model with random weights, or hand out the one built for its like."""
    model = cfg.to_dict()['model']
    return _build(json.dumps(without_pretrained(model), sort_keys=True))


def shallow(model: Any) -> Any:
    """Copy of a model config with one layer wherever layers repeat, and five characters."""
    if not isinstance(model, dict):
        return model
    cut: dict[str, Any] = {_LAYERS[model['type']]: 1} if model.get('type') in _LAYERS else {}
    if 'max_seq_len' in model and 'Encoder' not in model['type']:
        cut['max_seq_len'] = 6
    return {key: shallow(value) for key, value in model.items()} | cut


def teacher_of(cfg: Config) -> dict[str, Any]:
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
