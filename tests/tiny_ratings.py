"""Ratings of a few images at three scales, and a detector with images to rate."""
from dataclasses import asdict

import tiny
import tiny_cache
from mmengine.config import Config

from mmocr_kd.apis.image_data import ImageData
from mmocr_kd.measure import ImageRating, RatingsFile, RatingsHeader, ScaleRatings

SCALES, MACS, MS = [.25, .5, 1.], [100, 400, 1000], [2., 5., 10.]


def header(**changed):
    """Of a made-up detector."""
    return RatingsHeader(**{
        'config': 'dbnet.py', 'checkpoint': 'dbnet.pth', 'identity': '1f', 'split': 'val',
        'scales': SCALES, 'thresholds': [.5], 'protocol': 'detection', 'size': [64, 96],
        'macs': MACS, 'ms': MS, **changed})


def rated(*images, **changed):
    """Of images: words, hits and false alarms at each scale and, if known, the height."""
    return ScaleRatings(header(**changed), [
        ImageRating(f'{i}.png', words, [[hit] for hit in hits], [[alarm] for alarm in alarms],
                    height[0] if height else None)
        for i, (words, hits, alarms, *height) in enumerate(images)])


def write(path, images, scales):
    """A file of ratings of these images, of two words each: larger scales find more."""
    fields = asdict(header(scales=scales, macs=[scale**2 * 1e9 for scale in scales],
                           ms=[scale * 100. for scale in scales]))
    measured = {name: fields.pop(name) for name in ('size', 'macs', 'ms')}
    with RatingsFile(path, fields, lambda: measured) as file:
        for image in images:
            file.write(ImageRating(image, 2, [[int(2 * scale)] for scale in scales],
                                   [[0]] * len(scales), 20., [20., 20.]))


META = ('img_path', 'ori_shape', 'img_shape', 'scale_factor')
SHOWN = [tiny_cache.LOAD[0], dict(type='Resize', scale=(96, 64), keep_ratio=True),
         tiny_cache.LOAD[1], dict(type='PackTextDetInputs', meta_keys=META)]


def config(folder, model=None, count=4):
    """Config of a detector with its data, training pipeline at other sizes, and its weights."""
    model = model or tiny.dbnet_cfg()
    files = {**tiny_cache.write_photos(folder, count), 'pipeline': SHOWN}
    larger = [*tiny_cache.LOAD, dict(type='RandomFlip', prob=1., direction='horizontal'),
              *tiny_cache.PACK]
    cfg = Config({
        'default_scope': 'mmocr', 'custom_imports': dict(imports=['mmocr_kd']), 'model': model,
        'train_dataloader': dict(batch_size=2, num_workers=0, dataset={**files,
                                                                       'pipeline': larger}),
        'val_dataloader': dict(batch_size=1, num_workers=0, dataset={**files, 'indices': 3})})
    cfg.dump(folder / 'config.py')
    return Config.fromfile(folder / 'config.py'), tiny.checkpoint(folder / 'model.pth',
                                                                  model)['checkpoint']


def batches_of(cfg, split):
    """A batch of each image."""
    data = ImageData(cfg, split)
    return [*data.batches(data.paths)]


def images_of(cfg, split):
    """The images themselves."""
    return [batch['inputs'][0] for batch in batches_of(cfg, split)]
