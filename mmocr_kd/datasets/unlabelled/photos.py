"""The photos in a folder."""
from __future__ import annotations

import logging
import os
import re
from fnmatch import fnmatch
from typing import Iterator, Sequence

import cv2
from mmengine.logging import print_log

PATTERNS = '*.jpg', '*.jpeg', '*.png', '*.bmp', '*.webp', '*.tif', '*.tiff'
_SHOWN = 5


def find_photos(folder: str | os.PathLike[str], patterns: Sequence[str] = PATTERNS,
                recursive: bool = True) -> list[str]:
    """List the photos of a folder, in the same order everywhere: 2.jpg comes before 10.jpg.

    Hidden files are left out, and so is what is no image by its first bytes (a warning names it).
    Files that are cut off show only when they are read: use ``CheckedLoadImageFromFile``.

    Args:
        folder: Where to look.
        patterns: Of names, as a shell has them, in upper or lower case.
        recursive: Whether to look into folders of the folder, but for those behind links.

    Returns:
        Paths below ``folder``, with '/'.

    Raises:
        FileNotFoundError: If there is no such folder.
        ValueError: If no photo is in it.
    """
    photos, broken = sort_photos(folder, patterns, recursive)
    if broken:
        print_log(f'{len(broken)} of {len(broken) + len(photos)} files in {str(folder)!r} are '
                  f'empty or no images, such as {broken[:_SHOWN]}: they are left out', 'current',
                  logging.WARNING)
    if not photos:
        folder = os.fspath(folder)
        raise ValueError(f'{folder!r} has no photos that match {list(patterns)}, recursive='
                         f'{recursive}')
    return photos


def sort_photos(folder: str | os.PathLike[str], patterns: Sequence[str] = PATTERNS,
                recursive: bool = True) -> tuple[list[str], list[str]]:
    """The files of a folder that are named like photos.

    Args:
        folder: See :func:`find_photos`, likewise what follows.
        patterns: Of names.
        recursive: Whether to look into folders of the folder.

    Returns:
        Those that are images by their first bytes, and those that are not.

    Raises:
        FileNotFoundError: If there is no such folder.
    """
    folder = os.fspath(folder)
    if not os.path.isdir(folder):
        raise FileNotFoundError(f'there is no folder {folder!r} to find photos in')
    names = sorted(_names(folder, [pattern.lower() for pattern in patterns], recursive),
                   key=_natural)
    broken = {name for name in names if not cv2.haveImageReader(os.path.join(folder, name))}
    return [name for name in names if name not in broken], sorted(broken, key=_natural)


def _names(folder: str, patterns: Sequence[str], recursive: bool) -> Iterator[str]:
    for place, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if recursive and not name.startswith('.')]
        for file in files:
            if not file.startswith('.') and any(fnmatch(file.lower(), p) for p in patterns):
                yield os.path.relpath(os.path.join(place, file), folder).replace(os.sep, '/')


def _natural(name: str) -> tuple[list[tuple[bool, int, str]], str]:
    parts = re.findall(r'\d+|\D+', name.lower())
    return [(False, int(part), '') if part.isdecimal() else (True, 0, part) for part in parts], name
