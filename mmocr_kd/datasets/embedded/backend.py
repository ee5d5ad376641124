"""A file backend whose files are rendered when read.

With it every MMOCR pipeline reads embedded images through its own ``LoadImageFromFile``, and so
do visualisation hooks: an image's path is enough to make it.
"""
from __future__ import annotations

import re
from pathlib import Path

import cv2
from mmengine.fileio import BaseStorageBackend, register_backend

from .arrays import Image
from .scene import render_scene, render_words
from .spec import SceneSpec

PREFIX = 'embedded'
_PATTERN = re.compile(PREFIX + r'://(?P<spec>[^/]+)/(?P<index>\d+)(?:_(?P<word>\d+))?\.bmp')


def image_path(spec: SceneSpec, index: int, word: int | None = None) -> str:
    """Path of a scene or of one of its words, for :func:`mmengine.fileio.get`.

    Args:
        spec: The data set.
        index: Which image, >= 0.
        word: Which of its readable words; None for the whole scene.

    Returns:
        For example 'embedded://train-s0-320x320-h8to64-b2to6-d1.0/000012.bmp'.
    """
    part = '' if word is None else f'_{word:02d}'
    return f'{PREFIX}://{spec.name}/{index:06d}{part}.bmp'


def render_path(path: str) -> Image:
    """Render what a path stands for.

    Args:
        path: What :func:`image_path` returned.

    Returns:
        BGR image of shape (H, W, 3).

    Raises:
        FileNotFoundError: If it is not such a path, or the scene has fewer words.
        ImportError: If a wheel that ships fonts or photos is not installed.
    """
    match = _PATTERN.fullmatch(path)
    if match is None:
        raise FileNotFoundError(f'{path!r} is no image of the embedded data set: expected '
                                f'something like {image_path(SceneSpec(), 12)!r}')
    try:
        spec = SceneSpec.from_name(match['spec'])
    except ValueError as error:
        raise FileNotFoundError(f'{path!r}: {error}') from error
    if match['word'] is None:
        return render_scene(spec, int(match['index'])).image
    crops = render_words(spec, int(match['index']))
    if int(match['word']) >= len(crops):
        raise FileNotFoundError(f'{path!r}: the image has {len(crops)} readable words')
    return crops[int(match['word'])]


@register_backend('embedded', prefixes=PREFIX, force=True)
class EmbeddedBackend(BaseStorageBackend):
    """Reads 'embedded://...' paths as BMP images, which are lossless and quick to decode."""

    def get(self, filepath: str | Path) -> bytes:
        """Render an image.

        Args:
            filepath: What :func:`image_path` returned.

        Returns:
            The bytes of a BMP file.

        Raises:
            FileNotFoundError: If there is no such image.
        """
        return cv2.imencode('.bmp', render_path(str(filepath)))[1].tobytes()

    def get_text(self, filepath: str | Path, encoding: str = 'utf-8') -> str:
        """There are no texts behind these paths.

        Raises:
            TypeError: Always.
        """
        raise TypeError(f'{str(filepath)!r} is an image, not a text')
