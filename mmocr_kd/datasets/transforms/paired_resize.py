"""Resizing both images of a pair, each to its own size."""
from __future__ import annotations

from typing import Any, Sequence

import mmcv
import numpy as np
from mmcv.transforms import BaseTransform
from mmocr.registry import TRANSFORMS

from ..embedded.arrays import Image

_INTERPOLATIONS = {
    'pillow': ('nearest', 'bilinear', 'bicubic', 'box', 'lanczos', 'hamming'),
    'cv2': ('nearest', 'bilinear', 'bicubic', 'area', 'lanczos'),
}


@TRANSFORMS.register_module()
class PairedResize(BaseTransform):
    """Resize ``img`` to the low and ``hr_img``, where there is one, to the high resolution.

    The default is Pillow's bicubic filter to the last bit, as KD-LTR's official code. Unlike
    OpenCV's, it smooths as much as the image shrinks, which decides what is left to read.

    Args:
        lr_scale: Width and height of ``img``.
        hr_scale: Width and height of ``hr_img``.
        backend: 'pillow' or 'cv2'.
        interpolation: 'nearest', 'bilinear', 'bicubic' or 'lanczos'; with Pillow also 'box' and
            'hamming', with OpenCV also 'area'.

    Raises:
        ValueError: If a field is out of range.
    """

    def __init__(self,
                 lr_scale: Sequence[int] = (64, 16),
                 hr_scale: Sequence[int] = (128, 32),
                 backend: str = 'pillow',
                 interpolation: str = 'bicubic') -> None:
        self.lr_scale = _checked_scale('lr_scale', lr_scale)
        self.hr_scale = _checked_scale('hr_scale', hr_scale)
        self.backend, self.interpolation = checked_filter(backend, interpolation)

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        """Resize.

        Returns:
            The results with new images; ``img_shape``, ``scale``, ``scale_factor`` and
            ``keep_ratio`` are about ``img``, as MMCV's Resize sets them; ``hr_shape`` is added.
        """
        height, width = results['img'].shape[:2]
        results['img'] = self._resize(results['img'], self.lr_scale)
        results.update(img_shape=results['img'].shape[:2], scale=self.lr_scale, keep_ratio=False,
                       scale_factor=(self.lr_scale[0] / width, self.lr_scale[1] / height))
        if 'hr_img' in results:
            results['hr_img'] = self._resize(results['hr_img'], self.hr_scale)
            results['hr_shape'] = results['hr_img'].shape[:2]
        return results

    def _resize(self, image: Image, size: tuple[int, int]) -> Image:
        return mmcv.imresize(image, size, interpolation=self.interpolation, backend=self.backend)


def checked_filter(backend: str, interpolation: str) -> tuple[str, str]:
    """Check how to resize.

    Args:
        backend: 'pillow' or 'cv2'.
        interpolation: One of its filters.

    Returns:
        Both.

    Raises:
        ValueError: If one is unknown.
    """
    if backend not in _INTERPOLATIONS:
        raise ValueError(f'backend={backend!r} is unknown: use one of {tuple(_INTERPOLATIONS)}')
    if interpolation not in _INTERPOLATIONS[backend]:
        raise ValueError(f'interpolation={interpolation!r} is unknown to {backend}: use one of '
                         f'{_INTERPOLATIONS[backend]}')
    return backend, interpolation


def _checked_scale(field: str, scale: Sequence[int]) -> tuple[int, int]:
    if len(scale) != 2 or not all(isinstance(n, (int, np.integer)) and n > 0 for n in scale):
        raise ValueError(f'{field}={scale!r} must be (width, height), two positive integers')
    return int(scale[0]), int(scale[1])
