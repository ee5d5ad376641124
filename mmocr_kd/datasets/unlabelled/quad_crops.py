"""A file backend whose files are cut out of photos when they are read."""
from __future__ import annotations

import os
from functools import lru_cache
from pathlib import Path
from typing import Sequence

import cv2
import mmcv
import numpy as np
from mmengine import fileio
from mmengine.fileio import BaseStorageBackend, register_backend

from ..embedded.arrays import Image
from ..preparers.quads import clockwise

PREFIX = 'quad'
_KEPT = 4  # photos that a process keeps decoded


def quad_path(photo: str | os.PathLike[str], quad: Sequence[float]) -> str:
    """Path of a word, for :func:`mmengine.fileio.get`.

    Args:
        photo: Where it is.
        quad: Its corners x, y, ... in pixels, clockwise from the word's own top left.

    Returns:
        For example 'quad://12.0,5.5,80.0,6.0,80.0,30.0,12.0,29.0/photos/a.jpg'.
    """
    return f'{PREFIX}://{",".join(f"{value:.1f}" for value in quad)}/{photo}'


def quad_size(quad: Sequence[float]) -> tuple[int, int]:
    """Width and height of a word when it is upright: the longer of opposite sides."""
    corners = np.asarray(quad, np.float64).reshape(4, 2)
    sides = np.linalg.norm(np.roll(corners, -1, 0) - corners, axis=1)
    return round(max(sides[0], sides[2])), round(max(sides[1], sides[3]))


def reading_order(corners: np.ndarray) -> np.ndarray:
    """Corners of a box, shape (4, 2), in the order in which its text is probably read.

    Clockwise from the top left; text half as high again as wide is taken to run downwards, as
    PP-OCR takes it.

    Args:
        corners: In any order.
    """
    corners = clockwise(corners)
    corners = np.roll(corners, -corners.sum(1).argmin(), 0)
    width, height = quad_size(corners.flatten().tolist())
    return np.roll(corners, -1, 0) if height >= 1.5 * width else corners


@register_backend('quad-crop', prefixes=PREFIX, force=True)
class QuadBackend(BaseStorageBackend):
    """Reads 'quad://<corners>/<photo>' as BMP images, which are lossless and quick to decode."""

    def get(self, filepath: str | Path) -> bytes:
        """Cut a word out, upright.

        Args:
            filepath: What :func:`quad_path` returned.

        Raises:
            FileNotFoundError: If there is no such photo, or it is no image.
        """
        corners, _, photo = str(filepath).removeprefix(f'{PREFIX}://').partition('/')
        word = upright(_photo(photo), [float(value) for value in corners.split(',')])
        return cv2.imencode('.bmp', word)[1].tobytes()

    def get_text(self, filepath: str | Path, encoding: str = 'utf-8') -> str:
        """There are no texts behind these paths.

        Raises:
            TypeError: Always.
        """
        raise TypeError(f'{str(filepath)!r} is an image, not a text')


@lru_cache(_KEPT)
def _photo(path: str) -> Image:
    image = mmcv.imfrombytes(fileio.get(path), flag='color_ignore_orientation')
    if image is None:
        raise FileNotFoundError(f'the photo {path!r} is no image')
    return image


def upright(photo: Image, quad: Sequence[float]) -> Image:
    """Cut a word out of a photo.

    Args:
        photo: Shape (H, W, 3).
        quad: Its corners, see :func:`quad_path`; at least a pixel wide and high.
    """
    width, height = quad_size(quad)
    target = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    matrix = cv2.getPerspectiveTransform(np.array(quad, np.float32).reshape(4, 2), target)
    return cv2.warpPerspective(photo, matrix, (width, height), borderMode=cv2.BORDER_REPLICATE)
