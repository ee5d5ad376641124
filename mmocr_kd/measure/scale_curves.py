"""What ways to choose scales find, and what they cost: curves of hmean over mean cost."""
from __future__ import annotations

from dataclasses import dataclass
from typing import Sequence

import numpy as np

from .scale_ratings import ScaleRatings

# Errors that one full-resolution pass is worth: from "cost hardly counts" to "nothing else does".
PRICES = np.array([0., *np.geomspace(1e-3, 1e3, 121)])


@dataclass(frozen=True, eq=False)
class Curve:
    """N points of one way to choose scales; sums over all images.

    Args:
        name: What it is called.
        costs: Mean cost of an image at each point, rising, shape (N,).
        hits: Words found (and read), shape (N,).
        false_alarms: Predictions that are none of them, shape (N,).
        words: How many words there are.
        prices: What led to each point, shape (N,); None: no price did.
    """

    name: str
    costs: np.ndarray
    hits: np.ndarray
    false_alarms: np.ndarray
    words: int
    prices: np.ndarray | None = None

    @property
    def hmeans(self) -> np.ndarray:
        """Harmonic mean of recall and precision at each point, shape (N,)."""
        return hmean(self.words, self.hits, self.false_alarms)

    @property
    def recalls(self) -> np.ndarray:
        """Share of the words that are found at each point, shape (N,)."""
        return self.hits / max(self.words, 1)

    @property
    def precisions(self) -> np.ndarray:
        """Share of the predictions that are words at each point, 0 of none, shape (N,)."""
        return self.hits / np.maximum(self.hits + self.false_alarms, 1e-300)

    def at(self, budgets: np.ndarray | float) -> np.ndarray:
        """Hmean at other mean costs, if images are shared out between neighbouring points.

        Args:
            budgets: Mean costs, of any shape.

        Returns:
            Of the same shape; NaN where nothing is that cheap. What is left over is not spent.
        """
        hits, wrong = (np.interp(budgets, self.costs, counts)
                       for counts in (self.hits, self.false_alarms))
        return np.where(budgets < self.costs[0] - 1e-9, np.nan, hmean(self.words, hits, wrong))


def hmean(words: float, hits: np.ndarray, false_alarms: np.ndarray) -> np.ndarray:
    """Harmonic mean of recall and precision, 0 if there is nothing at all.

    Args:
        words: How many there are to be found.
        hits: How many were.
        false_alarms: Predictions that are none of them.
    """
    return 2 * hits / np.maximum(words + hits + false_alarms, 1e-300)


def single_scales(ratings: ScaleRatings, costs: np.ndarray) -> Curve:
    """Each scale, for all images.

    Args:
        ratings: Of M images at K scales.
        costs: Of each scale, in any unit, shape (K,).
    """
    return Curve('single scale', costs, ratings.hits.sum(0), ratings.false_alarms.sum(0),
                 int(ratings.words.sum()))


def at_random(ratings: ScaleRatings, costs: np.ndarray, budgets: np.ndarray) -> Curve:
    """The best that is to be had without looking: images are shared out between scales at random.

    In expectation, and with the best shares; mostly those are of two neighbouring scales.

    Args:
        ratings: Of M images at K scales.
        costs: Of each scale, in any unit, shape (K,).
        budgets: Mean costs to be kept to, rising, shape (N,).
    """
    return _best('random', ratings.hits.sum(0, keepdims=True),
                 ratings.false_alarms.sum(0, keepdims=True), ratings, costs, budgets)


def oracle(ratings: ScaleRatings, costs: np.ndarray, budgets: np.ndarray) -> Curve:
    """The best that is to be had by choosing a scale for each image, with hindsight.

    Args:
        ratings: Of M images at K scales.
        costs: Of each scale, in any unit, shape (K,).
        budgets: Mean costs to be kept to, rising, shape (N,).
    """
    return _best('oracle', ratings.hits, ratings.false_alarms, ratings, costs, budgets)


