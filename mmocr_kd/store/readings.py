"""Readings of words: JSON lines that any OCR engine can write."""
from __future__ import annotations

import json
import math
import os
from pathlib import Path
from typing import Any, Iterator, Mapping, Sequence

from .errors import CorruptEntryError
from .store import Store

Reading = list[tuple[str, float]]  # of one word: texts with log-probabilities
_DECIMALS = 4


class ReadingStore(Store):
    """A store of N-best readings, one line of ``readings/*.jsonl`` for each word.

    A line is an object in UTF-8: ``image``, the word's name; ``readings``, a list of ``[text,
    natural logarithm of its probability]`` in any order, empty if nothing was read; and
    ``content``, the BLAKE2b digest of the image's bytes (16 bytes, as 32 hexadecimal digits).
    Whoever writes one elsewhere may leave ``content`` out: then the name counts, and a changed
    image is not noticed. Of several lines for a word the last one counts. A line that is cut off
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
        place = self._find(image)
        if place is None:
            others = (f' (of which {len(self._damaged)} lines are cut off or no JSON, the first is '
                      f'{self._damaged[0]})' if self._damaged else '')
            raise self.missing(image, others)
        path, start = place
        with path.open('rb') as file:
            file.seek(start)
            line = file.readline()
        try:
            return [_checked(*reading) for reading in json.loads(line)['readings']]
        except (ValueError, KeyError, TypeError) as error:
            raise CorruptEntryError(
                f'{str(path)!r} says of {image!r} {line.decode(errors="replace").strip()!r}, '
                f'expected "readings": [["text", log-probability], ...] ({error}). Mend that line '
                f'where it is written, or write it again:\n  {self.command}') from error

    def write(self, image: str, readings: Sequence[tuple[str, float]]) -> int:
        """Add the readings of a word, in one piece: processes may share the file.

        Args:
            image: Its name.
            readings: ``(text, log-probability)``; rounded to four decimals.

        Returns:
            Bytes written.

        Raises:
            ValueError: If a log-probability is NaN or +Inf.
            OSError: If there is no room: no line before it is lost.
        """
        content = self.images.content(image)
        told = [[text, round(_checked(text, log_prob)[1], _DECIMALS)]
                for text, log_prob in readings if log_prob != -math.inf]
        line = json.dumps(dict(image=image, content=content, readings=told), ensure_ascii=False)
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
