"""Blurs: each takes a uint8 image of shape (H, W) or (H, W, 3) and returns one of that shape.

Ranges, borders and kernel sizes are those of imgaug 0.4, which KD-LTR's official code uses; a pair
is drawn between uniformly, both ends included.
"""
from __future__ import annotations

import cv2
import numpy as np

from ...embedded.arrays import Array, Image

Range = tuple[float, float]


def gaussian_blur(image: Image, rng: np.random.Generator, *, sigma: Range = (0, 3)) -> Image:
    """Blur by a Gaussian whose kernel is cut off near 1.65 sigma, but 5 pixels wide at least.

    Args:
        image: The image.
        rng: Source of randomness.
        sigma: Standard deviation in pixels, >= 0.
    """
    drawn = rng.uniform(*sigma)
    if drawn < 1e-3:
        return image
    factor = 3.3 if drawn < 3 else 2.9 if drawn < 5 else 2.6
    side = int(max(factor * drawn, 5)) | 1
    return cv2.GaussianBlur(image, (side, side), drawn, borderType=cv2.BORDER_REFLECT_101)


def average_blur(image: Image, rng: np.random.Generator, *, size: Range = (1, 5)) -> Image:
    """Replace each pixel by the mean around it.

    Args:
        image: The image.
        rng: Source of randomness.
        size: Side of the neighbourhood in pixels, integers >= 1; 1 changes nothing.
    """
    side = draw_integer(rng, size)
    return cv2.blur(image, (side, side))


def median_blur(image: Image, rng: np.random.Generator, *, size: Range = (3, 7)) -> Image:
    """Replace each pixel by the median around it.

    Args:
        image: The image.
        rng: Source of randomness.
        size: Side of the neighbourhood in pixels, integers >= 1; even draws count one more, so
            that 5 and 7 are twice as frequent as 3.
    """
    return cv2.medianBlur(image, draw_integer(rng, size) | 1)


def bilateral_blur(image: Image, rng: np.random.Generator, *, size: Range = (3, 9),
                   sigma_color: Range = (10, 250), sigma_space: Range = (10, 250)) -> Image:
    """Blur, but across edges less.

    Args:
        image: The image.
        rng: Source of randomness.
        size: Diameter of the neighbourhood in pixels, integers >= 1.
        sigma_color: Standard deviation in grey levels.
        sigma_space: Standard deviation in pixels.
    """
    diameter = draw_integer(rng, size)
    return cv2.bilateralFilter(image, diameter, rng.uniform(*sigma_color),
                               rng.uniform(*sigma_space))


def motion_blur(image: Image, rng: np.random.Generator, *, size: Range = (3, 3),
                angle: Range = (0, 360), direction: Range = (-1, 1)) -> Image:
    """Blur along a line through each pixel.

    Args:
        image: The image.
        rng: Source of randomness.
        size: Length of the line in pixels, integers >= 3; even draws count one more.
        angle: Direction of the line in degrees.
        direction: Where the weight lies: 0 evenly, -1 and 1 at one end.
    """
    kernel = motion_kernel(draw_integer(rng, size) | 1, rng.uniform(*angle),
                           rng.uniform(*direction))
    return cv2.filter2D(image, -1, kernel)


def motion_kernel(size: int, angle: float, direction: float) -> Array:
    """Weights of a motion blur.

    Args:
        size: Side in pixels, odd.
        angle: Degrees by which the vertical line is turned.
        direction: Where the weight lies, within [-1, 1].

    Returns:
        Shape (size, size), float32, with sum 1.
    """
    start = (direction + 1) / 2
    line = np.zeros((size, size), np.float32)
    line[:, size // 2] = np.linspace(start, 1 - start, size)
    center = (size // 2, size // 2)
    turned = cv2.warpAffine(line, cv2.getRotationMatrix2D(center, angle, 1), (size, size))
    return turned / turned.sum()


def draw_integer(rng: np.random.Generator, bounds: Range) -> int:
    """An integer, both bounds included.

    Args:
        rng: Source of randomness.
        bounds: Smallest and largest.
    """
    return int(rng.integers(int(bounds[0]), int(bounds[1]), endpoint=True))
