"""Images as a model sees them: resized, padded and normalised as MMOCR's pipelines do.

What to do stands in an exported file, ``about['image']``: ``steps`` are names of functions below
with their arguments, each of which follows the transform of MMOCR that its docstring names.
"""
from __future__ import annotations

import math
from typing import Any, Callable

import cv2
import numpy as np

from .pillow_resize import pillow_resize

_CODES = {'nearest': cv2.INTER_NEAREST, 'bilinear': cv2.INTER_LINEAR, 'bicubic': cv2.INTER_CUBIC,
          'area': cv2.INTER_AREA, 'lanczos': cv2.INTER_LANCZOS4}


class Prepared:
    """An image for a model.

    Attributes:
        pixels: float32, shape (C, H, W).
        scale: Width and height relative to the photo's, before padding.
        valid_ratio: Share of the width that is no padding, in 0..1.
        size: Height and width before the padding to whole ``divisor``.
    """

    def __init__(self, pixels: np.ndarray, scale: tuple[float, float], valid_ratio: float,
                 size: tuple[int, int]) -> None:
        self.pixels, self.scale, self.valid_ratio = pixels, scale, valid_ratio
        self.size = size


def prepare(photo: np.ndarray, image: dict[str, Any]) -> Prepared:
    """Show an image to a model.

    Args:
        photo: BGR, uint8, shape (H, W, 3).
        image: What the model sees: ``channels`` ('rgb', 'bgr' or 'grey'), ``steps``, ``mean`` and
            ``std`` on the 0..255 scale or None, ``divisor`` of sides, which are padded to it, and
            ``pad_value`` for that.
    """
    seen = cv2.cvtColor(photo, cv2.COLOR_BGR2GRAY) if image['channels'] == 'grey' else photo
    valid_ratio = 1.
    for step in image['steps']:
        fields = dict(step)
        name = fields.pop('step')
        before = seen.shape[1]
        seen = STEPS[name](seen, **fields)
        if name == 'pad_width':
            valid_ratio = min(1., before / fields['width'])
    scale = seen.shape[1] / photo.shape[1], seen.shape[0] / photo.shape[0]
    size = seen.shape[0], seen.shape[1]
    return Prepared(_padded(_normalised(seen, image), image), scale, valid_ratio, size)


def unprepared(seen: Prepared, image: dict[str, Any]) -> np.ndarray:
    """What a model is shown, before normalisation and padding: BGR, float32, shape (h, w, 3).

    Args:
        seen: The image.
        image: See :func:`prepare`.
    """
    pixels = seen.pixels[:, :seen.size[0], :seen.size[1]]
    if image['mean'] is not None:
        mean, std = _statistics(image)
        pixels = pixels * std + mean
    pixels = pixels[::-1] if image['channels'] == 'rgb' else pixels
    return np.broadcast_to(pixels.transpose(1, 2, 0), (*seen.size, 3))


def _normalised(seen: np.ndarray, image: dict[str, Any]) -> np.ndarray:
    seen = seen[:, :, None] if seen.ndim == 2 else seen
    seen = seen[:, :, ::-1] if image['channels'] == 'rgb' else seen
    pixels = seen.transpose(2, 0, 1).astype(np.float32)
    if image['mean'] is None:
        return pixels
    mean, std = _statistics(image)
    return (pixels - mean) / std


def _statistics(image: dict[str, Any]) -> tuple[np.ndarray, np.ndarray]:
    mean, std = (np.array(image[key], np.float32)[:, None, None] for key in ('mean', 'std'))
    return mean, std


def _padded(pixels: np.ndarray, image: dict[str, Any]) -> np.ndarray:
    missing = [-side % image['divisor'] for side in pixels.shape[1:]]
    return np.pad(pixels, ((0, 0), (0, missing[0]), (0, missing[1])),
                  constant_values=image['pad_value'])


def resize(seen: np.ndarray, width: int, height: int, backend: str = 'cv2',
           interpolation: str = 'bilinear') -> np.ndarray:
    """To a size: MMOCR's ``Resize(keep_ratio=False)``, ``PairedResize``.

    Args:
        seen: uint8, shape (H, W) or (H, W, C), like those of all steps.
        width: In pixels.
        height: In pixels.
        backend: 'cv2' or 'pillow'.
        interpolation: One of its filters.
    """
    if backend == 'pillow':
        return pillow_resize(seen, (width, height), interpolation)
    return cv2.resize(seen, (width, height), interpolation=_CODES[interpolation])


def fit(seen: np.ndarray, long_side: int, short_side: int, **how: str) -> np.ndarray:
    """As large as fits, proportions kept: MMOCR's ``Resize(keep_ratio=True)``."""
    height, width = seen.shape[:2]
    scale = min(long_side / max(height, width), short_side / min(height, width))
    return resize(seen, int(width * scale + .5), int(height * scale + .5), **how)


def short_edge(seen: np.ndarray, size: int, divisor: int, **how: str) -> np.ndarray:
    """The shorter side to a size: MMOCR's ``ShortScaleAspectJitter`` without jitter."""
    scale = size / min(seen.shape[:2])
    height, width = (math.ceil(round(side * scale) / divisor) * divisor for side in seen.shape[:2])
    return resize(seen, width, height, **how)


def to_height(seen: np.ndarray, height: int, min_width: int | None, max_width: int | None,
              width_divisor: int, **how: str) -> np.ndarray:
    """To a height, within widths: MMOCR's ``RescaleToHeight``."""
    width = math.ceil(height / seen.shape[0] * seen.shape[1])
    width = max(width, min_width or 1)
    width = min(width, max_width or width)
    if width % width_divisor:
        width = round(width / width_divisor) * width_divisor
    return resize(seen, width, height, **how)


def pad_width(seen: np.ndarray, width: int, value: int) -> np.ndarray:
    """Padded at the right, by pixels of a value: MMOCR's ``PadToWidth``."""
    missing = max(width - seen.shape[1], 0)
    return cv2.copyMakeBorder(seen, 0, 0, 0, missing, cv2.BORDER_CONSTANT, value=[value] * 3)


def shrink(seen: np.ndarray, factor: float, **how: str) -> np.ndarray:
    """Smaller by a factor: ``SynthesizeLR``."""
    height, width = (max(1, round(side / factor)) for side in seen.shape[:2])
    return resize(seen, width, height, **how)


STEPS: dict[str, Callable[..., np.ndarray]] = {
    step.__name__: step for step in (resize, fit, short_edge, to_height, pad_width, shrink)}
