"""A file backend for the images in LMDB files.

With it ``LoadImageFromFile`` reads a record by its name, so that files and LMDB files may share a
pipeline, and visualisation hooks can show what a prediction is about.
"""
from __future__ import annotations

import os
from pathlib import Path

from mmengine.fileio import BaseStorageBackend, register_backend

from .lmdb_file import open_lmdb

PREFIX = 'lmdb'


def record_path(file: str | os.PathLike[str], key: str) -> str:
    """Path of a record, for :func:`mmengine.fileio.get`.

    Args:
        file: A folder with ``data.mdb`` in it, or the file itself.
        key: The record's key.

    Returns:
        For example 'lmdb://data/words/icdar2015_train.lmdb/image-000000012'.
    """
    return f'{PREFIX}://{file}/{key}'


@register_backend('lmdb-record', prefixes=PREFIX, force=True)
class LmdbRecordBackend(BaseStorageBackend):
    """Reads 'lmdb://<file>/<key>'."""

    def get(self, filepath: str | Path) -> bytes:
        """The value of a record.

        Args:
            filepath: What :func:`record_path` returned.

        Raises:
            FileNotFoundError: If the file has no such key.
            LmdbError: If the file cannot be read.
        """
        file, _, key = str(filepath).removeprefix(f'{PREFIX}://').rpartition('/')
        with open_lmdb(file).begin() as transaction:
            value = transaction.get(key.encode())
        if value is None:
            raise FileNotFoundError(f'{file!r} has no key {key!r}')
        return bytes(value)

    def get_text(self, filepath: str | Path, encoding: str = 'utf-8') -> str:
        """The value of a record as text.

        Args:
            filepath: What :func:`record_path` returned.
            encoding: Its encoding.

        Raises:
            FileNotFoundError: If the file has no such key.
            LmdbError: If the file cannot be read.
        """
        return self.get(filepath).decode(encoding)
