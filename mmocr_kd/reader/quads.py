"""Words as quads: the order of their corners, and cutting them out of photos."""
from __future__ import annotations

from typing import Any, Sequence

import cv2
import numpy as np


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


def quad_size(quad: Sequence[float]) -> tuple[int, int]:
    """Width and height of a word when it is upright: the longer of opposite sides.

    Args:
        quad: Its corners x, y, ... in pixels, clockwise from the word's own top left.
    """
    corners = np.asarray(quad, np.float64).reshape(4, 2)
    sides = np.linalg.norm(np.roll(corners, -1, 0) - corners, axis=1)
    return round(max(sides[0], sides[2])), round(max(sides[1], sides[3]))


def reading_order(corners: np.ndarray) -> np.ndarray:
    """Corners of a box, shape (4, 2), in the order in which its text is probably read.

    Clockwise from the top left; text half as high again as wide is taken to run downwards, as
    PP-OCR takes it.

    Args:
        corners: In any order.
    """
    corners = clockwise(corners)
    corners = np.roll(corners, -corners.sum(1).argmin(), 0)
    width, height = quad_size(corners.flatten().tolist())
    return np.roll(corners, -1, 0) if height >= 1.5 * width else corners


def upright(photo: np.ndarray, quad: Sequence[float]) -> np.ndarray:
    """Cut a word out of a photo.

    Args:
        photo: Shape (H, W, 3).
        quad: Its corners, see :func:`quad_size`; at least a pixel wide and high.
    """
    width, height = quad_size(quad)
    target = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    matrix = cv2.getPerspectiveTransform(np.array(quad, np.float32).reshape(4, 2), target)
    return cv2.warpPerspective(photo, matrix, (width, height), borderMode=cv2.BORDER_REPLICATE)


def upright_quad(polygon: Sequence[Any] | np.ndarray, vertical_ratio: float) -> np.ndarray:
    """The smallest rectangle around a polygon, as a spotter lays a word that was found.

    Args:
        polygon: At least three points.
        vertical_ratio: See :func:`laid`.

    Returns:
        Shape (4, 2), float32, from the word's own top left on; at least a pixel wide and high.
    """
    return laid(smallest_rectangle(np.asarray(polygon, np.float32).reshape(-1, 2)), vertical_ratio)


def smallest_rectangle(points: np.ndarray) -> np.ndarray:
    """The smallest rectangle around points, the way up in which it is tilted least.

    Args:
        points: float32, shape (n, 2).
    """
    center, size, angle = cv2.minAreaRect(points)
    size = (max(1.0, size[0]), max(1.0, size[1]))
    quad = np.asarray(cv2.boxPoints((center, size, angle)), np.float32)
    if corner_areas(quad)[0] < 0:
        quad = quad[::-1]
    rightward = np.roll(quad, -1, axis=0)[:, 0] - quad[:, 0]
    return np.roll(quad, -int(rightward.argmax()), axis=0)


def laid(quad: np.ndarray, vertical_ratio: float) -> np.ndarray:
    """A word's quad; one more than this many times as high as wide is turned a quarter.

    Counter-clockwise: read downwards, it becomes readable (DLD transposes it).
    """
    width, height = extent(quad)
    return np.roll(quad, -1, axis=0) if height > vertical_ratio * width else quad


def corner_areas(quad: np.ndarray) -> np.ndarray:
    """Twice the area of the triangle at each corner; all > 0 if convex and clockwise."""
    edges = np.roll(quad, -1, axis=0).astype(np.float64) - quad
    following = np.roll(edges, -1, axis=0)
    areas: np.ndarray = edges[:, 0] * following[:, 1] - edges[:, 1] * following[:, 0]
    return areas


def extent(quad: np.ndarray) -> tuple[float, float]:
    """Width and height: the longer of two opposite sides each."""
    sides = np.linalg.norm(np.roll(quad, -1, axis=0) - quad, axis=1)
    return float(max(sides[0], sides[2])), float(max(sides[1], sides[3]))


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
