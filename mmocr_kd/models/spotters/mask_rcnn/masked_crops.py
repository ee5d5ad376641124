"""Cutting words out of feature maps along their outlines."""
from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from .cells import CellBoxes, Neighbours, neighbours
from .inside import inside
from .polygon_words import PolygonWords


def masked_crops(maps: Tensor, words: PolygonWords, cells: CellBoxes, size: tuple[int, int],
                 stride: int) -> Tensor:
    """Cut out the cells of words, set those outside to zero, and stretch what is left to one size.

    The same as cropping, masking, transposing (vertical words) and ``F.interpolate`` word by
    word, for all words at once. A cell is inside if its centre is. Words so small that no centre
    is keep their whole rectangle (our choice; they would be all zero).

    Args:
        maps: Shape (B, C, H, W).
        words: N words, in pixels of the images.
        cells: Their rectangles.
        size: Height and width of the crops.
        stride: Pixels per cell.

    Returns:
        Shape (N, C, *size).
    """
    corners = _corners(words.vertical, cells, size)
    weights = _masked(corners, words.polygons, stride)
    height, width = maps.shape[-2:]
    numbers = (words.image_index[:, None, None] * height + corners.row) * width + corners.column
    # One row per cell; embedding rather than indexing, for its faster gradient.
    values = F.embedding(numbers, maps.permute(0, 2, 3, 1).flatten(0, 2))
    return torch.einsum('knhwc,knhw->nchw', values, weights.to(maps))


@dataclass(frozen=True)
class _Corners:
    """The four cells around each sample: columns, rows and weights, shape (4, N, *size) each."""

    column: Tensor
    row: Tensor
    weight: Tensor


def _corners(vertical: Tensor, cells: CellBoxes, size: tuple[int, int]) -> _Corners:
    along = _per_axis(cells, vertical, 0, size[1])
    across = _per_axis(cells, vertical, 1, size[0])
    weight = along.weight[:, None, :, None, :] * across.weight[None, :, :, :, None]
    right = along.index[:, None, :, None, :].expand_as(weight)
    down = across.index[None, :, :, :, None].expand_as(weight)
    turned = vertical[:, None, None]
    parts = down.where(turned, right), right.where(turned, down), weight
    return _Corners(*(part.flatten(0, 1) for part in parts))


def _per_axis(cells: CellBoxes, vertical: Tensor, axis: int, samples: int) -> Neighbours:
    """Along an axis of the crops, which of vertical words is the other one of the map."""
    start, count = (value[:, 1 - axis].where(vertical, value[:, axis])
                    for value in (cells.start, cells.size))
    return neighbours(start, count, samples)


def _masked(corners: _Corners, polygons: Tensor, stride: int) -> Tensor:
    """The weights without those of cells outside."""
    centres = (torch.stack([corners.column, corners.row], dim=-1) + 0.5) * stride
    per_word = centres.transpose(0, 1)
    within = inside(per_word.flatten(1, 3), polygons).view(per_word.shape[:-1]).transpose(0, 1)
    masked = corners.weight * within
    seen = masked.sum((0, 2, 3)) > 0
    return masked.where(seen[:, None, None], corners.weight)