def of_choices(name: str, ratings: ScaleRatings, choices: np.ndarray, costs: np.ndarray,
               prices: np.ndarray | None = PRICES) -> Curve:
    """A way to choose that is given by its choices.

    Args:
        name: What it is called.
        ratings: Of M images at K scales.
        choices: Index of the scale of each image at each point, shape (N, M).
        costs: Of each choice, choosing included, in any unit, shape (K,).
        prices: What led to each point, shape (N,).
    """
    rows = np.arange(len(ratings.words))
    means = costs[choices].mean(1)
    order = np.argsort(means, kind='stable')
    hits, wrong = (counts[rows, choices].sum(1)[order]
                   for counts in (ratings.hits, ratings.false_alarms))
    return Curve(name, means[order], hits, wrong, int(ratings.words.sum()),
                 None if prices is None else prices[order])


def cheapest(errors: np.ndarray, costs: np.ndarray, prices: Sequence[float] | np.ndarray = PRICES
             ) -> np.ndarray:
    """The scale with the least errors plus price times cost; of equally good ones the smallest.

    Args:
        errors: Of M images at K scales, in words, shape (M, K).
        costs: Of each scale, 1 at full resolution, shape (K,).
        prices: Errors that one full-resolution pass is worth, shape (N,).

    Returns:
        Indexes, shape (N, M).
    """
    return np.stack([(errors + price * costs).argmin(1) for price in prices])


def _best(name: str, hits: np.ndarray, false_alarms: np.ndarray, ratings: ScaleRatings,
          costs: np.ndarray, budgets: np.ndarray) -> Curve:
    words = int(ratings.words.sum())
    found = np.array([_best_counts(hits, false_alarms, words, costs, budget)
                      for budget in budgets])
    return Curve(name, np.asarray(budgets), found[:, 0], found[:, 1], words)


def _best_counts(hits: np.ndarray, false_alarms: np.ndarray, words: int, costs: np.ndarray,
                 budget: float) -> tuple[float, float]:
    """Hits and false alarms of the choice with the best hmean within a budget.

    Hmean is a ratio. The ratio is at least r where 2 hits - r (words + predictions) >= 0, which is
    a sum over images; from the best sum for one r follows a better r, until there is none
    (Dinkelbach's algorithm, Management Science 13, 1967).
    """
    ratio = -1.
    best = 0., 0.
    for _ in range(100):
        mixture = _mixture((2 - max(ratio, 0)) * hits - max(ratio, 0) * false_alarms, costs,
                           budget)
        counts = tuple(float((mixture * table).sum()) for table in (hits, false_alarms))
        found = float(hmean(words, *np.array(counts)))
        if found <= ratio + 1e-12:
            break
        ratio, best = found, counts  # type: ignore[assignment]
    return best


def _mixture(values: np.ndarray, costs: np.ndarray, budget: float) -> np.ndarray:
    """Shares of the scales for each image, (M, K), with the largest sum of values within a budget.

    Each image takes the scale with the largest value minus price times cost. Between the prices at
    which an image changes its mind nothing does; the budget lies within one such change, where
    the two sides of it are mixed. That is the optimum of this linear programme.
    """
    prices = _between(_changes(values, costs))
    low, high = 0, len(prices) - 1
    while low < high:  # the lowest price that keeps to the budget
        middle = (low + high) // 2
        within = costs[_at(values, costs, prices[middle])].mean() <= budget
        low, high = (low, middle) if within else (middle + 1, high)
    cheap = _at(values, costs, prices[low])
    dear = _at(values, costs, prices[max(low - 1, 0)])
    spent, more = costs[cheap].mean(), costs[dear].mean()
    share = (budget - spent) / (more - spent) if more > spent else 0.
    each = np.eye(len(costs))
    return each[cheap] + share * (each[dear] - each[cheap])


def _at(values: np.ndarray, costs: np.ndarray, price: float) -> np.ndarray:
    return (values - price * costs).argmax(1)


def _changes(values: np.ndarray, costs: np.ndarray) -> np.ndarray:
    """Prices at which an image may change its mind, rising."""
    more = costs[None, :] - costs[:, None]
    gains = (values[:, None, :] - values[:, :, None])[:, more > 0]
    slopes = gains / more[more > 0]
    return np.unique(slopes[slopes > 0])


def _between(changes: np.ndarray) -> np.ndarray:
    """A price within each interval between changes, and below and above all of them."""
    ends = np.concatenate([[0.], changes, [2 * changes[-1] if len(changes) else 1.]])
    return (ends[1:] + ends[:-1]) / 2
