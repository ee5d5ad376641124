"""What light, lens, sensor and file format do to a painted scene."""
from __future__ import annotations

import cv2
import numpy as np

from .arrays import Image
from .degradation import Degradation


def degrade(image: Image, how: Degradation) -> Image:
    """Apply illumination, blur, noise and JPEG compression, in the order a camera does.

    Args:
        image: BGR image of shape (H, W, 3).
        how: Strengths; a default :class:`Degradation` changes nothing.

    Returns:
        Image of the same shape.
    """
    rng = np.random.default_rng(how.seed)
    if how.light:
        image = _illuminate(rng, image, how.light)
    if how.blur:
        image = cv2.GaussianBlur(image, (0, 0), how.blur)
    if how.motion >= 2:
        image = cv2.filter2D(image, -1, _motion_kernel(rng, how.motion))
    if how.noise:
        image = _add_noise(rng, image, how.noise)
    if how.jpeg is not None:
        data = cv2.imencode('.jpg', image, [cv2.IMWRITE_JPEG_QUALITY, how.jpeg])[1]
        image = cv2.imdecode(data, cv2.IMREAD_COLOR)
    return image


def _illuminate(rng: np.random.Generator, image: Image, strength: float) -> Image:
    """A linear gradient plus a round spot, drawn on a coarse grid and smoothed by enlarging."""
    y, x = np.mgrid[-1:1:17j, -1:1:17j]
    angle = rng.uniform(0, 2 * np.pi)
    center = rng.uniform(-1, 1, 2)
    spot = np.exp(-2 * ((x - center[0])**2 + (y - center[1])**2))
    light = 1 + strength * (np.cos(angle) * x + np.sin(angle) * y) * 0.7
    light += strength * rng.uniform(-1, 1) * spot
    size = (image.shape[1], image.shape[0])
    gain = cv2.resize(light.clip(0.2, 1.8).astype(np.float32), size)
    return cv2.multiply(image, cv2.merge([gain] * 3), dtype=cv2.CV_8U)


def _motion_kernel(rng: np.random.Generator, length: int) -> Image:
    """A line of ``length`` pixels through the middle, in a random direction, with sum 1."""
    side = length | 1
    kernel = np.zeros((side, side), np.float32)
    angle = rng.uniform(0, np.pi)
    step = (length - 1) / 2 * np.array([np.cos(angle), np.sin(angle)])
    start, end = np.round(side // 2 - step).astype(int), np.round(side // 2 + step).astype(int)
    cv2.line(kernel, start.tolist(), end.tolist(), (1.0,))
    return kernel / kernel.sum()


def _add_noise(rng: np.random.Generator, image: Image, sigma: float) -> Image:
    """Sum of two uniform variables: close to a Gaussian, and ten times as fast to draw."""
    raw = np.frombuffer(rng.bytes(2 * image.size), np.uint8).reshape(2, *image.shape)
    noise = cv2.add(raw[0], raw[1], dtype=cv2.CV_16S)
    # A uniform byte has a standard deviation of 73.9, the sum of two 104.5 around 255.
    gain = sigma / 104.5
    return cv2.addWeighted(noise, gain, image.astype(np.int16), 1.0, -255 * gain,
                           dtype=cv2.CV_8U)
