"""Readings of words: JSON lines that any OCR engine can write."""
from __future__ import annotations

import json
import math
import os
from base64 import b64decode, b64encode
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Iterator, Mapping, Sequence

import numpy as np

from .errors import CorruptEntryError
from .store import Store

Reading = list[tuple[str, float]]  # of one word: texts with log-probabilities
_DECIMALS = 4


@dataclass(frozen=True)
class Posteriors:
    """The most probable classes of each frame; 4 bytes each, 5.4 on disk (base64).

    Args:
        classes: uint16, shape (T, K).
        log_probs: Their log-probabilities, float16, shape (T, K).
        number: How many classes there are, C.
    """

    classes: np.ndarray
    log_probs: np.ndarray
    number: int

    def encode(self) -> dict[str, Any]:
        """As plain JSON: ``shape`` [T, K], ``number``, and little-endian bytes in base64."""
        return dict(shape=list(self.classes.shape), number=self.number,
                    classes=b64encode(self.classes.astype('<u2').tobytes()).decode(),
                    log_probs=b64encode(self.log_probs.astype('<f2').tobytes()).decode())

    @classmethod
    def decode(cls, told: Mapping[str, Any]) -> Posteriors:
        """Back from :meth:`encode`.

        Raises:
            ValueError, KeyError, TypeError: If something is missing or damaged.
        """
        classes, log_probs = (
            np.frombuffer(b64decode(told[name], validate=True), dtype).reshape(told['shape'])
            for name, dtype in (('classes', '<u2'), ('log_probs', '<f2')))
        if classes.max(initial=0) >= told['number']:
            raise ValueError(f'class {classes.max()} of {told["number"]}')
        return cls(classes, log_probs, told['number'])


