"""Plane geometry of the embedded data set: boxes, quads and the perspective between them."""
from __future__ import annotations

import cv2
import numpy as np

from .arrays import Array, Box


def box_to_quad(box: Box) -> Array:
    """Corners of an upright box, clockwise from the top left.

    Args:
        box: Left, top, right, bottom.

    Returns:
        Array of shape (4, 2).
    """
    left, top, right, bottom = box
    return np.array([[left, top], [right, top], [right, bottom], [left, bottom]], float)


def tilt(size: tuple[float, float], roll: float, yaw: float, pitch: float, focal: float) -> Array:
    """View of a flat board that was turned around its centre, seen by a pinhole camera.

    Args:
        size: Width and height of the board in pixels.
        roll: Rotation within the image plane in radians, clockwise (y points down).
        yaw: Rotation about the vertical axis in radians.
        pitch: Rotation about the horizontal axis in radians.
        focal: Distance of the camera in pixels, more than half the board's diagonal.

    Returns:
        Homography of shape (3, 3) from board coordinates (origin at its top left corner) to
        image coordinates whose origin is the board's centre.
    """
    turn = cv2.Rodrigues(np.array([0, 0, roll], float))[0]
    turn = cv2.Rodrigues(np.array([pitch, 0, 0], float))[0] @ turn
    turn = cv2.Rodrigues(np.array([0, yaw, 0], float))[0] @ turn
    # A board point (x, y, 0) lands on (X, Y, Z), the camera maps it to f * (X, Y) / (f + Z).
    project = np.array([turn[0, [0, 1]], turn[1, [0, 1]], turn[2, [0, 1]] / focal])
    project = np.column_stack([project, [0, 0, 1]])
    return project @ translation(-size[0] / 2, -size[1] / 2)


def translation(x: float, y: float) -> Array:
    """Homography of shape (3, 3) that moves points by (x, y)."""
    return np.array([[1, 0, x], [0, 1, y], [0, 0, 1]], float)


def transform(points: Array, homography: Array) -> Array:
    """Apply a homography.

    Args:
        points: Shape (N, 2).
        homography: Shape (3, 3).

    Returns:
        Shape (N, 2).
    """
    mapped = points @ homography[:, :2].T + homography[:, 2]
    return mapped[:, :2] / mapped[:, 2:]


def area(quad: Array) -> float:
    """Signed area of a quad of shape (4, 2), positive when clockwise in image coordinates."""
    (ax, ay), (bx, by) = quad[2] - quad[0], quad[3] - quad[1]
    return float(ax * by - ay * bx) / 2


def overlaps(quad: Array, others: Array) -> bool:
    """Whether a convex quad shares area with any other (separating axis theorem).

    OpenCV's intersectConvexConvex would miss quads whose sides lie on each other.

    Args:
        quad: Shape (4, 2).
        others: Convex quads of shape (K, 4, 2), K >= 0.
    """
    both = np.stack(np.broadcast_arrays(quad, others))
    sides = both[:, :, [1, 2, 3, 0]] - both
    normals = np.concatenate([sides[0], sides[1]], axis=1)[..., ::-1] * [1, -1]
    spans = both @ normals.swapaxes(1, 2)
    low, high = spans.min(2), spans.max(2)
    apart = (high[0] <= low[1]) | (high[1] <= low[0])
    return not apart.any(1).all()
