"""Words as Bezier curves, as ABCNet has them: their outlines, and cutting along these."""
from __future__ import annotations

from typing import Any, Sequence

import numpy as np
import torch
from mmengine.structures import InstanceData
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from ...adapters.image_sizes import Size
from .words import Outline, Words

CONTROL_POINTS = 4  # of a cubic
_SAME = 1e-4  # singular value below which points are one, or an end: pixels have five digits
Points = NDArray[np.float64]


class BezierCut:
    """Cuts words out of the levels of a pyramid with the RoI extractor of a two-stage spotter.

    Args:
        roi_head: With a ``roi_extractor`` that takes proposals with ``beziers``, and perhaps a
            ``neck``.
    """

    of_features = True

    def __init__(self, roi_head: Any) -> None:
        self.roi_head = roi_head

    def outline(self, polygon: Any, annotated: bool) -> Outline:
        """Control points of both long sides, shape (8, 2); see :meth:`.Cut.outline`."""
        try:
            return fit_outline(polygon).reshape(-1, 2), False
        except ValueError as error:
            raise ValueError(f'{error}: add FixInvalidPolygon to the pipeline') from error

    def prepare(self, source: Sequence[Tensor]) -> Sequence[Tensor]:
        """The levels that words are read from."""
        head = self.roi_head
        levels = tuple(source)[:getattr(head.roi_extractor, 'num_inputs', None)]
        return levels if getattr(head, 'neck', None) is None else head.neck(levels)

    def __call__(self, source: Sequence[Tensor], sizes: Sequence[Size], words: Words) -> Tensor:
        """Features of words; see :meth:`.Cut.__call__`.

        Images without words are in the list of proposals, too: extractors count through it to know
        which image a word is in (leaving them out, as ABCNet's own loss does, reads the wrong
        image).
        """
        counts = torch.bincount(words.image_index, minlength=len(sizes)).tolist()
        beziers = words.points.flatten(1).to(source[0].device, non_blocking=True)
        return self.roi_head.roi_extractor(source, [
            InstanceData(beziers=mine) for mine in beziers.split(counts)])


def fit_outline(polygon: ArrayLike) -> NDArray[np.float32]:
    """Control points of a word's two long sides, as ABCNet has them.

    Args:
        polygon: P corners x, y, x, y, ... or shape (P, 2), in pixels: the first half along the
            upper side in reading order, the second half back along the lower side.

    Returns:
        Four control points of the upper and four of the lower side, x, y, ..., shape (16,).

    Raises:
        ValueError: If there are fewer than four corners.
    """
    points = np.asarray(polygon, np.float64).reshape(-1, 2)
    if len(points) < 4:
        raise ValueError(f'a polygon has {len(points)} corners; a word needs at least 4, half of '
                         'them above and half below')
    half = len(points) // 2
    sides = [fit_curve(side, chord_positions(side)) for side in (points[:half], points[half:])]
    return np.concatenate(sides).ravel().astype(np.float32)


def chord_positions(points: Points) -> Points:
    """Where on a curve points lie, from 0 to 1: by the length of the line through them.

    Args:
        points: P points, shape (P, 2), P >= 2.
    """
    steps = np.linalg.norm(np.diff(points, axis=0), axis=1)
    if not steps.any():
        return np.linspace(0, 1, len(points))
    return np.concatenate([[0.0], np.cumsum(steps) / steps.sum()])


def fit_curve(points: Points, positions: Points) -> Points:
    """The cubic from the first to the last point that comes closest to those between.

    Linear least squares. Where points leave a choice, the curve that differs least from a straight
    line is taken: two points give the line, its control points a third apart; points that all but
    coincide count as one, at the ends as none. For given positions
    the fit follows every affine map of the points.

    Args:
        points: P points, shape (P, 2), P >= 2.
        positions: Where on the curve each lies, ascending from 0 to 1, shape (P,).

    Returns:
        Control points, shape (4, 2).
    """
    line = points[0] + np.linspace(0, 1, CONTROL_POINTS)[:, None] * (points[-1] - points[0])
    weights = bernstein(positions)
    left, values, right = np.linalg.svd(weights[:, 1:-1], full_matrices=False)
    inverse = np.divide(1, values, out=np.zeros_like(values), where=values > _SAME)
    bend = (right.T * inverse) @ left.T @ (points - weights @ line)
    line[1:-1] += bend
    return line


def bernstein(positions: ArrayLike) -> Points:
    """Weight of each control point at positions on a cubic, shape (P, 4); rows sum to 1."""
    t = np.asarray(positions, np.float64)[:, None]
    power = np.arange(CONTROL_POINTS)
    counts = np.array([1.0, 3.0, 3.0, 1.0])
    weights: Points = counts * np.power(t, power) * np.power(1 - t, CONTROL_POINTS - 1 - power)
    return weights
