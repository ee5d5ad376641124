"""Maps of photos: one file per photo, checked as a whole."""
from __future__ import annotations

import json
from hashlib import blake2b
from pathlib import Path
from typing import Any, Iterator, Mapping

import cv2
import numpy as np

from .errors import CorruptEntryError
from .files import write_whole
from .store import Store

_MAGIC = b'mmocr-kd-maps 1 '
# Runs of equal values: half the size of OpenCV's default on maps, and as quick.
_PNG = (cv2.IMWRITE_PNG_STRATEGY, cv2.IMWRITE_PNG_STRATEGY_RLE, cv2.IMWRITE_PNG_COMPRESSION, 6)


class MapStore(Store):
    """A store of maps, ``maps/<2 digits>/<content>.maps`` for each photo.

    A file is the line ``mmocr-kd-maps 1 <digest of the rest>``, a line of JSON (``image``, and for
    each map its ``name``, ``dtype``, ``shape`` and ``bytes``), and the maps: 'uint8' (H, W) as PNG,
    'float16' (C, h, w) as it is, little-endian. A map covers the whole photo, whatever its size.
    See :class:`Store` for arguments and errors.
    """

    def has(self, image: str) -> bool:
        """See :meth:`Store.has`."""
        return self._file(image).exists()

    def read(self, image: str) -> dict[str, np.ndarray]:
        """Read the maps of an image.

        Args:
            image: Its name, as the data set has it.

        Returns:
            Name -> uint8 (H, W): a probability times 255; or float16 (C, h, w): features.

        Raises:
            MissingEntryError: If there are none; :class:`StaleEntryError` if the image changed.
            CorruptEntryError: If the file is damaged.
            OSError: If the image cannot be read.
        """
        path = self._file(image)
        try:
            data = path.read_bytes()
        except FileNotFoundError:
            raise self.missing(image) from None
        try:
            return decode_maps(data)
        except ValueError as error:
            raise CorruptEntryError(f'the entry {str(path)!r} of {image!r} is damaged ({error}). '
                                    f'Write it again:\n  {self.command}') from error

    def write(self, image: str, maps: Mapping[str, np.ndarray]) -> int:
        """Write the maps of an image, in one step.

        Args:
            image: Its name.
            maps: As :meth:`read` returns them.

        Returns:
            Bytes written.

        Raises:
            OSError: If there is no room: nothing is lost, and nothing half written stays.
        """
        data = encode_maps(image, maps)
        write_whole(self._file(image), data)
        self.images.note(image)
        return len(data)

    def _file(self, image: str) -> Path:
        content = self.images.content(image)
        return self.folder / 'maps' / content[:2] / f'{content}.maps'


def encode_maps(image: str, maps: Mapping[str, np.ndarray]) -> bytes:
    """Put maps into bytes.

    Args:
        image: Whose they are; for people who look into a file.
        maps: Name -> uint8 (H, W) or float16 (C, h, w).

    Raises:
        TypeError: If one is of another type.
    """
    blobs = [_encode(name, array) for name, array in maps.items()]
    about = [dict(name=name, dtype=str(array.dtype), shape=array.shape, bytes=len(blob))
             for (name, array), blob in zip(maps.items(), blobs)]
    body = json.dumps(dict(image=image, maps=about)).encode() + b'\n' + b''.join(blobs)
    return _MAGIC + _digest(body) + b'\n' + body


def decode_maps(data: bytes) -> dict[str, np.ndarray]:
    """Take maps out of bytes.

    Args:
        data: What :func:`encode_maps` returned.

    Raises:
        ValueError: If a byte is missing or another.
    """
    first, _, body = data.partition(b'\n')
    if first != _MAGIC + _digest(body):
        raise ValueError(f'{len(data)} bytes do not agree with their digest')
    about, _, blobs = body.partition(b'\n')
    return dict(_decode(json.loads(about)['maps'], blobs))


def _encode(name: str, array: np.ndarray) -> bytes:
    if array.dtype == np.uint8 and array.ndim == 2:
        return cv2.imencode('.png', array, _PNG)[1].tobytes()
    if array.dtype == np.float16 and array.ndim == 3:
        return array.astype('<f2').tobytes()
    raise TypeError(f'the map {name!r} is {array.dtype} {array.shape}: expected uint8 (H, W) or '
                    'float16 (C, h, w)')


def _decode(about: list[dict[str, Any]], blobs: bytes) -> Iterator[tuple[str, np.ndarray]]:
    end = 0
    for entry in about:
        start, end = end, end + entry['bytes']
        raw = np.frombuffer(blobs[start:end], np.uint8)
        if entry['dtype'] == 'uint8':
            yield entry['name'], cv2.imdecode(raw, cv2.IMREAD_GRAYSCALE)
        else:
            yield entry['name'], raw.view('<f2').reshape(entry['shape'])


def _digest(body: bytes) -> bytes:
    return blake2b(body, digest_size=16).hexdigest().encode()
