"""Pairs of a word seen from near and from far, in TextZoom's LMDB layout."""
from __future__ import annotations

from typing import Any

from mmocr.registry import DATASETS

from ..embedded.arrays import Image
from .backend import record_path
from .checked_lmdb_dataset import CheckedRecogLMDBDataset

_VIEWS = {
    'pair': {'img': 'image_lr', 'hr_img': 'image_hr'},
    'lr': {'img': 'image_lr'},
    'hr': {'img': 'image_hr'},
}


@DATASETS.register_module()
class TextZoomDataset(CheckedRecogLMDBDataset):
    """TextZoom (Wang et al., ECCV 2020): low-resolution and high-resolution photos of a word.

    The file has the keys ``num-samples``, ``image_lr-000000001``, ``image_hr-000000001`` and
    ``label-000000001``, counted from 1. Samples have the low-resolution photo as ``img``, the
    high-resolution one as ``hr_img``, their shapes, and ``hr_path`` beside ``img_path``. They were
    taken with two focal lengths and cut out by hand, so they lie a few pixels apart.

    Args:
        ann_file: A folder with ``data.mdb`` in it, or the file itself.
        view: 'pair' reads both photos. 'lr' and 'hr' read one, as ``img``, for recognisers that
            need no pair.
        **kwargs: As in :class:`CheckedRecogLMDBDataset`. A record is broken if one of the photos
            it needs is.

    Raises:
        ValueError: If a field is out of range.
    """

    def __init__(self, ann_file: str = '', view: str = 'pair', **kwargs: Any) -> None:
        if view not in _VIEWS:
            raise ValueError(f'view={view!r} is unknown: use one of {tuple(_VIEWS)}')
        self.view = view
        super().__init__(ann_file=ann_file, **kwargs)

    @property
    def images(self) -> dict[str, str]:
        """What each image of a sample is called in the file."""
        return _VIEWS[self.view]

    def _sample(self, number: int) -> dict[str, Any]:
        sample = super()._sample(number)
        if 'hr_img' in self.images:  # what teachers look at
            sample['hr_path'] = record_path(self.ann_file, self.records.key('hr_img', number))
        return sample

    def shapes(self, images: dict[str, Image]) -> dict[str, tuple[int, ...]]:
        """Shapes to put into a sample.

        Args:
            images: What was read.
        """
        shapes = super().shapes(images)
        if 'hr_img' in images:
            shapes['hr_shape'] = images['hr_img'].shape[:2]
        return shapes
