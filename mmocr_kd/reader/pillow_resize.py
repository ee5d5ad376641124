"""Pillow's way to resize, to the last bit (of version 13), without Pillow.

Many recognisers learn from words that Pillow's bicubic filter made small: unlike OpenCV's, it
smooths as much as the image shrinks.
"""
from __future__ import annotations

import math
from typing import Callable

import numpy as np

_BITS = 22  # after the point of Pillow's weights for 8-bit images


def _box(x: np.ndarray) -> np.ndarray:
    return ((-.5 < x) & (x <= .5)).astype(float)


def _bilinear(x: np.ndarray) -> np.ndarray:
    return np.maximum(1 - np.abs(x), 0)


def _hamming(x: np.ndarray) -> np.ndarray:
    return np.where(np.abs(x) < 1, np.sinc(x) * (.54 + .46 * np.cos(np.pi * x)), 0)


def _bicubic(x: np.ndarray) -> np.ndarray:
    x = np.abs(x)
    near, far = (1.5 * x - 2.5) * x * x + 1, ((-.5 * x + 2.5) * x - 4) * x + 2
    return np.where(x < 1, near, np.where(x < 2, far, 0))


def _lanczos(x: np.ndarray) -> np.ndarray:
    return np.where((-3 <= x) & (x < 3), np.sinc(x) * np.sinc(x / 3), 0)


# Filter -> function, and how far it reaches.
_FILTERS: dict[str, tuple[Callable[[np.ndarray], np.ndarray], float]] = {
    'box': (_box, .5), 'bilinear': (_bilinear, 1), 'hamming': (_hamming, 1),
    'bicubic': (_bicubic, 2), 'lanczos': (_lanczos, 3)}


def pillow_resize(image: np.ndarray, size: tuple[int, int], interpolation: str) -> np.ndarray:
    """Resize as ``PIL.Image.resize`` does.

    Pillow rounds between its two passes, so their order shows. Versions before 13 may take the
    other one, which differs by some grey levels where edges are sharp.

    Args:
        image: uint8, shape (H, W) or (H, W, C).
        size: Width and height.
        interpolation: 'nearest', 'box', 'bilinear', 'hamming', 'bicubic' or 'lanczos'.
    """
    width, height = size
    if interpolation == 'nearest':
        rows, columns = _nearest(image.shape[0], height), _nearest(image.shape[1], width)
        return image[rows[:, None], columns]
    for axis in _passes(image.shape[0] - height, image.shape[1] - width):
        image = _along(image, axis, size[1 - axis], interpolation)
    return image


def smooth_resize(image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Resize as ``torch.nn.functional.interpolate`` does with bilinear ``antialias``.

    Args:
        image: float32, shape (H, W, C).
        size: Width and height.
    """
    for axis in (0, 1):
        weights = _weights(image.shape[axis], size[1 - axis], *_FILTERS['bilinear']) / 2**_BITS
        image = np.moveaxis(np.tensordot(weights, image.astype(float), (1, axis)), 0, axis)
    return image.astype(np.float32)


def _passes(fewer_rows: int, fewer_columns: int) -> tuple[int, int]:
    """The axes, in the order of Pillow 13."""
    return (0, 1) if fewer_rows > max(2 * fewer_columns, 0) else (1, 0)


def _nearest(before: int, after: int) -> np.ndarray:
    steps = np.full(after, before / after)
    steps[0] /= 2
    return steps.cumsum().astype(int)  # rounded step by step, as Pillow does


def _along(image: np.ndarray, axis: int, size: int, interpolation: str) -> np.ndarray:
    if image.shape[axis] == size:
        return image
    weights = _weights(image.shape[axis], size, *_FILTERS[interpolation])
    # Products of integers, whose sums float64 holds exactly.
    sums = np.tensordot(weights, image.astype(float), (1, axis))
    rounded = np.floor((sums + 2**(_BITS - 1)) / 2**_BITS).clip(0, 255)
    return np.moveaxis(rounded, 0, axis).astype(np.uint8)


def _weights(before: int, after: int, function: Callable[[np.ndarray], np.ndarray],
             reach: float) -> np.ndarray:
    """What each pixel counts for each new one, (after, before), integers."""
    scale = before / after
    wide = max(scale, 1.)
    weights = np.zeros((after, before))
    for place in range(after):
        center = (place + .5) * scale
        low = max(int(center - reach * wide + .5), 0)
        high = min(int(center + reach * wide + .5), before)
        row = function((np.arange(low, high) - center + .5) * (1 / wide))
        weights[place, low:high] = row / math.fsum(row)
    scaled = weights * 2**_BITS
    return np.trunc(scaled + np.copysign(.5, scaled))
