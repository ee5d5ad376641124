"""Numbered records of an LMDB file: images and a label each."""
from __future__ import annotations

import cv2
import mmcv

from ..embedded.arrays import Image
from .lmdb_file import BrokenRecordError, LmdbError, open_lmdb

_SHOWN = 10


class Records:
    """Reads the records of an LMDB file.

    Keys are a prefix and the record's number, counted from 1, in nine digits.

    Args:
        path: A folder with ``data.mdb`` in it, or the file itself.
        images: Name of each image of a record -> prefix of its key.
        color_type: 'color' for BGR images of shape (H, W, 3), 'grayscale' for (H, W).
    """

    def __init__(self, path: str, images: dict[str, str], color_type: str) -> None:
        self.path = path
        self.file = open_lmdb(path)
        self.images = images
        self.color_type = color_type

    def count(self) -> int:
        """How many records the file says it has.

        Raises:
            LmdbError: If the file cannot be read, or does not say.
        """
        content = self._get('num-samples')
        if content is None or not content.isdigit() or int(content) < 1:
            raise self.wrong_layout(f"'num-samples' is {content!r}, not a positive number")
        return int(content)

    def key(self, name: str, number: int) -> str:
        """Key of an image.

        Args:
            name: Which image.
            number: Which record.
        """
        return _key(self.images[name], number)

    def text(self, number: int) -> str:
        """The label of a record, empty if there is none.

        Args:
            number: Which record.

        Raises:
            BrokenRecordError: If it is not in UTF-8.
        """
        content = self._get(key := _key('label', number)) or b''
        try:
            return content.decode()
        except UnicodeDecodeError:
            raise BrokenRecordError(f'{key!r} of {self.path!r} is not in UTF-8: {content!r}. Write '
                                    'the file with labels in UTF-8') from None

    def has_label(self, number: int) -> bool:
        """Whether a record has a label.

        Args:
            number: Which record.
        """
        return self._has(_key('label', number))

    def missing_image(self, number: int) -> str | None:
        """Key of the first image that a record lacks; None if it has all. Decodes none.

        Args:
            number: Which record.
        """
        keys = [self.key(name, number) for name in self.images]
        return next((key for key in keys if not self._has(key)), None)

    def _has(self, key: str) -> bool:
        with self.file.begin() as transaction:
            return bool(transaction.cursor().set_key(key.encode()))

    def read(self, number: int) -> dict[str, Image]:
        """Decode the images of a record.

        Args:
            number: Which record.

        Raises:
            BrokenRecordError: If one is missing or is no image.
        """
        return {name: self._decode(self.key(name, number)) for name in self.images}

    def _decode(self, key: str) -> Image:
        content = self._get(key)
        try:
            image = mmcv.imfrombytes(content, flag=self.color_type) if content else None
        except cv2.error:
            image = None
        if image is None:
            what = 'missing' if content is None else f'no image ({len(content)} bytes)'
            raise BrokenRecordError(f'{key!r} of {self.path!r} is {what}')
        return image

    def _get(self, key: str) -> bytes | None:
        with self.file.begin() as transaction:
            value = transaction.get(key.encode())
            return None if value is None else bytes(value)

    def wrong_layout(self, why: str) -> LmdbError:
        """The error that another kind of file was expected.

        Args:
            why: What was noticed.
        """
        with self.file.begin() as transaction:
            keys = [bytes(key).decode('utf-8', 'replace') for key, _ in
                    zip(transaction.cursor().iternext(values=False), range(_SHOWN))]
        expected = ['num-samples', *(_key(p, 1) for p in (*self.images.values(), 'label'))]
        return LmdbError(f'{self.path!r} is of another layout: {why}. It has keys such as {keys}, '
                         f'expected were {expected}')


def _key(prefix: str, number: int) -> str:
    return f'{prefix}-{number:09d}'
