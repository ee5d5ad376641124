"""How likely text is found by how high it is: a curve, counted on rated images."""
from __future__ import annotations

from dataclasses import dataclass
from typing import Sequence

import numpy as np
from scipy.optimize import lsq_linear

from .height_rule import folds
from .scale_curves import PRICES, cheapest
from .scale_ratings import ScaleRatings

_STEP = 0.5  # octaves from one point of the curve to the next
_SMOOTHNESS = 0.3  # beside counts: decides where few texts have a height, and little elsewhere
_LEAST = 1.  # pixels: no logarithm of 0


@dataclass(frozen=True, eq=False)
class HeightCurve:
    """Errors that are to be expected of texts of known heights (our choice).

    What a spotter finds of a text depends mostly on how many pixels it sees of it. The probability
    is a piecewise linear function of the logarithm of the height in the image that the spotter is
    shown, and constant beyond its ends; false alarms do not depend on the texts.

    Args:
        octaves: Base-2 logarithms of N heights in pixels, ``_STEP`` apart.
        found: Probability that text of such a height is found (and read), in [0, 1], shape (N,).
        scales: K scales, rising.
        false_alarms: Of an image at each of them on average, shape (K,).
    """

    octaves: np.ndarray
    found: np.ndarray
    scales: np.ndarray
    false_alarms: np.ndarray

    @classmethod
    def fit(cls, ratings: ScaleRatings, images: np.ndarray | None = None) -> HeightCurve:
        """The curve that explains best how many texts were found in each image at each scale.

        Least squares of these numbers, each with the weight of a count of that many texts; where
        few texts have a height, its point lies between its neighbours.

        Args:
            ratings: Of M images.
            images: Which of them, booleans or positions; None: all.

        Raises:
            ValueError: If they have no texts, or a version before 0.11 rated them, which noted no
                heights.
        """
        which = np.arange(len(ratings.words)) if images is None else np.arange(
            len(ratings.words))[images]
        heights = [ratings.text_heights[image] for image in which]
        if not sum(map(len, heights)):
            raise ValueError(f'{len(which)} images without any text say nothing about how high '
                             'text has to be: rate more')
        seen = [_octaves(one, ratings.scales) for one in heights]
        ends = np.concatenate([one.ravel() for one in seen])
        octaves = np.arange(ends.min(), ends.max() + _STEP, _STEP)
        # Texts at each point of the curve, of each image at each scale.
        texts = np.array([_shares(one, octaves).sum(0) for one in seen])
        weights = np.sqrt([max(len(one), 1) for one in heights])[:, None]
        smooth = _SMOOTHNESS * np.diff(np.eye(len(octaves)), 2, axis=0)
        rows = np.concatenate([(texts / weights[..., None]).reshape(-1, len(octaves)), smooth])
        counts = np.concatenate([(ratings.hits[which] / weights).ravel(), np.zeros(len(smooth))])
        return cls(octaves, lsq_linear(rows, counts, (0, 1)).x, ratings.scales,
                   ratings.false_alarms[which].mean(0))

    def errors(self, heights: Sequence[np.ndarray], scales: Sequence[float] | np.ndarray,
               false_alarm_weight: float = 0.5) -> np.ndarray:
        """Errors to expect, see :meth:`.ScaleRatings.errors`.

        Args:
            heights: Of the texts of M images, in pixels of full resolution, >= 0.
            scales: K scales, whether they were rated or not.
            false_alarm_weight: What a false alarm counts, beside a miss, >= 0.

        Returns:
            Shape (M, K).
        """
        alarms = np.interp(np.log2(scales), np.log2(self.scales), self.false_alarms)
        missed = [(1 - _shares(_octaves(one, scales), self.octaves) @ self.found).sum(0)
                  for one in heights]
        return np.array(missed) + false_alarm_weight * alarms


def known_height_choices(ratings: ScaleRatings, prices: np.ndarray = PRICES,
                         false_alarm_weight: float = 0.5,
                         fitted_on: ScaleRatings | None = None) -> np.ndarray:
    """Scales for those who know how high the texts of each image are: an instrument.

    Args:
        ratings: Of M images at K scales, M > 1.
        prices: Errors that one full-resolution pass is worth, shape (N,).
        false_alarm_weight: See :meth:`.ScaleRatings.errors`.
        fitted_on: Other images, that the curve is fitted on; None: halves of the same images, each
            by the other.

    Returns:
        Index of the scale of each image at each price, shape (N, M).

    Raises:
        ValueError: See :meth:`HeightCurve.fit`.
    """
    errors = np.empty((len(ratings.words), len(ratings.scales)))
    for learnt, mine in folds(ratings, fitted_on):
        curve = HeightCurve.fit(fitted_on or ratings, learnt)
        errors[mine] = curve.errors([ratings.text_heights[i] for i in np.flatnonzero(mine)],
                                    ratings.scales, false_alarm_weight)
    return cheapest(errors, ratings.costs, prices)


def _octaves(heights: np.ndarray, scales: Sequence[float] | np.ndarray) -> np.ndarray:
    """Of T texts at K scales, shape (T, K)."""
    return np.log2(np.maximum(np.multiply.outer(heights, scales), _LEAST))


def _shares(octaves: np.ndarray, points: np.ndarray) -> np.ndarray:
    """How a linear function between N points depends on them, shape (..., N)."""
    places = np.clip((octaves - points[0]) / _STEP, 0, len(points) - 1)
    return np.clip(1 - np.abs(places[..., None] - np.arange(len(points))), 0, None)
