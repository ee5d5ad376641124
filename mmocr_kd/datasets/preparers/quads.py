"""Quads from annotation files, and the instances made of them."""
from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from ...reader.quads import clockwise, signed_area
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