class ReadingStore(Store):
    """A store of N-best readings, one line of ``readings/*.jsonl`` for each word.

    A line is an object in UTF-8: ``image``, the word's name; ``readings``, a list of ``[text,
    natural logarithm of its probability]`` in any order, empty if nothing was read; and
    ``content``, the BLAKE2b digest of the image's bytes (16 bytes, as 32 hexadecimal digits).
    Whoever writes one elsewhere may leave ``content`` out: then the name counts, and a changed
    image is not noticed. ``posteriors``, what a CTC recogniser gives at each frame, is ours alone,
    see :class:`Posteriors`. Of several lines for a word the last one counts. A line that is cut off
    (its writer was killed) counts as none. See :class:`Store` for arguments and errors.
    """

    def __init__(self, folder: str | os.PathLike[str],
                 identity: Mapping[str, Any] | None = None) -> None:
        super().__init__(folder, identity)
        self._lines: dict[str, tuple[Path, int]] | None = None  # where the line of a word begins
        self._damaged: list[str] = []

    def has(self, image: str) -> bool:
        """See :meth:`Store.has`."""
        return self._find(image) is not None

    def read(self, image: str) -> Reading:
        """What may have been read of a word.

        Args:
            image: Its name, as the data set has it.

        Returns:
            ``(text, log-probability)``, any number of them.

        Raises:
            MissingEntryError: If it is not there; :class:`StaleEntryError` if the image changed.
            CorruptEntryError: If its line has another form.
            OSError: If the image or the line cannot be read.
        """
        entry, line, path = self._entry(image)
        try:
            return [_checked(*reading) for reading in entry['readings']]
        except (ValueError, KeyError, TypeError) as error:
            raise CorruptEntryError(
                f'{str(path)!r} says of {image!r} {line!r}, expected "readings": [["text", '
                f'log-probability], ...] ({error}). Mend that line where it is written, or write '
                f'it again:\n  {self.command}') from error

    def read_posteriors(self, image: str) -> Posteriors:
        """What the teacher gave at each frame of a word.

        Args:
            image: Its name.

        Raises:
            MissingEntryError, OSError: See :meth:`read`.
            CorruptEntryError: If its line has none, or damaged ones.
        """
        entry, _, path = self._entry(image)
        try:
            return Posteriors.decode(entry['posteriors'])
        except (ValueError, KeyError, TypeError) as error:
            raise CorruptEntryError(f'{str(path)!r} has no whole "posteriors" of {image!r} '
                                    f'({error!r}). Write it again:\n  {self.command}') from error

    def _entry(self, image: str) -> tuple[dict[str, Any], str, Path]:
        """The line of a word: what it says, as it is written, and where."""
        place = self._find(image)
        if place is None:
            others = (f' (of which {len(self._damaged)} lines are cut off or no JSON, the first is '
                      f'{self._damaged[0]})' if self._damaged else '')
            raise self.missing(image, others)
        path, start = place
        with path.open('rb') as file:
            file.seek(start)
            line = file.readline()
        return json.loads(line), line.decode(errors='replace').strip(), path  # it was JSON before

    def write(self, image: str, readings: Sequence[tuple[str, float]],
              posteriors: Posteriors | None = None) -> int:
        """Add the readings of a word, in one piece: processes may share the file.

        Args:
            image: Its name.
            readings: ``(text, log-probability)``; rounded to four decimals.
            posteriors: What the teacher gave at each frame.

        Returns:
            Bytes written.

        Raises:
            ValueError: If a log-probability is NaN or +Inf.
            OSError: If there is no room: no line before it is lost.
        """
        content = self.images.content(image)
        told = [[text, round(_checked(text, log_prob)[1], _DECIMALS)]
                for text, log_prob in readings if log_prob != -math.inf]
        entry: dict[str, Any] = dict(image=image, content=content, readings=told)
        if posteriors is not None:
            entry['posteriors'] = posteriors.encode()
        line = json.dumps(entry, ensure_ascii=False)
        path = self.folder / 'readings' / 'readings.jsonl'
        start = _append(path, f'{line}\n'.encode())
        if self._lines is not None:
            self._lines[content] = path, start
        self.images.note(image)
        return len(line.encode()) + 1

    def _find(self, image: str) -> tuple[Path, int] | None:
        if self._lines is None:
            self._damaged, self._lines = [], {}
            for path in sorted((self.folder / 'readings').glob('*.jsonl')):
                self._lines.update(self._index(path))
        return self._lines.get(self.images.content(image)) or self._lines.get(f'name {image}')

    def _index(self, path: Path) -> Iterator[tuple[str, tuple[Path, int]]]:
        with path.open('rb') as file:
            start, number = 0, 0
            for number, line in enumerate(file, 1):
                key = _key(line)
                if key is not None:
                    yield key, (path, start)
                elif line.strip():
                    self._damaged.append(f'{path.name}:{number}')
                start += len(line)


def _key(line: bytes) -> str | None:
    """What a line is about; None if it is none."""
    try:
        entry = json.loads(line)
        return entry['content'] if 'content' in entry else f'name {entry["image"]}'
    except (ValueError, KeyError, TypeError):
        return None


def _checked(text: Any, log_prob: Any) -> tuple[str, float]:
    if not isinstance(text, str) or not isinstance(log_prob, (int, float)):
        raise TypeError(f'[{text!r}, {log_prob!r}] is no text with a number')
    if not log_prob < math.inf:
        raise ValueError(f'{log_prob} is no log-probability')
    return text, float(log_prob)


def _append(path: Path, line: bytes) -> int:
    """Add a line, after whatever a killed writer left; returns where it begins."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o666)
    try:
        size = os.fstat(handle).st_size
        unfinished = size > 0 and os.pread(handle, 1, size - 1) != b'\n'
        data = b'\n' * unfinished + line
        if os.write(handle, data) < len(data):
            raise OSError(f'there is no room for {len(data)} bytes in {str(path)!r}')
        return os.lseek(handle, 0, os.SEEK_CUR) - len(line)
    finally:
        os.close(handle)
