"""Making a pair out of one image."""
from __future__ import annotations

from typing import Any, Sequence

import mmcv
from mmcv.transforms import BaseTransform
from mmocr.registry import TRANSFORMS

from ..embedded.arrays import Image
from .paired_resize import checked_filter
from .random_state import SampleDraws


@TRANSFORMS.register_module()
class SynthesizeLR(BaseTransform):
    """Keep the image as ``hr_img`` and shrink ``img``, for data sets without low-resolution photos.

    Both images show the same: what changes geometry (rotation, padding to a width) stands in
    front of this transform, what spoils the low-resolution image (``TextDegradation``) behind it.
    A ``valid_ratio`` set by ``PadToWidth`` holds for both.

    Args:
        scale: How many times smaller ``img`` becomes, >= 1; two numbers are drawn between. 1
            leaves it to ``PairedResize`` to shrink, once, as KD-LTR does for its robustness sets.
            More than the student's input needs loses detail: a 20 px high word shrunk by 2 and
            enlarged to 16 px is a harder one.
        backend: 'pillow' or 'cv2', see :class:`PairedResize`.
        interpolation: Filter, see :class:`PairedResize`.
        seed: Seed of the draw, >= 0.
        seed_by_image: Whether an image is always shrunk by the same, see :class:`SampleDraws`;
            for tests. Otherwise by another factor each time.
        seed_by_index: Its former name.

    Raises:
        ValueError: If a field is out of range.
    """

    def __init__(self,
                 scale: float | Sequence[float] = 2.0,
                 backend: str = 'pillow',
                 interpolation: str = 'bicubic',
                 seed: int = 0,
                 seed_by_image: bool = False,
                 seed_by_index: bool | None = None) -> None:
        self.scale = _checked_range(scale)
        self.backend, self.interpolation = checked_filter(backend, interpolation)
        self.draws = SampleDraws('SynthesizeLR', seed, seed_by_image, seed_by_index)

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        """Make the pair.

        Returns:
            The results with ``hr_img`` and ``hr_shape``, and ``img``, ``img_shape`` and, if there
            is one, ``pad_shape`` of the shrunk image.

        Raises:
            ValueError: If there is a ``hr_img`` already.
        """
        if 'hr_img' in results:
            raise ValueError("SynthesizeLR finds a 'hr_img' already: it is for data sets of single "
                             'images')
        image = results['img']
        results.update(hr_img=image, hr_shape=image.shape[:2])
        results['img'] = small = self._shrunk(image, self._draw(results))
        results['img_shape'] = small.shape[:2]
        if 'pad_shape' in results:
            results['pad_shape'] = small.shape
        return results

    def _draw(self, results: dict[str, Any]) -> float:
        low, high = self.scale
        if low == high:
            return low
        return float(self.draws.generator(results).uniform(low, high))

    def _shrunk(self, image: Image, scale: float) -> Image:
        if scale == 1:
            return image.copy()  # degradations must not reach the other image
        size = tuple(max(1, round(side / scale)) for side in image.shape[1::-1])
        return mmcv.imresize(image, size, interpolation=self.interpolation, backend=self.backend)


def _checked_range(scale: float | Sequence[float]) -> tuple[float, float]:
    low, high = (scale, scale) if isinstance(scale, (int, float)) else scale
    if not 1 <= low <= high:
        raise ValueError(f'scale={scale!r} must be a number >= 1, or two with the smaller first')
    return float(low), float(high)
