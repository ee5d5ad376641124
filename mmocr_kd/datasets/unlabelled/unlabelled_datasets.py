"""Data sets of photos, and of words on them, without labels."""
from __future__ import annotations

import json
import os
from typing import Any, Iterator, Sequence

import cv2
import numpy as np
import torch
from mmengine.dataset import BaseDataset
from mmengine.logging import print_log
from mmengine.structures import InstanceData
from mmocr.registry import DATASETS
from mmocr.utils import poly2bbox
from PIL import Image

from ...reader.quads import quad_size, reading_order
from .photos import PATTERNS, find_photos
from .quad_crops import quad_path

_SHOWN = 5


class UnlabelledDataset(BaseDataset):
    """What both data sets share: the photos of a folder, and boxes that somebody found on them.

    Samples get the meta info ``labelled=False``, by which task losses leave them out.

    Args:
        data_root: Folder of photos.
        patterns: See :func:`.find_photos`.
        recursive: See there.
        boxes: JSON file in MMOCR's format, whose ``img_path`` are relative to ``data_root``: what
            ``mmocr-kd pseudo-label`` writes.
        ann_file: JSON file in MMOCR's format, below ``data_root``: the photos that it names, in its
            order, instead of all of the folder. Its labels are not looked at.
        **kwargs: As in :class:`mmengine.dataset.BaseDataset`.

    Raises:
        FileNotFoundError: If folder or file are missing.
        ValueError: If there are no photos, or ``boxes`` is about others.
    """

    def __init__(self, data_root: str, patterns: Sequence[str] = PATTERNS, recursive: bool = True,
                 boxes: str | None = None, **kwargs: Any) -> None:
        self.patterns = patterns
        self.recursive = recursive
        self.boxes = boxes
        super().__init__(data_root=data_root, **kwargs)

    def photos(self) -> Iterator[tuple[str, list[dict[str, Any]]]]:
        """Path of each photo, and the instances found on it."""
        names = list(read_boxes(self.ann_file, 'ann_file')) if self.ann_file else find_photos(
            self.data_root, self.patterns, self.recursive)
        found = {} if self.boxes is None else read_boxes(self.boxes)
        foreign = sorted(set(found) - set(names))
        if len(foreign) == len(found) > 0:
            raise ValueError(f'boxes={self.boxes!r} is about other photos, such as '
                             f'{foreign[:_SHOWN]}, than {self.data_root!r} has, such as '
                             f'{names[:_SHOWN]}: img_path has to be relative to data_root')
        for name in names:
            yield os.path.join(self.data_root, name), found.get(name, [])

    def prepare_data(self, idx: int) -> Any:
        """A packed sample that says that it has no labels."""
        packed = super().prepare_data(idx)
        sample = packed.get('data_samples') if isinstance(packed, dict) else None
        if sample is not None:
            sample.set_metainfo({'labelled': False})
        return packed


@DATASETS.register_module()
class UnlabelledTextDetDataset(UnlabelledDataset):
    """Photos for text detectors, without labels.

    Any training pipeline of MMOCR works. Random crops go where ``boxes`` are, anywhere on photos
    that have none. No loss ever sees these boxes: after the pipeline the whole image is one ignored
    region, so that DBNet's loss and its gradient are those of the labelled images alone. (PSENet's
    and PANet's losses are means over images: theirs become smaller by the share of images without
    labels.) What is learnt from these photos comes from a teacher, with ``mask='teacher'`` or
    ``'none'``.

    See :class:`UnlabelledDataset` for fields. In a ``ConcatDataset`` beside labelled photos use
    ``verify_meta=False``, and a :class:`~mmocr_kd.datasets.RatioSampler`.

    Map: photos.py finds the files, unlabelled_datasets.py marks the samples,
    losses/pixel_loss.py has the mask, datasets/ratio_sampler.py mixes.
    """

    METAINFO: dict[str, Any] = {'dataset_type': 'TextDetDataset', 'task_name': 'textdet',
                                'category': [{'id': 0, 'name': 'text'}]}

    def load_data_list(self) -> list[dict[str, Any]]:
        """One entry a photo."""
        photos = list(self.photos())
        if self.boxes is not None:
            bare = sum(not found for _, found in photos)
            print_log(f'{len(photos)} photos of {self.data_root!r}: on {bare} of them '
                      f'{self.boxes!r} has no text', 'current')
        # Some of MMOCR's transforms drop images without any instance: the whole photo is one.
        return [{'img_path': path, 'labelled': False,
                 'instances': list(map(_region, found or [_whole(path)]))}
                for path, found in photos]

    def prepare_data(self, idx: int) -> Any:
        """A packed sample of which no loss of labels sees anything."""
        packed = super().prepare_data(idx)
        if isinstance(packed, dict) and 'data_samples' in packed:
            _ignore_all(packed['data_samples'], packed['inputs'].shape[-2:])
        return packed


