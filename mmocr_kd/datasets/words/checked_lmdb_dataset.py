"""Word images in an LMDB file of MMOCR's layout, some of which may be broken."""
from __future__ import annotations

import logging
from typing import Any, Sequence

import numpy as np
from mmengine.logging import print_log
from mmocr.datasets import RecogLMDBDataset
from mmocr.registry import DATASETS

from ..checked_dataset import CheckedDataset
from ..embedded.arrays import Image
from ..source_photos import build_photos, words_on_photos
from .backend import record_path
from .holdout import Holdout
from .lmdb_file import BrokenRecordError
from .records import Records

_SHOWN = 5


@DATASETS.register_module()
class CheckedRecogLMDBDataset(CheckedDataset, RecogLMDBDataset):
    """MMOCR's ``RecogLMDBDataset`` with checks, shapes and a part set aside.

    The file has the keys ``num-samples``, ``image-000000001`` and ``label-000000001``, counted
    from 1. Unlike MMOCR's, samples have ``img_shape`` and ``ori_shape``, which packing needs, and
    ``img_path`` as a name; the file is opened once per process, workers included; two data sets
    may read one file; and broken records are named. Labels that the pipeline drops are left out,
    see :class:`CheckedDataset`; a missing label is an empty text, which is said. Images are
    read already; ``LoadImageFromFile`` may nevertheless stand in a pipeline that is shared with
    other data sets, and reads the same image again.

    Args:
        ann_file: A folder with ``data.mdb`` in it, or the file itself.
        img_color_type: 'color' for BGR images of shape (H, W, 3), 'grayscale' for (H, W).
        on_error: What to do about missing or undecodable images and labels. 'raise' stops with the
            record's number. 'skip' warns with it; in training another sample is drawn, and in test
            mode, where every image is decoded once at the start, the record does not count.
        split: 'train' or 'val': read one part of the file, divided as ``holdout`` says. None
            reads all of it.
        holdout: Fields of :class:`Holdout`, for ``split``.
        not_on: Configs of data sets of photos, in MMOCR's format. Words that were cut out of these
            photos are left out, as spotters and detectors are tested on them; see
            :func:`~mmocr_kd.datasets.source_photos.words_on_photos`.
        on: Likewise, of photos whose words alone are read: the other part of what ``not_on`` with
            the same photos reads. Empty: of all photos.
        **kwargs: As in :class:`CheckedDataset`. ``indices`` counts the records that are whole.

    Raises:
        BrokenRecordError: If a record is broken and ``on_error='raise'``.
        LmdbError: If the file cannot be read or holds other keys.
        ValueError: If a field is out of range, or no word is left by ``on`` and ``not_on``.
    """

    METAINFO = dict(dataset_type='TextRecogDataset', task_name='textrecog')

    def __init__(self,
                 ann_file: str = '',
                 img_color_type: str = 'color',
                 on_error: str = 'raise',
                 split: str | None = None,
                 holdout: dict[str, Any] | None = None,
                 not_on: Sequence[dict[str, Any]] = (),
                 on: Sequence[dict[str, Any]] = (),
                 **kwargs: Any) -> None:
        _require('img_color_type', img_color_type, ('color', 'grayscale'))
        _require('on_error', on_error, ('raise', 'skip'))
        _require('split', split, (None, 'train', 'val'))
        self.color_type = img_color_type  # MMOCR sets it after the file was read
        self.on_error = on_error
        self.split = split
        self.holdout = Holdout(**(holdout or {}))
        self.not_on = not_on
        self.on = on
        super().__init__(ann_file=ann_file, img_color_type=img_color_type, **kwargs)

    @property
    def images(self) -> dict[str, str]:
        """What each image of a sample is called in the file."""
        return {'img': 'image'}

    def load_data_list(self) -> list[dict[str, Any]]:
        """Read all labels, and whether there are images.

        Returns:
            One dict per sample with ``record`` (counted from 1), ``img_key``, ``img_path`` and
            ``instances``.
        """
        self.records = Records(self.ann_file, self.images, self.color_type)
        numbers = self._numbers(self.records.count())
        missing = {n: key for n in numbers if (key := self.records.missing_image(n))}
        if len(missing) == len(numbers):
            raise self.records.wrong_layout(f'{missing[numbers[0]]!r} is missing')
        samples, broken = [], {}
        for number in numbers:
            try:
                samples.append(self._sample(number))
            except BrokenRecordError as error:
                broken[number] = str(error)
        if broken:
            self._report_broken(broken)
        self._report_unlabelled([sample['record'] for sample in samples])
        if self.on:
            samples = self._chosen('on', samples, True)
        return self._chosen('not_on', samples, False) if self.not_on else samples

    def _chosen(self, field: str, samples: list[dict[str, Any]],
                wanted: bool) -> list[dict[str, Any]]:
        """Samples whose words lie on the photos of a field, or those whose words do not."""
        photos = [build_photos(cfg) for cfg in getattr(self, field)]
        texts = [sample['instances'][0]['text'] for sample in samples]
        words = [self.records.read(sample['record'])['img'] for sample in samples]
        found = np.any([words_on_photos(words, part, texts) for part in photos], axis=0)
        files = ', '.join(repr(part.ann_file) for part in photos)
        left = [sample for sample, is_there in zip(samples, found) if is_there == wanted]
        message = (f'{found.sum()} of {len(found)} words of {self.ann_file!r} are on photos of '
                   f'{files}: {"the others" if wanted else "they"} are left out')
        if not left:
            raise ValueError(f'{message}. Nothing is left: is it the right {field}?')
        print_log(message, 'current', logging.INFO)
        return left

    def _numbers(self, count: int) -> list[int]:
        if self.split is None:
            return list(range(1, count + 1))
        return [i + 1 for i in self.holdout.numbers(count, self.split)]

    def _report_broken(self, broken: dict[int, str]) -> None:
        message = (f'{len(broken)} records of {self.ann_file!r} are broken, of numbers '
                   f'{_first(list(broken))}. The first: {next(iter(broken.values()))}')
        if self.on_error == 'raise':
            raise BrokenRecordError(f"{message}. Set on_error='skip' to do without them")
        print_log(f'{message}; they are left out', 'current', logging.WARNING)

    def _report_unlabelled(self, numbers: list[int]) -> None:
        bare = [n for n in numbers if not self.records.has_label(n)]
        if bare:
            print_log(f'{len(bare)} records of {self.ann_file!r} have no label, of numbers '
                      f'{_first(bare)}: their text is taken as empty', 'current', logging.WARNING)

    def _sample(self, number: int) -> dict[str, Any]:
        """A record's annotation; its images are looked at as far as must be before the start."""
        if key := self.records.missing_image(number):
            raise BrokenRecordError(f'{key!r} of {self.ann_file!r} is missing')
        if self.test_mode and self.on_error == 'skip':
            self.records.read(number)
        key = self.records.key('img', number)
        return dict(record=number, img_key=key, img_path=record_path(self.ann_file, key),
                    instances=[dict(text=self.records.text(number))])

    def prepare_data(self, idx: int) -> Any:
        """Read and process a sample.

        Args:
            idx: Which one.

        Returns:
            What the pipeline returns; None if the record is broken and is to be skipped.

        Raises:
            BrokenRecordError: If the record is broken and ``on_error='raise'``.
        """
        sample = self.get_data_info(idx)
        try:
            images = self.records.read(sample['record'])
        except BrokenRecordError as error:
            if self.on_error == 'raise':
                raise
            print_log(f'{error}; another sample is drawn', 'current', logging.WARNING)
            return None
        return self.pipeline(sample | images | self.shapes(images))

    def shapes(self, images: dict[str, Image]) -> dict[str, tuple[int, ...]]:
        """Shapes to put into a sample.

        Args:
            images: What was read.
        """
        shape = images['img'].shape[:2]
        return dict(img_shape=shape, ori_shape=shape)

    def close(self) -> None:
        """Close the file; reading opens it again."""
        self.records.file.close()


def _first(numbers: list[int]) -> str:
    return f'{numbers[:_SHOWN]}{"..." if len(numbers) > _SHOWN else ""}'


def _require(field: str, value: object, choices: tuple[object, ...]) -> None:
    if value not in choices:
        raise ValueError(f'{field}={value!r} is unknown: use one of {choices}')
