"""Photos as cameras write them, made fit for training: upright, of a moderate size, whole."""
from __future__ import annotations

import json
import os
from collections import Counter
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Callable, Iterator

import cv2
import numpy as np
from PIL import Image, ImageOps

from ...datasets.unlabelled.photos import PATTERNS, sort_photos
from ...store import write_whole

LONG_SIDE = 1600  # training shows photos at 1288 pixels at most, teachers see them at 960
_MOST_PIXELS = 10**9
_TURNED = 5  # from this EXIF orientation on, height and width change places
_ORIENTATION = 274


@dataclass(frozen=True)
class Photo:
    """A photo, ready to be trained on.

    Args:
        name: Path below the folder of photos, with '/'; the same in both folders.
        height: In pixels, as written.
        width: Likewise.
        scale: Its size over that of the original.
    """

    name: str
    height: int
    width: int
    scale: float


@dataclass(frozen=True)
class Gathered:
    """What was found in a folder.

    Args:
        photos: In the order of :func:`.sort_photos`.
        left_out: Name -> why it cannot be used.
    """

    photos: list[Photo]
    left_out: dict[str, str]

    def write(self, path: Path) -> None:
        """As JSON, in one step."""
        write_whole(path, json.dumps(asdict(self), indent=1).encode())

    @staticmethod
    def read(path: Path) -> Gathered:
        """What :meth:`write` wrote."""
        told = json.loads(path.read_text())
        return Gathered([Photo(**photo) for photo in told['photos']], told['left_out'])


def photo_names(folder: Path) -> tuple[list[str], list[str]]:
    """The photos of a folder; see :func:`.sort_photos`.

    Raises:
        FileNotFoundError, ValueError: If there is none; the message says what there is instead.
    """
    names, broken = sort_photos(folder)
    if not names:
        kinds = Counter(Path(file).suffix.lower() or '(no suffix)'
                        for _, _, files in os.walk(folder) for file in files)
        there = ', '.join(f'{number} {kind}' for kind, number in kinds.most_common(5)) or 'nothing'
        empty = f', {len(broken)} of them empty or no images' if broken else ''
        raise ValueError(f'--images {str(folder)!r}: no photo in it or its folders ({there}'
                         f'{empty}). Give a folder with {", ".join(PATTERNS)}; convert others, '
                         'such as HEIC, first')
    return names, broken


def gather(folder: Path, out: Path, tell: Callable[[int], None]) -> Gathered:
    """Write the photos of a folder upright, at most :data:`LONG_SIDE` long; small ones as they are.

    What lies in ``out`` already is not written again.

    Args:
        folder: Of photos.
        out: Folder to write.
        tell: Is called with the number of photos that are done.

    Raises:
        OSError: If there is no room.
        ValueError: If not one photo is whole.
    """
    photos, (names, empty) = list[Photo](), photo_names(folder)
    left_out = dict.fromkeys(empty, 'empty, or no image')
    for number, name in enumerate(names, 1):
        try:
            photos.append(_prepare(name, folder / name, out / name))
        except BrokenPhotoError as error:
            left_out[name] = str(error)
        tell(number)
    if not photos:
        raise ValueError(f'--images {str(folder)!r}: none of its {len(names)} photos can be read, '
                         f'such as {names[0]!r}: {left_out[names[0]]}')
    return Gathered(photos, left_out)


class BrokenPhotoError(Exception):
    """A photo cannot be read."""


def _prepare(name: str, source: Path, target: Path) -> Photo:
    with _opened(source) as image:
        turned = image.getexif().get(_ORIENTATION, 1) >= _TURNED
        width, height = image.size[::-1] if turned else image.size
        if not target.exists():
            _write(source, image, target)
    with Image.open(target) as written:
        return Photo(name, written.height, written.width, written.width / width)


def _write(source: Path, image: Image.Image, target: Path) -> None:
    as_it_is = (image.getexif().get(_ORIENTATION, 1) == 1 and max(image.size) <= LONG_SIDE)
    image.draft('RGB', (LONG_SIDE, LONG_SIDE))  # JPEG need not be decoded in full
    image.load()
    if as_it_is:
        write_whole(target, source.read_bytes())
        return
    upright = ImageOps.exif_transpose(image).convert('RGB')
    upright.thumbnail((LONG_SIDE, LONG_SIDE), Image.Resampling.LANCZOS)
    pixels = cv2.cvtColor(np.asarray(upright), cv2.COLOR_RGB2BGR)
    write_whole(target, cv2.imencode(target.suffix.lower(), pixels)[1].tobytes())


@contextmanager
def _opened(path: Path) -> Iterator[Image.Image]:
    """A photo; whatever Pillow raises about it says that it is broken."""
    before, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, _MOST_PIXELS // 2
    try:
        with Image.open(path) as image:
            yield image
    except OSError as error:
        if error.errno:  # of writing, or of the disk: nothing of the photo
            raise
        raise BrokenPhotoError(str(error)) from error
    except (ValueError, SyntaxError, EOFError, Image.DecompressionBombError) as error:
        raise BrokenPhotoError(str(error)) from error
    finally:
        Image.MAX_IMAGE_PIXELS = before
