"""What an image's name stands for: its content."""
from __future__ import annotations

import json
import os
from hashlib import blake2b
from pathlib import Path
from typing import Any, Sequence

from mmengine import fileio

# Size and time of change of a file; None where there is no file to ask (rendered, remote).
Stamp = list[int] | None
_LOOKED_AT = 16


def content_of(name: str) -> str:
    """Digest of the bytes behind an image's name.

    Args:
        name: Path of a file, or what another of MMEngine's backends reads ('embedded://...').

    Returns:
        32 hexadecimal digits.

    Raises:
        OSError: If it cannot be read.
    """
    return blake2b(fileio.get(name), digest_size=16).hexdigest()


class ImageIndex:
    """Remembers contents of images, so that unchanged files need not be read again.

    It saves time and holds no truth: what is lost or cut off is found out anew. A file counts as
    unchanged as long as its size and time of change are (as for make and git); names that are no
    files are taken at their word until :meth:`doubt`.

    Args:
        path: JSON lines, one for each image: ``image``, ``content``, ``stamp``.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        self._noted: dict[str, tuple[Stamp, str]] = {}
        self._seen: dict[str, tuple[Stamp, str]] = {}
        self._doubted = False
        for line in self.path.read_bytes().splitlines() if self.path.exists() else ():
            self._learn(line)

    def content(self, name: str) -> str:
        """The content of an image now.

        Args:
            name: As the data set has it.

        Raises:
            OSError: If it cannot be read.
        """
        stamp = stamp_of(name)
        noted = None if stamp is None and self._doubted else self._noted.get(name)
        for known in (self._seen.get(name), noted):
            if known is not None and known[0] == stamp:
                return known[1]
        self._seen[name] = stamp, content_of(name)
        return self._seen[name][1]

    def changed(self, name: str) -> bool:
        """Whether an image was noted with another content than it has now.

        Args:
            name: The image.
        """
        return name in self._noted and self._noted[name][1] != self.content(name)

    def note(self, name: str) -> None:
        """Write down the content of an image, in one piece: processes may share the file.

        Args:
            name: The image. If all of this is noted already, nothing is done.

        Raises:
            OSError: If it cannot be read, or there is no room.
        """
        stamp, content = stamp_of(name), self.content(name)
        if self._noted.get(name) == (stamp, content):
            return
        self._noted[name] = stamp, content
        line = json.dumps(dict(image=name, content=content, stamp=stamp)) + '\n'
        handle = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
        try:
            os.write(handle, line.encode())
        finally:
            os.close(handle)

    def doubt(self, names: Sequence[str]) -> None:
        """Look at some images that are no files; if one changed, none is taken at its word.

        Args:
            names: Of images; a few, spread evenly, are looked at.

        Raises:
            OSError: If one cannot be read.
        """
        noted = [name for name in names if name in self._noted and self._noted[name][0] is None]
        for name in noted[::max(1, len(noted) // _LOOKED_AT)]:
            self._doubted |= content_of(name) != self._noted[name][1]

    def _learn(self, line: bytes) -> None:
        try:
            entry: dict[str, Any] = json.loads(line)
            self._noted[entry['image']] = entry['stamp'], entry['content']
        except (ValueError, KeyError, TypeError):
            pass  # of a writer that was killed


def stamp_of(name: str) -> Stamp:
    """Size and time of change, see :data:`Stamp`.

    Args:
        name: The image.
    """
    try:
        stat = os.stat(name)
    except OSError:
        return None
    return [stat.st_size, stat.st_mtime_ns]
