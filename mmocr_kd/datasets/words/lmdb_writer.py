"""Writing an LMDB file that is whole or not there, and that an interrupted run can go on with."""
from __future__ import annotations

import json
import os
from pathlib import Path
from types import TracebackType
from typing import Any

import lmdb

_BATCH = 256
_SETTINGS = b'made-with'


class LmdbWriter:
    """Writes numbered records to ``<path>.part``, which becomes ``<path>`` when finished.

    A context manager. If it is left early, by an error or a killed process, the next writer with
    the same settings goes on behind the last whole batch.

    Args:
        path: Folder to make.
        settings: What the file is made with. It is stored under ``made-with`` as JSON.

    Raises:
        FileExistsError: If the file is there already, or was begun with other settings.
    """

    def __init__(self, path: str | os.PathLike[str], settings: dict[str, Any]) -> None:
        self.path = Path(path)
        self.part = self.path.with_name(f'{self.path.name}.part')
        if self.path.exists():
            raise FileExistsError(f'{self.path} exists: delete it, or choose another name')
        self.part.parent.mkdir(parents=True, exist_ok=True)
        self._env = lmdb.open(str(self.part), map_size=1 << 28)
        self._batch: dict[bytes, bytes] = {}
        self.done = self._resume(json.dumps(settings, sort_keys=True).encode())

    def _resume(self, settings: bytes) -> int:
        """How many records there are; refuse to go on with another file."""
        with self._env.begin() as transaction:
            stored, done = (transaction.get(key) for key in (_SETTINGS, b'num-samples'))
        if stored is None:
            self._write({_SETTINGS: settings, b'num-samples': b'0'})
            return 0
        if bytes(stored) != settings:
            self._env.close()
            raise FileExistsError(f'{self.part} was begun with {bytes(stored).decode()}, not '
                                  f'{settings.decode()}: delete it, or choose another name')
        return int(bytes(done or b'0'))

    def add(self, values: dict[str, bytes]) -> None:
        """Append a record.

        Args:
            values: Prefix of the key -> value, for example ``dict(image=..., label=...)``.
        """
        self.done += 1
        for prefix, value in values.items():
            self._batch[f'{prefix}-{self.done:09d}'.encode()] = value
        if self.done % _BATCH == 0:
            self._flush()

    def _flush(self) -> None:
        # Records and their number in one transaction: never one without the other.
        self._write({**self._batch, b'num-samples': b'%d' % self.done})
        self._batch.clear()

    def _write(self, values: dict[bytes, bytes]) -> None:
        try:
            with self._env.begin(write=True) as transaction:
                for key, value in values.items():
                    transaction.put(key, value)
        except lmdb.MapFullError:
            self._env.set_mapsize(2 * self._env.info()['map_size'])
            self._write(values)

    def finish(self) -> None:
        """Write what is left and give the file its name."""
        self._flush()
        self._env.close()
        (self.part / 'lock.mdb').unlink(missing_ok=True)
        self.part.replace(self.path)

    def __enter__(self) -> LmdbWriter:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        if kind is None:
            self.finish()
        self._env.close()
