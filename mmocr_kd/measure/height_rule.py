"""A rule to choose scales by without a network: large text needs no large image."""
from __future__ import annotations

import numpy as np

from .scale_curves import PRICES
from .scale_ratings import ScaleRatings


def rule_costs(costs: np.ndarray) -> np.ndarray:
    """What the rule's choices cost: the pass at the smallest scale, and the chosen one's.

    Args:
        costs: Of a pass at each scale, shape (K,).

    Returns:
        Shape (K,); the smallest scale is not run twice.
    """
    return costs[0] + np.where(np.arange(len(costs)) > 0, costs, 0)


def rule_choices(ratings: ScaleRatings, prices: np.ndarray = PRICES,
                 false_alarm_weight: float = 0.5,
                 fitted_on: ScaleRatings | None = None) -> np.ndarray:
    """Scales by the median height of the text that is found at the smallest scale.

    A table of heights says which scale is chosen: the larger the text, the smaller the scale.
    Where nothing is found, one scale for all.

    Args:
        ratings: Of M images at K scales, M > 1.
        prices: Errors that one full-resolution pass is worth, shape (N,).
        false_alarm_weight: See :meth:`.ScaleRatings.errors`.
        fitted_on: Other images, that tables are fitted on. None: tables are fitted on the images
            of even position for those of odd position, and the other way round.

    Returns:
        Index of the scale of each image at each price, shape (N, M).
    """
    known = fitted_on or ratings
    costs, errors = rule_costs(ratings.costs), known.errors(false_alarm_weight)
    choices = np.empty((len(prices), len(ratings.heights)), dtype=np.int64)
    for learnt, mine in folds(ratings, fitted_on):
        for row, price in zip(choices, prices):
            rule = HeightRule.fit(known.heights[learnt], (errors + price * costs)[learnt])
            row[mine] = rule(ratings.heights[mine])
    return choices


def folds(ratings: ScaleRatings, fitted_on: ScaleRatings | None
           ) -> list[tuple[np.ndarray, np.ndarray]]:
    """Images to learn from, and those to choose for: all of others and of one's own, or halves.

    Args:
        ratings: What is chosen for, M images.
        fitted_on: What is learnt from, M' images; None: images of even position for those of odd
            position, and the other way round.

    Returns:
        Pairs of booleans, shapes (M',) and (M,).
    """
    if fitted_on is not None:
        return [(np.ones(len(fitted_on.heights), bool), np.ones(len(ratings.heights), bool))]
    even = np.arange(len(ratings.heights)) % 2 == 0
    return [(even, ~even), (~even, even)]


class HeightRule:
    """A table of heights.

    Args:
        least: Text at least this high gets scale k or a smaller one, falling, shape (K - 1,).
        unknown: Index of the scale where nothing was found.
    """

    def __init__(self, least: np.ndarray, unknown: int) -> None:
        self.least = least
        self.unknown = unknown

    @classmethod
    def fit(cls, heights: np.ndarray, losses: np.ndarray) -> HeightRule:
        """The table with the least sum of losses.

        Args:
            heights: In pixels, NaN where nothing was found, shape (M,).
            losses: Of each scale, shape (M, K).
        """
        known = ~np.isnan(heights)
        unknown = losses[~known].sum(0)
        different, group = np.unique(heights[known], return_inverse=True)
        sums = np.zeros((len(different), losses.shape[1]))
        np.add.at(sums, group, losses[known])
        scales = _falling(sums)
        # Half-way between the images on either side of a change.
        ends = np.concatenate([[0.], (different[1:] + different[:-1]) / 2, [np.inf]])
        least = [ends[(scales > k).sum()] for k in range(losses.shape[1] - 1)]
        # Ties, and no image without text, go to the full resolution: it is the safe one.
        last = len(unknown) - 1
        return cls(np.array(least), last - int(unknown[::-1].argmin()))

    def __call__(self, heights: np.ndarray) -> np.ndarray:
        """Index of the scale for each height, NaN where nothing was found, shape (M,)."""
        chosen = (heights[:, None] < self.least).sum(1)
        return np.where(np.isnan(heights), self.unknown, chosen)


def _falling(losses: np.ndarray) -> np.ndarray:
    """Indexes of scales with the least sum of losses that never rise from row to row, (M,)."""
    count, scales = losses.shape
    best = np.zeros(scales)  # of all rows so far, if the last one has scale k
    came_from = np.zeros((count, scales), dtype=np.int64)
    for row, loss in enumerate(losses):
        for k in range(scales):
            came_from[row, k] = k + int(best[k:].argmin())
        best = best[came_from[row]] + loss
    chosen = np.zeros(count, dtype=np.int64)
    k = int(best.argmin())
    for row in reversed(range(count)):
        chosen[row] = k
        k = came_from[row, k]
    return chosen
