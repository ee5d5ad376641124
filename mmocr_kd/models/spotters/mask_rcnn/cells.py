"""Which cells of a feature map belong to words, and how they are resampled."""
from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


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
