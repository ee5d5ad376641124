"""From the polygon of a word to the four corners it is cut out by."""
from __future__ import annotations

from typing import Any, Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

Quads = NDArray[np.float32]
CORNERS = ('annotated', 'upright')


def reading_quads(polygons: Sequence[Any], corners: str = 'upright',
                  vertical_ratio: float = 1.5) -> Quads:
    """Corners of words, in the order in which the words are read.

    Call it once for each word, at full resolution, and scale what it returns: rounding at another
    resolution could decide otherwise whether a word is vertical (as in DLD's official code).

    Args:
        polygons: N polygons of at least three points, flat (x1, y1, ...) or of shape (P, 2).
        corners: 'annotated' believes polygons of four points that the first is the top left of
            the word, as data sets have it; 'upright' takes the smallest rectangle around each
            polygon, the way up in which it is tilted least. Polygons with more points always get
            the rectangle, and so do quads that are not convex.
        vertical_ratio: Words more than this many times as high as wide are turned a quarter,
            counter-clockwise (DLD transposes them): read downwards, they become readable.

    Returns:
        Shape (N, 4, 2), pixels: top left, top right, bottom right, bottom left. All convex, and
        at least one pixel wide and high.

    Raises:
        ValueError: If ``corners`` is unknown, or a polygon is none.
    """
    if corners not in CORNERS:
        raise ValueError(f'corners={corners!r} is unknown: use one of {CORNERS}')
    quads = [_reading_quad(_points(polygon), corners, vertical_ratio) for polygon in polygons]
    return np.stack(quads) if quads else np.zeros((0, 4, 2), np.float32)


def _reading_quad(points: Quads, corners: str, vertical_ratio: float) -> Quads:
    quad = _as_annotated(points) if corners == 'annotated' else None
    if quad is None:
        quad = _smallest_rectangle(points)
    width, height = _size(quad)
    return np.roll(quad, -1, axis=0) if height > vertical_ratio * width else quad


def _points(polygon: Any) -> Quads:
    points = np.asarray(polygon, np.float32).reshape(-1)
    if len(points) < 6 or len(points) % 2 or not np.isfinite(points).all():
        raise ValueError(f'{polygon!r} is no polygon: it takes the x and y of at least three '
                         'points, all finite')
    return points.reshape(-1, 2)


def _as_annotated(points: Quads) -> Quads | None:
    """The points themselves, clockwise; None unless they are a convex quad."""
    if len(points) != 4 or min(_size(points)) < 1:
        return None
    turns = _turns(points)
    if (turns < 0).all():
        points, turns = points[[0, 3, 2, 1]], -turns
    return points if (turns > 0).all() else None


def _turns(quad: Quads) -> NDArray[Any]:
    """Twice the area of the triangle at each corner; all > 0 if convex and clockwise."""
    edges = np.roll(quad, -1, axis=0).astype(np.float64) - quad
    following = np.roll(edges, -1, axis=0)
    return edges[:, 0] * following[:, 1] - edges[:, 1] * following[:, 0]


def _smallest_rectangle(points: Quads) -> Quads:
    center, size, angle = cv2.minAreaRect(points)
    size = (max(1.0, size[0]), max(1.0, size[1]))
    quad = np.asarray(cv2.boxPoints((center, size, angle)), np.float32)
    if _turns(quad)[0] < 0:
        quad = quad[::-1]
    rightward = np.roll(quad, -1, axis=0)[:, 0] - quad[:, 0]
    return np.roll(quad, -int(rightward.argmax()), axis=0)


def _size(quad: Quads) -> tuple[float, float]:
    """Width and height: the longer of two opposite sides each."""
    sides = np.linalg.norm(np.roll(quad, -1, axis=0) - quad, axis=1)
    return float(max(sides[0], sides[2])), float(max(sides[1], sides[3]))