@DATASETS.register_module()
class UnlabelledTextRecogDataset(UnlabelledDataset):
    """Words for text recognisers, without labels: cut out of photos, upright, when they are read.

    Their text is '' and their meta info ``labelled=False``. Of the losses of a
    :class:`~mmocr_kd.models.recognizers.LowResRecognizerDistiller` those that want a teacher's
    hypotheses see them, and no other; MMOCR's recognisers would learn to read nothing.

    Args:
        data_root: Folder of photos.
        boxes: JSON file in MMOCR's format with the words' quads, whose ``img_path`` are relative to
            ``data_root``. Polygons of more corners become the smallest rectangles around them;
            ignored words are left out.
        min_size: Words whose shorter side is below this, in pixels, are left out, and counted.
        any_corner: Whether quads may begin at any corner of the word, as those do that were won
            from masks: they are put into :func:`.reading_order`. Otherwise the first corner is the
            word's own top left, and a word that stands on its head is turned.
        patterns: See :func:`.find_photos`.
        recursive: See there.
        **kwargs: As in :class:`mmengine.dataset.BaseDataset`.

    Raises:
        FileNotFoundError: If folder or file are missing.
        ValueError: If there are no photos or words, or ``boxes`` is about other photos.
    """

    METAINFO: dict[str, Any] = {'dataset_type': 'TextRecogDataset', 'task_name': 'textrecog'}

    def __init__(self, data_root: str, boxes: str, min_size: int = 8, any_corner: bool = False,
                 patterns: Sequence[str] = PATTERNS, recursive: bool = True,
                 **kwargs: Any) -> None:
        self.min_size = min_size
        self.any_corner = any_corner
        super().__init__(data_root, patterns, recursive, boxes, **kwargs)

    def load_data_list(self) -> list[dict[str, Any]]:
        """One entry a word."""
        quads = [(photo, quad_of(word, self.any_corner)) for photo, words in self.photos()
                 for word in words if not word.get('ignore')]
        kept = [(photo, quad) for photo, quad in quads if min(quad_size(quad)) >= self.min_size]
        if not kept:
            raise ValueError(f'{self.boxes!r} has no word of min_size={self.min_size} pixels on '
                             f'photos of {self.data_root!r} ({len(quads)} smaller ones)')
        print_log(f'{len(kept)} words on photos of {self.data_root!r}; {len(quads) - len(kept)} '
                  f'below min_size={self.min_size} pixels are left out', 'current')
        return [{'img_path': quad_path(photo, quad), 'labelled': False,
                 'instances': [{'text': ''}]} for photo, quad in kept]


def read_boxes(path: str, field: str = 'boxes') -> dict[str, list[dict[str, Any]]]:
    """Read a file in MMOCR's format.

    Args:
        path: Of the file.
        field: What messages call it.

    Returns:
        Path of each photo, with '/' -> its instances.

    Raises:
        FileNotFoundError: If there is none.
        ValueError: If it is another kind of file.
    """
    if not os.path.exists(path):
        raise FileNotFoundError(f'{field}={path!r} is missing: mmocr-kd pseudo-label writes such '
                                'files')
    try:
        with open(path, encoding='utf-8') as file:
            photos = json.load(file)['data_list']
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{field}={path!r} is no JSON in MMOCR's format: {error!r}") from error
    return {os.path.normpath(photo['img_path']).replace(os.sep, '/'): photo['instances']
            for photo in photos}


def _whole(path: str) -> dict[str, Any]:
    width, height = Image.open(path).size  # reads no pixels
    return {'bbox': [0, 0, width, height]}


def _region(instance: dict[str, Any]) -> dict[str, Any]:
    polygon = _polygon(instance)
    return {'polygon': polygon, 'bbox': poly2bbox(polygon).tolist(), 'bbox_label': 0,
            'ignore': True, 'text': ''}


def _polygon(instance: dict[str, Any]) -> list[float]:
    if 'polygon' in instance:
        return [float(value) for value in instance['polygon']]
    left, top, right, bottom = (float(value) for value in instance['bbox'])
    return [left, top, right, top, right, bottom, left, bottom]


def quad_of(instance: dict[str, Any], any_corner: bool = False) -> list[float]:
    """Corners of a text: its polygon if that has four, the smallest rectangle around it else.

    Args:
        instance: In MMOCR's format.
        any_corner: Whether a polygon of four corners may begin at any of them.
    """
    polygon = _polygon(instance)
    if len(polygon) == 8 and not any_corner:
        return polygon
    corners = np.array(polygon).reshape(-1, 2)
    if len(polygon) != 8:
        corners = cv2.boxPoints(cv2.minAreaRect(corners.astype(np.float32)))
    return reading_order(corners).flatten().tolist()


def _ignore_all(sample: Any, size: tuple[int, int]) -> None:
    """The whole image becomes one region that nobody cares about, also in prepared targets."""
    bottom, right = (side - 1 for side in size)
    instances = InstanceData()
    instances.polygons = [np.array([0, 0, right, 0, right, bottom, 0, bottom], np.float32)]
    instances.bboxes = torch.tensor([[0., 0., right, bottom]])
    instances.labels = torch.zeros(1, dtype=torch.long)
    instances.ignored = torch.ones(1, dtype=torch.bool)
    sample.gt_instances = instances
    if 'det_targets' in sample:
        sample.det_targets.regions = torch.zeros_like(sample.det_targets.regions)
