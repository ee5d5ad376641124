"""Cutting words out of feature maps along their outlines."""
from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from ..words import Words


def masked_crops(maps: Tensor, words: Words, cells: CellBoxes, size: tuple[int, int],
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
    weights = _masked(corners, words.points, stride)
    height, width = maps.shape[-2:]
    image_index = words.image_index.to(maps.device, non_blocking=True)[:, None, None]
    numbers = (image_index * height + corners.row) * width + corners.column
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


@dataclass(frozen=True)
class CellBoxes:
    """N rectangles of cells.

    Args:
        start: First column and row, long, shape (N, 2).
        size: Number of columns and rows, long, at least 1, shape (N, 2).
    """

    start: Tensor
    size: Tensor


def cell_boxes(boxes: Tensor, limits: Tensor, stride: int, margin: int) -> CellBoxes:
    """The cells that boxes touch.

    Args:
        boxes: (x1, y1, x2, y2) in pixels, shape (N, 4).
        limits: Number of columns and rows of the image each is in, long, shape (N, 2).
        stride: Pixels per cell.
        margin: How many cells more on each side.

    Returns:
        Rectangles that lie within the limits and have at least one cell, wherever the boxes are.
    """
    cells = (boxes / stride).floor().long()
    first = (cells[:, :2] - margin).clamp(min=0).minimum(limits - 1)
    last = (cells[:, 2:] + margin).clamp(min=0).minimum(limits - 1)
    return CellBoxes(first, last - first + 1)


@dataclass(frozen=True)
class Neighbours:
    """The two cells between which each of S samples along an axis lies.

    Args:
        index: Numbers of the cells, long, shape (2, N, S).
        weight: Shares of the cells, shape (2, N, S); they sum to 1 over the first axis.
    """

    index: Tensor
    weight: Tensor


def neighbours(start: Tensor, size: Tensor, samples: int) -> Neighbours:
    """Resample ranges of cells linearly, as ``F.interpolate(align_corners=False)`` does.

    Args:
        start: First cell of each range, long, shape (N,).
        size: Number of its cells, shape (N,).
        samples: S.
    """
    steps = torch.arange(samples, device=start.device) + 0.5
    place = (steps * size[:, None] / samples - 0.5).clamp(min=0)
    low = place.floor().long()
    high = (low + 1).minimum(size[:, None] - 1)
    share = place - low
    return Neighbours(torch.stack([low, high]) + start[:, None],
                      torch.stack([1 - share, share]))


def inside(points: Tensor, polygons: Tensor) -> Tensor:
    """Even-odd rule, for many polygons at once.

    Args:
        points: K points (x, y) for each polygon, shape (N, K, 2).
        polygons: Shape (N, P, 2); points may repeat.

    Returns:
        Bool, shape (N, K).
    """
    x, y = points[:, :, None].unbind(-1)
    x0, y0 = polygons[:, None].unbind(-1)
    x1, y1 = polygons.roll(-1, dims=1)[:, None].unbind(-1)
    crosses = (y0 > y) != (y1 > y)
    rise = (y1 - y0).masked_fill(y1 == y0, 1)  # level edges are never crossed
    to_the_right = x < x0 + (y - y0) * (x1 - x0) / rise
    return (crosses & to_the_right).sum(-1) % 2 == 1
