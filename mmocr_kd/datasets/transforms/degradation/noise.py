"""Noise; shapes and ranges as in :mod:`.blurs`."""
from __future__ import annotations

import numpy as np

from ...embedded.arrays import Image
from .blurs import Range


def gaussian_noise(image: Image, rng: np.random.Generator, *, sigma: Range = (0, 0.05 * 255),
                   per_channel: float = 0.5) -> Image:
    """Add Gaussian noise.

    Args:
        image: The image.
        rng: Source of randomness.
        sigma: Standard deviation in grey levels.
        per_channel: Probability of channels having noise of their own, within [0, 1]; otherwise
            they share it, and the noise is grey.
    """
    drawn = rng.uniform(*sigma)
    shape = image.shape if rng.random() < per_channel else (*image.shape[:2], 1)[:image.ndim]
    noise = rng.normal(0, drawn, shape)
    return np.clip(np.round(image + noise), 0, 255).astype(np.uint8)
