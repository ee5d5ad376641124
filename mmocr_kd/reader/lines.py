"""The order in which the texts of a photo are read."""
from __future__ import annotations

from typing import Sequence

import numpy as np

from .quads import quad_size


def line_order(quads: Sequence[np.ndarray]) -> list[int]:
    """Line by line from the top, each from the left, as far as text slopes alike.

    A text belongs to the line whose last text is, along the slope of the photo's texts (their
    median), less than half the smaller height away (our choice).

    Args:
        quads: Corners of each text, shape (4, 2), clockwise from its own top left.

    Returns:
        Indices of the quads.
    """
    if not len(quads):
        return []
    places = np.stack([quad.mean(0) for quad in quads]) @ _turn(quads)
    heights = [quad_size(quad.ravel().tolist())[1] for quad in quads]
    lines: list[list[int]] = []
    for index in sorted(range(len(quads)), key=lambda index: places[index, 1]):
        last = lines[-1][-1] if lines else None
        if last is not None and (places[index, 1] - places[last, 1]
                                 < min(heights[index], heights[last]) / 2):
            lines[-1].append(index)
        else:
            lines.append([index])
    return [index for line in lines for index in sorted(line, key=lambda index: places[index, 0])]


def _turn(quads: Sequence[np.ndarray]) -> np.ndarray:
    """What turns (x, y) so that most texts lie level; vertical texts have no say."""
    along = np.stack([quad[1] - quad[0] for quad in quads])
    angles = np.arctan2(along[:, 1], along[:, 0])
    level = angles[np.abs(angles) < np.pi / 4]
    angle = float(np.median(level)) if len(level) else 0.
    return np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
