"""Annotations of an image whose size changes."""
from __future__ import annotations

import copy
from dataclasses import dataclass
from numbers import Real
from typing import Any

import numpy as np
import torch
from mmdet.structures.bbox import BaseBoxes
from mmdet.structures.mask import BitmapMasks, PolygonMasks
from mmengine.structures import InstanceData
from torch import Tensor

from .image_sizes import Size

# Fields whose last axis is x, y, x, y, ...: boxes, corners, control points (affine-equivariant).
POINTS = ('bboxes', 'polygons', 'beziers', 'quads')


@dataclass(frozen=True)
class Rescaling:
    """What happens to one image of a batch; all sizes are (height, width).

    Args:
        old: Size of the image before.
        new: Size after.
        canvas: Size of the padded batch it stands in afterwards.
    """

    old: Size
    new: Size
    canvas: Size

    @property
    def factors(self) -> tuple[float, float]:
        """Of x and of y; they differ by rounding to whole pixels."""
        return self.new[1] / self.old[1], self.new[0] / self.old[0]


def rescale_instances(instances: InstanceData, rescaling: Rescaling) -> InstanceData:
    """Copy annotations and move them with their image.

    Count and order stay, however small an instance becomes. Everything that is not geometry
    (labels, texts, ``ignored``) is copied, so that a loss which writes into the copy leaves the
    original alone (MMOCR's DB loss does).

    Args:
        instances: Annotations; ``bboxes``, ``polygons``, ``beziers``, ``quads`` (arrays, tensors,
            MMDetection's boxes, or lists of these) and ``masks`` (MMDetection's) are moved.
        rescaling: How the image's size changes.

    Raises:
        TypeError: If a field that is to be moved has another type.
        ValueError: If masks are smaller than their image.
    """
    moved = type(instances)(metainfo=dict(instances.metainfo_items()))
    for field, value in instances.items():
        if field in POINTS:
            value = _move_points(field, value, rescaling.factors)
        elif field == 'masks':
            value = _move_masks(value, rescaling)
        else:
            value = copy.deepcopy(value)
        setattr(moved, field, value)
    return moved


def _move_points(field: str, value: Any, factors: tuple[float, float]) -> Any:
    if isinstance(value, (list, tuple)):
        if not (value and isinstance(value[0], Real)):
            return [_move_points(field, entry, factors) for entry in value]
        value = np.array(value, np.float32)
    if isinstance(value, BaseBoxes):
        boxes = value.clone()
        boxes.rescale_(factors)
        return boxes
    if not isinstance(value, (np.ndarray, Tensor)):
        raise TypeError(f'{field} of {type(value).__name__} cannot be rescaled: expected arrays, '
                        'tensors, boxes of MMDetection, or lists of these')
    moved = _floating_copy(value)
    moved[..., 0::2] *= factors[0]
    moved[..., 1::2] *= factors[1]
    return moved


def _floating_copy(value: np.ndarray | Tensor) -> Any:
    """Points of whole pixels become float32, others keep their type."""
    if isinstance(value, Tensor):
        return value.clone() if value.is_floating_point() else value.to(torch.float32)
    return value.astype(value.dtype if value.dtype.kind == 'f' else np.float32)


def _move_masks(masks: Any, rescaling: Rescaling) -> BitmapMasks | PolygonMasks:
    """Masks of the image stay such; masks of the padded batch are padded anew."""
    if not isinstance(masks, (BitmapMasks, PolygonMasks)):
        raise TypeError(f'masks of {type(masks).__name__} cannot be rescaled: expected '
                        'BitmapMasks or PolygonMasks of MMDetection')
    old, size = rescaling.old, (masks.height, masks.width)
    if size[0] < old[0] or size[1] < old[1]:
        raise ValueError(f'masks of {size} (height, width) are smaller than their image, {old}')
    after = rescaling.new if size == old else rescaling.canvas
    if isinstance(masks, PolygonMasks):
        polygons = [[_move_points('masks', part, rescaling.factors) for part in parts]
                    for parts in masks.masks]
        return PolygonMasks(polygons, *after)
    image_only = masks.crop(np.array([0, 0, old[1], old[0]]))
    return image_only.resize(rescaling.new).pad(after)
