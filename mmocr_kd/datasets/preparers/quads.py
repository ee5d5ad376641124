"""Quads from annotation files: corner order, area, and the instances made of them."""
from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from .annotation_file import Line


def to_instance(line: Line, points: np.ndarray, ignore: bool, **extra: Any) -> list[dict]:
    """Make an instance of MMOCR's preparer.

    Args:
        line: Where it stands.
        points: Corners of a quad, shape (4, 2).
        ignore: Whether losses and metrics ignore it.
        **extra: More of its fields, e.g. ``text``.

    Returns:
        A list with the instance; an empty one, with a warning, if the quad covers no area, since
        no loss or metric can use such a quad.
    """
    points = clockwise(points)
    if signed_area(points) < 1e-3:
        warnings.warn(f'{line.place}: left out, the box covers no area: {line.text!r}',
                      stacklevel=2)
        return []
    return [dict(poly=points.round(3).ravel().tolist(), ignore=bool(ignore), **extra)]


def signed_area(points: np.ndarray) -> float:
    """Area of a quad of shape (4, 2), positive when it is clockwise in image coordinates."""
    (ax, ay), (bx, by) = points[2] - points[0], points[3] - points[1]
    return float(ax * by - ay * bx) / 2


def clockwise(points: np.ndarray) -> np.ndarray:
    """Order the corners of a quad clockwise in image coordinates, starting with the first.

    Args:
        points: Shape (4, 2), in any order.

    Returns:
        Shape (4, 2). Corners that already run around the quad only change their direction;
        others, whose sides would cross, are sorted by angle.
    """
    if _sides_cross(points):
        center = points.mean(0)
        angles = np.arctan2(*(points - center).T[::-1])
        turn = (angles - angles[0]) % (2 * np.pi)
        return points[np.argsort(turn, kind='stable')]
    return points if signed_area(points) >= 0 else points[[0, 3, 2, 1]]


def _sides_cross(points: np.ndarray) -> bool:
    """Whether opposite sides of the quad cross each other."""
    a, b, c, d = points
    return _cross(a, b, c, d) or _cross(b, c, d, a)


def _cross(a: np.ndarray, b: np.ndarray, c: np.ndarray, d: np.ndarray) -> bool:
    return _side(a, b, c) * _side(a, b, d) < 0 and _side(c, d, a) * _side(c, d, b) < 0


def _side(a: np.ndarray, b: np.ndarray, point: np.ndarray) -> float:
    """On which side of the line from a to b the point lies, as a sign."""
    (ux, uy), (vx, vy) = b - a, point - a
    return float(np.sign(ux * vy - uy * vx))
