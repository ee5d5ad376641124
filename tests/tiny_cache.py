"""A training on files whose teacher lies in a store."""
import json

import cv2
import numpy as np
import tiny
from mmengine.config import Config

LOAD = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadOCRAnnotations', with_polygon=True, with_bbox=True, with_label=True)]
PACK = [dict(type='PackTextDetInputs', meta_keys=('img_path', 'ori_shape', 'img_shape'))]


def write_photos(folder, count=4, size=(64, 96)):
    """Noise with one word each; config of the data set."""
    images = []
    for index in range(count):
        image = np.random.default_rng(index).integers(0, 255, (*size, 3), np.uint8)
        cv2.imwrite(str(folder / f'{index}.png'), cv2.GaussianBlur(image, None, 3))
        images.append(dict(img_path=f'{index}.png', height=size[0], width=size[1], instances=[
            dict(polygon=tiny.box(10, 15).tolist(), bbox=[10, 15, 70, 39], bbox_label=0,
                 ignore=False)]))
    meta = dict(dataset_type='TextDetDataset', task_name='textdet', category=[])
    (folder / 'train.json').write_text(json.dumps(dict(metainfo=meta, data_list=images)))
    return dict(type='OCRDataset', data_root=str(folder), ann_file='train.json',
                pipeline=[*LOAD, *PACK])


def training(folder, teacher, dataset=None, steps=(), **fields):
    """Config of a distilled training of two epochs."""
    dataset = dataset or write_photos(folder)
    if steps:
        dataset['pipeline'] = [*LOAD, *steps, *PACK]
    return Config({
        'custom_imports': dict(imports=['mmocr_kd'], allow_failed_imports=False),
        'default_scope': 'mmocr', 'log_level': 'ERROR', 'experiment_name': 'run',
        'model': tiny.dbnet_cfg(),
        'train_dataloader': dict(batch_size=2, num_workers=0, dataset=dataset, sampler=dict(
            type='DefaultSampler', shuffle=True)),
        'train_cfg': dict(by_epoch=True, max_epochs=2),
        'optim_wrapper': dict(optimizer=dict(type='SGD', lr=.01)),
        'custom_hooks': [dict(type='MaskETDistillHook', teacher=teacher)],
        'default_hooks': dict(logger=None, checkpoint=None),
        'randomness': dict(seed=0, deterministic=True),
        'work_dir': str(folder / 'run'), **fields})


def cached(folder, teacher, **fields):
    """The same teacher, in a store."""
    return dict(type='CachedTeacher', store=str(folder / 'store'), teacher=teacher, **fields)
