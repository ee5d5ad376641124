"""Cutting words out of feature maps along their outlines."""
from __future__ import annotations

from itertools import product
from typing import Iterator

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
    height, width = maps.shape[-2:]
    corners = list(_corners(words, cells, size))
    weights = _masked(corners, words.polygons, stride)
    # One row per cell; embedding rather than indexing, for its faster gradient.
    table = maps.permute(0, 2, 3, 1).flatten(0, 2)
    first = (words.image_index * height * width)[:, None, None]
    crops = maps.new_zeros(len(words), *size, maps.shape[1])
    for (x, y, _), weight in zip(corners, weights):
        crops = crops + F.embedding(first + y * width + x, table) * weight[..., None].to(maps)
    return crops.permute(0, 3, 1, 2)


def _corners(words: PolygonWords, cells: CellBoxes,
             size: tuple[int, int]) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """Column, row and weight, shape (N, *size) each, of the four cells around each sample."""
    vertical = words.vertical[:, None, None]
    along = _per_axis(cells, words.vertical, 0, size[1])
    across = _per_axis(cells, words.vertical, 1, size[0])
    for i, j in product((0, 1), (0, 1)):
        right, down = along.index[i][:, None, :], across.index[j][:, :, None]
        weight = along.weight[i][:, None, :] * across.weight[j][:, :, None]
        x, y = right.where(~vertical, down), down.where(~vertical, right)
        yield x.expand_as(weight), y.expand_as(weight), weight


def _per_axis(cells: CellBoxes, vertical: Tensor, axis: int, samples: int) -> Neighbours:
    """Along an axis of the crops, which of vertical words is the other one of the map."""
    start, count = (value[:, 1 - axis].where(vertical, value[:, axis])
                    for value in (cells.start, cells.size))
    return neighbours(start, count, samples)


def _masked(corners: list[tuple[Tensor, Tensor, Tensor]], polygons: Tensor,
            stride: int) -> Tensor:
    """The weights of the four corners without those of cells outside, shape (4, N, *size)."""
    weights = torch.stack([weight for _, _, weight in corners])
    columns, rows = (torch.stack(values) for values in list(zip(*corners))[:2])
    centres = ((torch.stack([columns, rows], dim=-1) + 0.5) * stride).transpose(0, 1)
    within = inside(centres.flatten(1, 3), polygons).view(centres.shape[:-1]).transpose(0, 1)
    masked = weights * within
    seen = masked.sum((0, 2, 3)) > 0
    return masked.where(seen[None, :, None, None], weights)
