"""Read-only LMDB files that survive forks, pickling and two data sets in one file."""
from __future__ import annotations

import os
import threading
from typing import Any
from weakref import WeakValueDictionary

import lmdb


class LmdbError(OSError):
    """An LMDB file is missing, broken, cut off, or holds other keys than expected."""


class BrokenRecordError(LmdbError):
    """A record of an LMDB file is missing or is no image."""


# LMDB forbids a process to open a file twice, and two data sets often read parts of one file.
_SHARED: WeakValueDictionary[str, LmdbFile] = WeakValueDictionary()
# Threads must neither make two objects of one file nor open one twice.
_LOCK = threading.RLock()


def _renew_lock() -> None:
    """A forked process may have inherited the lock from a thread that it does not have."""
    global _LOCK
    _LOCK = threading.RLock()


os.register_at_fork(after_in_child=_renew_lock)


def open_lmdb(path: str | os.PathLike[str]) -> LmdbFile:
    """The file at a path; the same object for everyone in this process.

    Args:
        path: A folder with ``data.mdb`` in it, or the file itself.
    """
    name = os.path.realpath(path)
    with _LOCK:
        file = _SHARED.get(name)
        if file is None:
            file = _SHARED[name] = LmdbFile(name)
        return file


class LmdbFile:
    """A read-only LMDB file, opened when first read, and anew in every process.

    It pickles as its path, so that spawned workers can have it. Use :func:`open_lmdb`.

    Args:
        path: A folder with ``data.mdb`` in it, or the file itself.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self._env: lmdb.Environment | None = None
        self._pid = -1

    def __reduce__(self) -> tuple[Any, ...]:
        return open_lmdb, (self.path, )

    def begin(self) -> lmdb.Transaction:
        """A transaction to read with; a context manager. Keep it for a short time.

        Raises:
            LmdbError: If the file cannot be read, or is shorter than its own index says (LMDB
                itself would crash the process on reading past the end).
        """
        with _LOCK:
            if self._env is None or self._pid != os.getpid():
                self.close()  # a forked worker lets go of what it shares with its parent
                self._env = _open(self.path)
                self._pid = os.getpid()
            return self._env.begin()

    def close(self) -> None:
        """Close the file; reading opens it again."""
        with _LOCK:
            if self._env is not None:
                self._env.close()
                self._env = None


def _open(path: str) -> lmdb.Environment:
    try:
        env = lmdb.open(path, subdir=os.path.isdir(path), readonly=True, lock=False,
                        readahead=False, meminit=False)
    except lmdb.Error as error:
        if 'already open in this process' in str(error):
            raise LmdbError(f"{path!r} is open in this process already, which LMDB allows once: by "
                            "MMOCR's RecogLMDBDataset, or by code of yours. Read it with "
                            'CheckedRecogLMDBDataset everywhere, which shares it, or close the '
                            'other first') from error
        raise LmdbError(f'{path!r} cannot be read as an LMDB file: {error}. Expected a folder '
                        'with data.mdb in it, or such a file') from error
    _require_whole(path, env)
    return env


def _require_whole(path: str, env: lmdb.Environment) -> None:
    file = os.path.join(path, 'data.mdb') if os.path.isdir(path) else path
    expected = (env.info()['last_pgno'] + 1) * env.stat()['psize']
    if (size := os.path.getsize(file)) < expected:
        env.close()
        raise LmdbError(f'{file!r} is cut off: it has {size} bytes, and its index speaks of '
                        f'{expected}. Copy or make it again')
