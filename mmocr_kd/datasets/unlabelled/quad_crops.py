"""A file backend whose files are cut out of photos when they are read."""
from __future__ import annotations

import os
from functools import lru_cache
from pathlib import Path
from typing import Sequence

import cv2
import mmcv
from mmengine import fileio
from mmengine.fileio import BaseStorageBackend, register_backend

from ...reader.quads import upright
from ..embedded.arrays import Image

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
