"""Rendered photos of a few words as files, and the words cut out of them."""
import functools
import json
import tempfile
from pathlib import Path

import cv2
import lmdb_files
import numpy as np
from mmocr.registry import DATASETS

from mmocr_kd.datasets.source_photos import infos, read_grey


@functools.cache
def _folder():
    return tempfile.TemporaryDirectory()


@functools.cache
def photos(seed, count=2):
    """Config of a data set of photos, of other words and backgrounds than those of other seeds."""
    rendered = DATASETS.build(dict(type='EmbeddedTextSpottingDataset', num_images=count, seed=seed,
                                   image_size=(256, 256), text_height=(14, 40), pipeline=[]))
    root = Path(_folder().name) / f'{seed}-{count}'
    root.mkdir()
    samples = []
    for i, info in enumerate(infos(rendered)):
        cv2.imwrite(str(root / f'{i}.png'), read_grey(info['img_path']))
        samples.append(dict(info, img_path=f'{i}.png'))
    meta = dict(dataset_type='TextDetDataset', task_name='textdet', category=[])
    (root / 'photos.json').write_text(json.dumps(dict(metainfo=meta, data_list=samples)))
    return dict(type='OCRDataset', data_root=str(root), ann_file='photos.json', pipeline=[])


def words(cfg, scale=1., quality=None):
    """Crops of all words, out of photos of another size, compressed if wanted; and their texts."""
    crops, texts = [], []
    for info in infos(DATASETS.build(cfg)):
        photo = cv2.resize(read_grey(info['img_path']), None, fx=scale, fy=scale)
        for word in info['instances']:
            left, top, right, bottom = (scale * np.array(word['bbox'])).astype(int)
            crop = photo[top:bottom + 1, left:right + 1]
            if quality:
                jpg = cv2.imencode('.jpg', crop, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
                crop = cv2.imdecode(jpg, cv2.IMREAD_COLOR)
            if not word['ignore']:
                crops.append(crop)
                texts.append(word['text'])
    return crops, texts


def write_words(path, *cfgs, scale=2.):
    """Config of an LMDB file of the words of some photos."""
    records = {}
    pairs = [pair for cfg in cfgs for pair in zip(*words(cfg, scale))]
    for number, (crop, text) in enumerate(pairs, 1):
        records[f'image-{number:09d}'] = lmdb_files.png(crop)
        records[f'label-{number:09d}'] = text.encode()
    lmdb_files.write(path, records | {'num-samples': b'%d' % len(pairs)})
    return dict(type='CheckedRecogLMDBDataset', ann_file=str(path), pipeline=[])
