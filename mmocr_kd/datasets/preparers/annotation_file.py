"""Reading annotation files of unknown origin: any line end, a byte order mark, blank lines."""
from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import mmcv
import numpy as np
import PIL.Image

# EXIF tag of the orientation; 1 means upright.
_ORIENTATION = 0x0112


class Line(NamedTuple):
    """A line that is not blank.

    Args:
        text: Without its end and without surrounding blanks.
        place: File and line number, for messages.
    """

    text: str
    place: str


def read_lines(path: str | Path, encodings: Sequence[str] = ('utf-8-sig',)) -> Iterator[Line]:
    """Read the lines of a text file.

    Args:
        path: The file.
        encodings: Tried in this order.

    Yields:
        Its lines, without the blank ones.

    Raises:
        FileNotFoundError: If the file does not exist.
        ValueError: If it is in none of the encodings.
    """
    content = _decode(path, Path(path).read_bytes(), encodings)
    # Not str.splitlines: that also splits at characters that Chinese texts may hold.
    lines = content.replace('\r\n', '\n').replace('\r', '\n').split('\n')
    for number, text in enumerate(lines, 1):
        if text.strip():
            yield Line(text.strip(), f'{path}, line {number}')


def _decode(path: str | Path, content: bytes, encodings: Sequence[str]) -> str:
    for encoding in encodings:
        try:
            return content.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise ValueError(f'{path} is in none of these encodings: {", ".join(encodings)}')


def to_numbers(line: Line, values: Iterable[str], expected: str) -> list[float]:
    """Convert a line's values.

    Args:
        line: Where they stand.
        values: What to convert.
        expected: How the line should have looked, for the message.

    Raises:
        ValueError: If a value is no finite number; names file and line.
    """
    try:
        numbers = [float(value) for value in values]
    except ValueError:
        numbers = [float('nan')]
    if not np.isfinite(numbers).all():
        raise malformed(line, expected)
    return numbers


def malformed(line: Line, expected: str, hint: str = '') -> ValueError:
    """The error for a line that does not look as ``expected``; ``hint`` says what it may be."""
    return ValueError(f'{line.place}: expected {expected!r}, got {line.text!r}'
                      f'{hint and f" ({hint})"}')


def check_image(path: str | Path) -> None:
    """Check that an image can be read whole, and warn if it is not stored upright.

    Args:
        path: Image file.

    Raises:
        FileNotFoundError: If it does not exist.
        ValueError: If it is no image, or is cut off.
    """
    try:
        with PIL.Image.open(path) as image:
            orientation = image.getexif().get(_ORIENTATION, 1)
            image.load()  # notices files that are cut off, which some versions of OpenCV read
        if mmcv.imread(path) is None:  # what MMOCR will read it with
            raise ValueError('OpenCV cannot decode it')
    except FileNotFoundError:
        raise
    except Exception as error:  # Pillow and OpenCV each raise their own, some of them SyntaxError
        raise ValueError(f'{path} is no readable image, or is cut off: {error}. Get it anew, or '
                         'remove it and its annotation') from error
    if orientation != 1:
        warnings.warn(f"{path} has EXIF orientation {orientation}; MMOCR's pipelines load it as "
                      'stored (color_ignore_orientation): check that its boxes fit', stacklevel=2)
