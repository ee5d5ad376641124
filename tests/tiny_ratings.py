"""Ratings of a few images at three scales."""
from mmocr_kd.measure import ImageRating, RatingsHeader, ScaleRatings

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
