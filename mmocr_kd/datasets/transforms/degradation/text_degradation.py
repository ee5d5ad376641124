"""Random degradations of low-resolution word images."""
from __future__ import annotations

from typing import Any

import numpy as np
from mmcv.transforms import BaseTransform
from mmocr.registry import TRANSFORMS

from ..random_state import SampleDraws
from .operations import OPERATIONS, checked_operations


@TRANSFORMS.register_module()
class TextDegradation(BaseTransform):
    """Apply each of eight degradations with a probability, in random order, to ``img``.

    The protocol is that of KD-LTR's robustness experiments: degrade the low-resolution image after
    resizing it, and leave ``hr_img`` alone. The official code draws anew in every evaluation; ours
    are meant to be run with ``seed_by_image=True``. The operations are our own, on OpenCV,
    NumPy and scikit-image. At the same strength, Gaussian, average, median and bilateral blur are
    those of imgaug 0.4, which the official code uses; the others follow its definitions.

    Args:
        prob: Probability of each operation, within [0, 1]. With the default, 10 % of the images
            stay as they are.
        operations: Name -> fields, for example ``dict(gaussian_blur=dict(sigma=(0, 3)))``; see
            :data:`OPERATIONS`. A number instead of a range fixes the strength. None uses all
            eight with the official ranges.
        seed: Seed of the draws, >= 0.
        seed_by_image: Whether an image is always degraded the same way, see :class:`SampleDraws`:
            for tests. By default anew each time it is read, as training should be.
        seed_by_index: Its former name.

    Raises:
        ValueError: If a field is out of range or unknown.
    """

    def __init__(self,
                 prob: float = 0.25,
                 operations: dict[str, dict[str, Any]] | None = None,
                 seed: int = 0,
                 seed_by_image: bool = False,
                 seed_by_index: bool | None = None) -> None:
        if not 0 <= prob <= 1:
            raise ValueError(f'prob={prob} must be within [0, 1]')
        self.prob = prob
        self.operations = checked_operations(operations)
        self.draws = SampleDraws('TextDegradation', seed, seed_by_image, seed_by_index)

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        """Degrade ``results['img']``, uint8 of shape (H, W) or (H, W, 3).

        Returns:
            The results with the new image, and with ``degradations``, the names of what was
            applied, in that order.

        Raises:
            TypeError: If the image is not uint8.
        """
        image = results['img']
        if image.dtype != np.uint8:
            raise TypeError(f'TextDegradation needs a uint8 image, not {image.dtype}')
        rng = self.draws.generator(results)
        results['degradations'] = self.draw(rng)
        for name in results['degradations']:
            image = OPERATIONS[name](image, rng, **self.operations[name])
        results['img'] = image
        return results

    def draw(self, rng: np.random.Generator) -> list[str]:
        """Which operations to apply, in which order.

        Args:
            rng: Source of randomness.
        """
        chosen = np.flatnonzero(rng.random(len(self.operations)) < self.prob)
        names = list(self.operations)
        return [names[i] for i in rng.permutation(chosen)]
