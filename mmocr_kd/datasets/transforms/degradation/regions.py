"""Degradations that flatten regions; shapes and ranges as in :mod:`.blurs`."""
from __future__ import annotations

import cv2
import numpy as np

from ...embedded.arrays import Array, Image
from .blurs import Range, draw_integer


def mean_shift_blur(image: Image, rng: np.random.Generator, *, spatial_radius: Range = (5, 40),
                    color_radius: Range = (5, 40)) -> Image:
    """Move each pixel's colour to the nearest mode around it, which paints areas flat.

    imgaug 0.4 has OpenCV write into the image it still reads from, which smooths more than a mean
    shift does; this one does not.

    Args:
        image: The image.
        rng: Source of randomness.
        spatial_radius: In pixels.
        color_radius: In grey levels.
    """
    radii = rng.uniform(*spatial_radius), rng.uniform(*color_radius)
    if image.ndim == 3:
        return cv2.pyrMeanShiftFiltering(image, *radii)
    return cv2.pyrMeanShiftFiltering(cv2.merge([image] * 3), *radii)[..., 0]


def superpixels(image: Image, rng: np.random.Generator, *, replace: Range = (0.1, 0.5),
                segments: Range = (1, 7)) -> Image:
    """Divide the image into segments of similar colour, and give some their mean colour.

    Args:
        image: The image, BGR if it has three channels.
        rng: Source of randomness.
        replace: Probability of a segment to be replaced, within [0, 1].
        segments: About how many segments, integers >= 1; SLIC may find fewer.
    """
    labels = _segment(image, draw_integer(rng, segments))
    chosen = rng.random(labels.max() + 1) < rng.uniform(*replace)
    result = image.copy()
    for label in np.flatnonzero(chosen):
        inside = labels == label
        result[inside] = np.round(image[inside].mean(0))
    return result


def _segment(image: Image, segments: int) -> Array:
    # Takes a third of a second to import, and most pipelines never degrade.
    from skimage.segmentation import slic
    if image.ndim == 2:
        return slic(image, n_segments=segments, compactness=10, channel_axis=None, start_label=0)
    return slic(image[..., ::-1], n_segments=segments, compactness=10, start_label=0)
