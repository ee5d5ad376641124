"""Checkpoints of a training that may have been killed at any moment."""
from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Any, Iterator, NamedTuple

from ..student import read_checkpoint


class Checkpoint(NamedTuple):
    """A checkpoint that is whole: its path, and what MMEngine says of it, such as its epoch."""

    path: Path
    meta: dict[str, Any]


def last_checkpoint(folder: Path) -> Checkpoint | None:
    """The last checkpoint of a training that is whole.

    Args:
        folder: Of the training.
    """
    for path in _checkpoints(folder):
        try:
            known = path.stat()
            return Checkpoint(path, _meta(path, known.st_mtime_ns, known.st_size))
        except (OSError, ValueError):
            continue  # cut short by what killed its writer, or removed by it before
    return None


@cache
def _meta(path: Path, *known: int) -> dict[str, Any]:
    """Of a file that is this old and large."""
    meta: dict[str, Any] = read_checkpoint(path).get('meta', {})
    return meta


def _checkpoints(folder: Path) -> Iterator[Path]:
    """Later ones first; named as MMEngine does by default, or as it noted."""
    numbers = {path: int(found[1]) for path in folder.glob('*.pth')
               if (found := re.fullmatch(r'(?:epoch|iter)_(\d+)\.pth', path.name))}
    yield from sorted(numbers, key=lambda path: -numbers[path])
    note = folder / 'last_checkpoint'
    if note.exists():
        yield folder / Path(note.read_text().strip()).name
