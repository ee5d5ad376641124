"""Words cut out of photos as a spotter cuts them for its recogniser."""
from __future__ import annotations

from typing import Any, Iterator, Sequence

import numpy as np

from .quads import extent, upright_quad
from .resizing import Prepared, unprepared

MOST = 8  # samples per pixel of the crop
SAMPLES = (1, 2, 3, 4, MOST)
ENOUGH = (1.3, 2.6, 4.0, 8.0)  # pixels of the image for each of the crop up to which these do
_EPS = 1e-6


class Cut:
    """Cuts words out as :class:`~mmocr_kd.models.spotters.QuadCut` does those that were found.

    Which way up a word lies is decided in pixels of the photo, as it would be at any scale. Words
    are cut out of what the detector was shown, or of that before it was shrunk.

    Args:
        rule: ``size`` (height, width) of crops, ``margin``, ``oversample`` and ``vertical_ratio``
            of a ``QuadCut``, and ``crop_from``, 'lr' or 'full', of a ``DetRecTextSpotter``.
    """

    def __init__(self, rule: dict[str, Any]) -> None:
        self.rule = rule

    def __call__(self, full: Prepared, shown: Prepared, image: dict[str, Any],
                 polygons: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Cut words out of a photo.

        Args:
            full: What the detector would be shown at full resolution.
            shown: What it was shown.
            image: How that was normalised, see :func:`.resizing.prepare`.
            polygons: Of the words, shape (n, 2) each, in pixels of the photo.

        Returns:
            Words, BGR, float32, shape (height, width, 3), upright.
        """
        seen = full if self.rule['crop_from'] == 'full' else shown
        pixels = unprepared(seen, image)
        # The spotter's arithmetic, in its order: what is rounded otherwise may lie otherwise.
        factors = np.array(shown.scale, np.float32)
        larger = np.divide(seen.size, shown.size)[::-1].astype(np.float32)
        quads = [upright_quad(polygon, self.rule['vertical_ratio']) for polygon in polygons]
        return [self.crop(pixels, quad * factors * larger) for quad in quads]

    def crop(self, pixels: np.ndarray, quad: np.ndarray) -> np.ndarray:
        """Cut one word out.

        Args:
            pixels: Shape (h, w, 3); pixel i covers [i, i + 1], the last ones go on for ever.
            quad: In these pixels, shape (4, 2), see :func:`.upright_quad`.
        """
        (height, width), (rows, columns) = self.rule['size'], self._samples(quad)
        dense = _bilinear(pixels, self._points(quad, height * rows, width * columns))
        return dense.reshape(height, rows, width, columns, -1).mean((1, 3)).astype(np.float32)

    def _samples(self, quad: np.ndarray) -> Iterator[int]:
        """Samples per pixel of the crop in height and width."""
        if self.rule['oversample'] != 'auto':
            return iter([self.rule['oversample']] * 2)
        width, height = extent(quad.astype(float))
        room = 2 * self.rule['margin'] * height
        ratios = (height + room) / self.rule['size'][0], (width + room) / self.rule['size'][1]
        return (SAMPLES[place] for place in np.searchsorted(ENOUGH, ratios))

    def _points(self, quad: np.ndarray, rows: int, columns: int) -> np.ndarray:
        """Where samples are taken, shape (rows, columns, 2)."""
        width, height = extent(quad.astype(float))
        margin = self.rule['margin']
        across = _widened(columns, margin * height / width)[None, :, None]
        down = _widened(rows, margin)[:, None, None]
        return _projected(quad.astype(float), across, down)


def _widened(number: int, room: float) -> np.ndarray:
    """Positions in the middle of equal parts of [-room, 1 + room]."""
    return (np.arange(number) + .5) / number * (1 + 2 * room) - room


def _projected(quad: np.ndarray, across: np.ndarray, down: np.ndarray) -> np.ndarray:
    """Points of the unit square on a quad (Heckbert, 1989), as ``QuadCut`` maps them.

    Found words are parallelograms but for the rounding of their corners, which counts in flat ones.
    """
    first, right, opposite, below = quad
    excess = first - right + opposite - below
    to_right, to_below = right - opposite, below - opposite
    area = _cross(to_right, to_below)
    area = area if abs(area) >= _EPS else _EPS
    tilt_x, tilt_y = _cross(excess, to_below) / area, _cross(to_right, excess) / area
    points: np.ndarray = ((right - first + tilt_x * right) * across
                          + (below - first + tilt_y * below) * down + first)
    return points / (tilt_x * across + tilt_y * down + 1).clip(_EPS)


def _cross(a: np.ndarray, b: np.ndarray) -> float:
    return float(a[0] * b[1] - a[1] * b[0])


def _bilinear(pixels: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Sampled exactly (OpenCV rounds positions to a 32nd of a pixel)."""
    last = np.array(pixels.shape[1::-1]) - 1
    places = (points - .5).clip(0, last)
    left, top = np.moveaxis(places.astype(int), 2, 0)
    right, bottom = np.minimum(left + 1, last[0]), np.minimum(top + 1, last[1])
    x, y = np.moveaxis(places - places.astype(int), 2, 0)[..., None]
    above = pixels[top, left] * (1 - x) + pixels[top, right] * x
    below = pixels[bottom, left] * (1 - x) + pixels[bottom, right] * x
    sampled: np.ndarray = above * (1 - y) + below * y
    return sampled
