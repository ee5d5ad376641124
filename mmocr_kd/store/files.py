"""Files that are there as a whole or not at all, whatever kills their writer."""
from __future__ import annotations

import os
import tempfile
from pathlib import Path

_SUFFIX = '.unfinished'


def write_whole(path: Path, data: bytes, replace: bool = True) -> bool:
    """Write a file in one step.

    Args:
        path: Of the file; its folder is made if there is none.
        data: Its content.
        replace: Whether an existing file is replaced, or left as it is.

    Returns:
        Whether this call wrote it.

    Raises:
        OSError: If there is no room or no permission; nothing of the file is left behind.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, unfinished = tempfile.mkstemp(_SUFFIX, path.name, path.parent)
    try:
        with os.fdopen(handle, 'wb') as file:
            os.fchmod(file.fileno(), 0o666 & ~_umask())
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        if replace or not _linked(unfinished, path):
            os.replace(unfinished, path)
    except FileExistsError:
        return False
    finally:
        Path(unfinished).unlink(missing_ok=True)
    return True


def _linked(source: str, path: Path) -> bool:
    """Link, which fails where there is a file; False on file systems that have no links."""
    try:
        os.link(source, path)
    except FileExistsError:
        raise
    except OSError:
        if path.exists():
            raise FileExistsError(path) from None
        return False
    return True


def remove_unfinished(folder: Path) -> None:
    """Remove what killed writers left behind an hour ago or earlier.

    Args:
        folder: With all folders below it.
    """
    newest = _now(folder) - 3600
    for left in folder.rglob(f'*{_SUFFIX}'):
        try:
            if left.stat().st_mtime < newest:
                left.unlink()
        except FileNotFoundError:
            pass  # its writer has just finished


def _now(folder: Path) -> float:
    """By the clock of the file system, which may be another machine's."""
    with tempfile.TemporaryFile(dir=folder) as file:
        return os.fstat(file.fileno()).st_mtime


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
