"""Labels of other tools for MMOCR, and back."""
from __future__ import annotations

import logging
import os
from collections import defaultdict
from pathlib import Path, PurePosixPath
from typing import Iterable, Sequence

from mmengine.logging import print_log
from PIL import Image

from ..datasets.label_files import LabelledPhoto, read_labels, write_labels
from ..datasets.unlabelled import find_photos
from ..store.files import write_whole

_SHOWN = 5


def convert_labels(source: str, out: str, to: str, kind: str | None = None,
                   images: str | None = None) -> list[LabelledPhoto]:
    """Write a file of labels as another kind of file.

    Args:
        source: File of labels.
        out: File to write; it is replaced.
        to: Kind to write, see :data:`.KINDS`.
        kind: Kind of the source, by default found by what is in it.
        images: Folder of the photos. Paths become relative to it, whatever folders the other tool
            put before or left out, and sizes are taken from the photos.

    Returns:
        What was written.

    Raises:
        FileNotFoundError: If there is no such file or folder.
        ValueError: If the file cannot be read; none of its photos is in the folder; a name could
            be of several photos; or a size is missing and ``images`` is not given.
    """
    photos = read_labels(source, kind)
    if images is not None:
        photos = _found_in(photos, images, source)
    write_whole(Path(out), write_labels(photos, to).encode())
    return photos


def labels_of(source: str, paths: Sequence[str]) -> dict[str, LabelledPhoto]:
    """Labels of photos.

    Args:
        source: File of labels, of any kind.
        paths: Of the photos, of which the file may know a part by the end.

    Returns:
        Path -> its labels; photos without any are left out.

    Raises:
        FileNotFoundError, ValueError: See :func:`convert_labels`.
    """
    there = _by_name(paths)
    matched = {_match(photo.path.replace('\\', '/'), there): photo for photo in read_labels(source)}
    found = {path: matched[path] for path in paths if path in matched}
    if not found:
        raise ValueError(f'{source!r} has labels of none of the photos, such as '
                         f'{list(paths)[:_SHOWN]}')
    return found


def _by_name(paths: Iterable[str]) -> dict[str, list[str]]:
    there = defaultdict(list)
    for path in paths:
        there[PurePosixPath(path).name].append(path)
    return there


def _found_in(photos: list[LabelledPhoto], folder: str, source: str) -> list[LabelledPhoto]:
    """Those that are in the folder, by their paths there."""
    there = _by_name(find_photos(folder))
    found: list[LabelledPhoto] = []
    missing: list[str] = []
    for photo in photos:
        name = _match(photo.path.replace('\\', '/'), there)
        if name is None:
            missing.append(photo.path)
        else:
            with Image.open(os.path.join(folder, name)) as image:  # reads no pixels
                found.append(LabelledPhoto(name, image.size, photo.texts))
    if missing and not found:
        raise ValueError(f'none of the {len(missing)} photos of {source!r}, such as '
                         f'{missing[:_SHOWN]}, is in {folder!r}')
    if missing:
        print_log(f'{len(missing)} of {len(photos)} photos of {source!r}, such as '
                  f'{missing[:_SHOWN]}, are not in {folder!r}: they are left out', 'current',
                  logging.WARNING)
    return found


def _match(path: str, there: dict[str, list[str]]) -> str | None:
    """The photo that shares most of the end of its path.

    Raises:
        ValueError: If several do.
    """
    wanted = PurePosixPath(path).parts
    names = there.get(wanted[-1], []) if wanted else []
    shared = {name: _shared_end(wanted, PurePosixPath(name).parts) for name in names}
    best = [name for name in names if shared[name] == max(shared.values())]
    if len(best) > 1:
        raise ValueError(f'{path!r} may be any of {best}')
    return best[0] if best else None


def _shared_end(one: tuple[str, ...], other: tuple[str, ...]) -> int:
    pairs = zip(reversed(one), reversed(other))
    return next((count for count, (a, b) in enumerate(pairs) if a != b), min(len(one), len(other)))
