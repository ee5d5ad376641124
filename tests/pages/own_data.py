"""A stranger's few photos and words, put where a config has its data sets."""
from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np

# Of the steps of a pipeline, and of rendered images.
SIZES = ('scale', 'size', 'target_size', 'image_size', 'short_size')
POLYGONS = ([50, 60, 300, 70, 298, 140, 52, 130], [320, 200, 600, 210, 590, 300, 310, 280])


def write(folder: Path) -> None:
    """Two noise photos with two words each, words cut out, and lexicons, in their formats."""
    pixels = np.random.default_rng(0).integers(0, 256, (480, 640, 3), dtype=np.uint8)
    cv2.imwrite(str(folder / 'photo.jpg'), pixels)
    cv2.imwrite(str(folder / 'word.jpg'), pixels[:40, :130])
    found = [dict(polygon=polygon, bbox=[*polygon[:2], *polygon[4:6]], bbox_label=0, ignore=False,
                  text='word') for polygon in POLYGONS]
    photo = dict(img_path='photo.jpg', height=480, width=640, instances=found)
    word = dict(img_path='word.jpg', instances=[dict(text='word')])
    _dump(folder / 'photos.json', 'textspotting', [photo] * 2)
    _dump(folder / 'words.json', 'textrecog', [word] * 2)
    lexicons = folder / 'data/icdar2015'
    for name in ('strong/voc_photo.txt', 'weak.txt', 'generic.txt'):
        (lexicons / name).parent.mkdir(parents=True, exist_ok=True)
        (lexicons / name).write_text('WORD\nOTHER\n')


def _dump(path: Path, task: str, data_list: list[dict]) -> None:
    meta = dict(dataset_type='OCRDataset', task_name=task)
    if task != 'textrecog':
        meta['category'] = [dict(id=0, name='text')]
    path.write_text(json.dumps(dict(metainfo=meta, data_list=data_list)))


def use(node: Any, folder: Path) -> Any:
    """Copy of a (part of a) config whose data sets read the files; photos are read small."""
    if isinstance(node, list):
        return [use(item, folder) for item in node]
    if not isinstance(node, dict):
        return node
    if node.get('type', '').startswith('Embedded'):
        return dict(node, num_images=2, image_size=(128, 128))
    if node.get('type', '').startswith('Unlabelled'):
        return dict(node, data_root=str(folder), boxes=str(folder / 'photos.json'),
                    pipeline=use(node['pipeline'], folder))
    if 'ann_file' in node:
        kept = {key: use(node[key], folder) for key in ('pipeline', 'test_mode') if key in node}
        if 'LMDB' in node['type'] and kept.get('pipeline'):  # gives decoded images
            load = dict(type='LoadImageFromFile', color_type=node.get('img_color_type', 'color'))
            kept['pipeline'] = [load, *kept['pipeline']]
        task = 'words' if 'recog' in f"{node['type']} {node['ann_file']}".lower() else 'photos'
        return dict(kept, type='OCRDataset', data_root=str(folder), ann_file=f'{task}.json')
    return {key: _small(value) if key in SIZES else use(value, folder)
            for key, value in node.items()}


def _small(size: Any) -> Any:
    if isinstance(size, int):
        return min(size, 128)
    return (128, 128) if isinstance(size, (list, tuple)) and max(size) > 200 else size
