"""Files of ratings: a line for each image, written when it is finished."""
from __future__ import annotations

import fcntl
import json
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Callable, Sequence

import numpy as np

VERSION = 1
MEASURED = ('size', 'macs', 'ms')


@dataclass(frozen=True)
class RatingsHeader:
    """What was rated, and what a pass costs: first line of the file.

    Args:
        config: Path of the spotter's or detector's config.
        checkpoint: Path of its weights; '' for those that the config names.
        identity: Digest of model, data and weights: other ratings must not be appended.
        split: Which data, 'train', 'val' or 'test'.
        scales: K scales, rising, the last one 1.
        thresholds: T score thresholds, rising.
        protocol: 'e2e': found and read; 'detection': found.
        size: Height and width in pixels of the image that was counted and timed.
        macs: Multiply-accumulates of a whole pass at each scale, without any selector.
        ms: Milliseconds of it, on the machine that rated.
    """

    config: str
    checkpoint: str
    identity: str
    split: str
    scales: Sequence[float]
    thresholds: Sequence[float]
    protocol: str
    size: Sequence[int]
    macs: Sequence[float]
    ms: Sequence[float]


@dataclass(frozen=True)
class ImageRating:
    """What was found in one image: any other line of the file.

    Args:
        img_path: The image.
        words: How many words there are to be found.
        hits: How many were, at each scale and threshold, K lists of T numbers.
        false_alarms: How many predictions were none of them, likewise. What is found but read
            wrong is one; what lies on ignored text is none.
        height: Median height of the text found at the smallest scale, in pixels of the full
            image; None if nothing was.
        text_heights: Of the annotated texts that are not ignored, in pixels of the full image;
            None: a version before 0.11 rated it.
    """

    img_path: str
    words: int
    hits: Sequence[Sequence[int]]
    false_alarms: Sequence[Sequence[int]]
    height: float | None
    text_heights: Sequence[float] | None = None


class RatingsFile:
    """A file of ratings that is being written, by one process at a time; a context manager.

    Each image is a line that is appended when it is finished. Whatever kills the writer costs at
    most the last line, which the next one takes away.

    Args:
        path: Of the file, new or begun by the same command.
        wanted: The header's fields but :data:`MEASURED`.
        measure: Gives those; called for a new file only.

    Attributes:
        done: Images that are finished.

    Raises:
        ValueError: If the file is of something else, damaged, or being written.
    """

    def __init__(self, path: str | Path, wanted: dict[str, Any],
                 measure: Callable[[], dict[str, Any]]) -> None:
        path = Path(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = _locked(path)
        try:
            header, images, sound = read_ratings(path)
            if header is not None:
                _require_same(path, header, wanted)
            self._file.truncate(sound)
            if header is None:
                self._append({'version': VERSION, **wanted, **measure()})
        except BaseException:
            self._file.close()
            raise
        self.done = {image.img_path for image in images}

    def write(self, rating: ImageRating) -> None:
        """Append an image.

        Args:
            rating: Of an image that is not done.

        Raises:
            OSError: If there is no room.
        """
        self._append(asdict(rating))
        self.done.add(rating.img_path)

    def __enter__(self) -> RatingsFile:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        self._file.close()

    def _append(self, content: dict[str, Any]) -> None:
        self._file.write((json.dumps(content) + '\n').encode())
        self._file.flush()


def _locked(path: Path) -> IO[bytes]:
    file = path.open('ab')
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        raise ValueError(f'{path} is being written by another process: wait for it, or give '
                         'another --out') from None
    return file


def _require_same(path: Path, header: RatingsHeader, wanted: dict[str, Any]) -> None:
    there = asdict(header)
    for name in ('split', 'protocol', 'scales', 'thresholds', 'identity'):
        if there[name] != wanted[name]:
            also = f' (of {header.config})' if name == 'identity' else ''
            raise ValueError(f'{path} has ratings with {name}={there[name]!r}{also}, wanted is '
                             f'{wanted[name]!r}: give another --out, or remove the file')


def read_ratings(path: Path) -> tuple[RatingsHeader | None, list[ImageRating], int]:
    """Read the whole lines of a file.

    Args:
        path: Of the file.

    Returns:
        Header, None if there is none yet; images; and how many bytes these lines take.

    Raises:
        FileNotFoundError: If there is no file.
        ValueError: If it is another kind of file, or damaged.
    """
    *lines, unfinished = path.read_bytes().split(b'\n')
    sound = path.stat().st_size - len(unfinished)
    if not lines:
        if unfinished and not unfinished.startswith(b'{"version"'[:len(unfinished)]):
            raise ValueError(_foreign(path))
        return None, [], 0
    header = _header(path, lines[0])
    images = [_image(path, number, line, header) for number, line in enumerate(lines[1:], 2)]
    return header, images, sound


def _header(path: Path, line: bytes) -> RatingsHeader:
    content = _parsed(line)
    if 'version' not in content:
        raise ValueError(_foreign(path))
    if content.pop('version') != VERSION:
        raise ValueError(f'{path} has another version than {VERSION}: rate again, into a new file')
    if content.keys() != {field.name for field in fields(RatingsHeader)}:
        raise ValueError(_foreign(path))
    return RatingsHeader(**content)


def _image(path: Path, number: int, line: bytes, header: RatingsHeader) -> ImageRating:
    content = _parsed(line)
    shape = len(header.scales), len(header.thresholds)
    try:
        rating = ImageRating(**content)
        counts = np.array([rating.hits, rating.false_alarms])
        heights = np.array(rating.text_heights or [], dtype=float)
        sound = (counts.shape == (2, *shape) and counts.min() >= 0
                 and counts[0].max() <= rating.words and (heights >= 0).all())
    except (TypeError, ValueError):
        sound = False
    if not sound:
        raise ValueError(f'{path} is damaged in line {number}: expected img_path, words, hits and '
                         f'false_alarms of {shape[0]} scales and {shape[1]} thresholds, '
                         'height and text_heights. Remove this line; the same rate-scales command '
                         'rates the image again')
    return rating


def _parsed(line: bytes) -> dict[str, Any]:
    try:
        content = json.loads(line)
    except ValueError:
        return {}
    return content if isinstance(content, dict) else {}


def _foreign(path: Path) -> str:
    return f'{path} is no file of ratings: expected what mmocr-kd rate-scales writes'
