"""Ratings of a few images at three scales."""
from dataclasses import asdict

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
                                   [[0]] * len(scales), 20.))
