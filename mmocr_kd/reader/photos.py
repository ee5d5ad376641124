"""Photos as files: found, loaded, drawn upon."""
from __future__ import annotations

import glob
import os
from pathlib import Path
from typing import Iterable, Iterator, Sequence

import cv2
import numpy as np

from .reader import Text

SUFFIXES = ('.bmp', '.jpeg', '.jpg', '.png', '.tif', '.tiff', '.webp')
_COLOR = (40, 160, 0)


def find(given: Iterable[str]) -> Iterator[str]:
    """Paths of photos.

    Args:
        given: Files, folders (with those in them, at any depth) and patterns such as
            'photos/**/*.jpg'.

    Yields:
        Paths, those of a folder or pattern in alphabetical order. What is not there is handed on,
        to be missed by :func:`load`.
    """
    for each in given:
        if os.path.isdir(each):
            found = sorted(str(path) for path in Path(each).rglob('*')
                           if path.suffix.lower() in SUFFIXES)
            yield from found or [each]
        elif os.path.exists(each) or not glob.has_magic(each):
            yield each
        else:
            yield from sorted(glob.glob(each, recursive=True)) or [each]


def load(path: str) -> np.ndarray:
    """Load a photo, turned as its EXIF data say.

    Args:
        path: Of the file.

    Returns:
        BGR, uint8, shape (H, W, 3).

    Raises:
        OSError: If it cannot be read, or is a folder without photos.
        ValueError: If it is no image, a damaged one, or larger than OpenCV allows.
    """
    if os.path.isdir(path):
        raise FileNotFoundError(f'holds no photos ({", ".join(SUFFIXES)})')
    try:
        data = np.fromfile(path, np.uint8)
        photo = cv2.imdecode(data, cv2.IMREAD_COLOR) if len(data) else None
    except cv2.error as error:
        raise ValueError(f'cannot be read as an image: {error.err}') from error
    if photo is None:
        raise ValueError('is no image that OpenCV can read')
    return photo


def draw(photo: np.ndarray, texts: Sequence[Text]) -> np.ndarray:
    """A copy of a photo with its texts in it.

    Args:
        photo: BGR, uint8, shape (H, W, 3).
        texts: Whole words stand at the top left. Characters that OpenCV's font lacks, all but
            ASCII, are drawn as '?'.
    """
    canvas = photo.copy()
    size = max(round(min(photo.shape[:2]) / 400), 1)
    for text in texts:
        x, y = 0, 12 * size
        if text.polygon is not None:
            cv2.polylines(canvas, [text.polygon.round().astype(np.int32)], True, _COLOR, size)
            x, y = (int(value) for value in text.polygon.min(0))
        shown = (text.text or '').encode('ascii', 'replace').decode()
        cv2.putText(canvas, shown, (max(x, 0), max(y - 2, 12 * size)), cv2.FONT_HERSHEY_SIMPLEX,
                    size / 2, _COLOR, size, cv2.LINE_AA)
    return canvas


def save_drawing(drawing: np.ndarray, path: str, folder: str) -> str:
    """Write a drawing, under a name that replaces neither a photo nor another drawing.

    Args:
        drawing: What :func:`draw` returned.
        path: Of the photo.
        folder: Where to; made if missing.

    Returns:
        The drawing's path: 'photo.read.jpg' of 'photo.jpg'; 'photo.read-2.jpg' if that is taken.

    Raises:
        OSError: If it cannot be written.
    """
    os.makedirs(folder, exist_ok=True)
    target, number = Path(folder) / f'{Path(path).stem}.read.jpg', 2
    while target.exists():
        target, number = target.with_name(f'{Path(path).stem}.read-{number}.jpg'), number + 1
    target.write_bytes(cv2.imencode('.jpg', drawing)[1].tobytes())
    return str(target)
