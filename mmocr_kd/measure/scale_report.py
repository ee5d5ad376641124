"""What choosing resolutions is worth on rated images."""
from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Mapping, Sequence

import numpy as np

from .height_curve import known_height_choices
from .height_rule import rule_choices, rule_costs
from .scale_curves import PRICES, Curve, at_random, cheapest, of_choices, oracle, single_scales
from .scale_ratings import ScaleRatings

BUDGETS = (.2, .3, .4, .5, .7)
_STEPS = 100


@dataclass(frozen=True, eq=False)
class Selector:
    """What a trained selector says of the rated images.

    Args:
        kind: Of which config it is; those of one config are seeds of the same.
        name: Of its checkpoint.
        errors: Expected errors in words, shape (M, K). Of one that classifies: less its logits.
        cost: Of choosing, as a share of a pass at full resolution.
        ms: Milliseconds of it.
        tuning: Expected errors in images that prices are taken from, (M', K); None: these.
        has_prices: Whether a price changes its choice: not of one that classifies.
    """

    kind: str
    name: str
    errors: np.ndarray
    cost: float
    ms: float
    tuning: np.ndarray | None = None
    has_prices: bool = True

    def price_of(self, budget: float, costs: np.ndarray) -> float | None:
        """The lowest price at which choices cost no more than a budget, choosing included.

        Args:
            budget: Mean cost.
            costs: Of a pass at each scale, shape (K,).
        """
        if not self.has_prices:
            return 0.
        errors = self.errors if self.tuning is None else self.tuning
        means = costs[cheapest(errors, costs)].mean(1) + self.cost
        met = np.flatnonzero(means <= budget)
        return float(PRICES[met[0]]) if len(met) else None


@dataclass(frozen=True)
class Point:
    """A selector at a price, beside what else is to be had at its cost.

    Args:
        price: Errors that a full-resolution pass is worth.
        cost: Mean cost of an image, choosing included.
        ms: Mean milliseconds, likewise.
        hmean: What it reaches.
        random: What chance reaches at this cost.
        oracle: What hindsight reaches.
    """

    price: float
    cost: float
    ms: float
    hmean: float
    random: float
    oracle: float

    @property
    def share(self) -> float:
        """Of the oracle's gain over chance, that is reached; NaN where there is none."""
        gain = self.oracle - self.random
        return (self.hmean - self.random) / gain if gain > 1e-9 else float('nan')


@dataclass(frozen=True, eq=False)
class ScaleReport:
    """Everything that follows from ratings.

    Args:
        ratings: Of M images at K scales.
        selectors: Trained ones, if any.
        beside: Ratings of other models on the same images, by name: their single scales.
        validation: Ratings of other images, which the height rule is fitted on; None: halves of
            the same images, each by the other.
        false_alarm_weight: What a false alarm counts beside a miss, for those who choose by errors.

    Raises:
        ValueError: If there is nothing to compare, or others rated something else.
    """

    ratings: ScaleRatings
    selectors: Sequence[Selector] = ()
    beside: Mapping[str, ScaleRatings] = field(default_factory=dict)
    validation: ScaleRatings | None = None
    false_alarm_weight: float = 0.5

    def __post_init__(self) -> None:
        images, words = len(self.ratings.words), self.ratings.words.sum()
        if images < 2 or not words:
            raise ValueError(f'{images} images with {words} words are rated: at least two images, '
                             'and some words, are needed')
        for name, other in self.beside.items():
            if other.index.keys() != self.ratings.index.keys():
                raise ValueError(f'{name!r} has ratings of other images: rate the same ones')
        if self.validation and list(self.validation.scales) != list(self.ratings.scales):
            raise ValueError(f'validation has scales {list(self.validation.scales)}, expected '
                             f'{list(self.ratings.scales)}: rate both at the same ones')

    @cached_property
    def kinds(self) -> dict[str, list[Selector]]:
        """Selectors by config."""
        kinds: dict[str, list[Selector]] = {}
        for selector in self.selectors:
            kinds.setdefault(selector.kind, []).append(selector)
        return kinds

    def costs(self, unit: str = 'cost') -> np.ndarray:
        """Of a pass at each scale, shape (K,).

        Args:
            unit: 'cost': 1 at full resolution. 'ms': milliseconds.
        """
        return {'cost': self.ratings.costs, 'ms': self.ratings.ms}[unit]

    def single(self, unit: str = 'cost') -> Curve:
        """Each scale for all images."""
        return self._bounds[unit][0]

    def oracle(self, unit: str = 'cost') -> Curve:
        """A scale for each image, with hindsight."""
        return self._bounds[unit][1]

    def random(self, unit: str = 'cost') -> Curve:
        """Scales at random, in the best proportion."""
        return self._bounds[unit][2]

    def height_rule(self, unit: str = 'cost') -> Curve:
        """By the height of the text found at the smallest scale; see :func:`.rule_choices`."""
        return of_choices('height rule', self.ratings, self._rule_choices,
                          rule_costs(self.costs(unit)))

    def known_heights(self, unit: str = 'cost') -> Curve | None:
        """By the true heights of all texts, for nothing; see :func:`.known_height_choices`.

        None where the ratings do not tell them.
        """
        if self._known_height_choices is None:
            return None
        return of_choices('known heights', self.ratings, self._known_height_choices,
                          self.costs(unit))

    def chosen(self, selector: Selector, unit: str = 'cost') -> Curve:
        """By a selector, at all prices, choosing included.

        Args:
            selector: Which.
            unit: See :meth:`costs`.
        """
        prices = PRICES if selector.has_prices else PRICES[:1]
        own = {'cost': selector.cost, 'ms': selector.ms}[unit]
        return of_choices(selector.kind, self.ratings,
                          cheapest(selector.errors, self.ratings.costs, prices),
                          self.costs(unit) + own, prices)

    def others(self, unit: str = 'cost') -> list[Curve]:
        """Single scales of the models beside; costs relative to this one's full resolution."""
        curves = []
        for name, other in self.beside.items():
            counted = np.array(other.header.macs) / self.ratings.header.macs[-1]
            costs = {'cost': counted, 'ms': other.ms}[unit]
            curve = single_scales(other, costs)
            curves.append(Curve(name, costs, curve.hits, curve.false_alarms, curve.words))
        return curves

    def curves(self, unit: str = 'cost') -> list[Curve]:
        """All ways to choose."""
        known = self.known_heights(unit)
        return [self.single(unit), self.oracle(unit), self.random(unit), self.height_rule(unit),
                *([known] if known else []), *self.others(unit),
                *(self.chosen(one, unit) for one in self.selectors)]

    @cached_property
    def gain(self) -> tuple[float, float]:
        """The most that the oracle gains over chance at equal cost, in hmean, and that cost."""
        gains = self.oracle().hmeans - self.random().hmeans
        return float(gains.max()), float(self.oracle().costs[gains.argmax()])

    def point(self, selector: Selector, budget: float) -> Point | None:
        """A selector at the price that keeps to a budget; None if no price does.

        Args:
            selector: Which.
            budget: Mean cost, choosing included.
        """
        price = selector.price_of(budget, self.ratings.costs)
        if price is None:
            return None
        choices = cheapest(selector.errors, self.ratings.costs, [price])
        counted, timed = (of_choices(selector.kind, self.ratings, choices, self.costs(unit) + own,
                                     np.array([price]))
                          for unit, own in (('cost', selector.cost), ('ms', selector.ms)))
        cost = float(counted.costs[0])
        return Point(price, cost, float(timed.costs[0]), float(counted.hmeans[0]),
                     float(self.random().at(cost)), float(self.oracle().at(cost)))

    @cached_property
    def _rule_choices(self) -> np.ndarray:
        return rule_choices(self.ratings, PRICES, self.false_alarm_weight, self.validation)

    @cached_property
    def _known_height_choices(self) -> np.ndarray | None:
        if not self.ratings.knows_texts or not (self.validation or self.ratings).knows_texts:
            return None
        return known_height_choices(self.ratings, PRICES, self.false_alarm_weight,
                                    self.validation)

    @cached_property
    def _bounds(self) -> dict[str, tuple[Curve, Curve, Curve]]:
        """What can be had without looking and with hindsight, in each unit."""
        bounds = {}
        for unit in ('cost', 'ms'):
            costs = self.costs(unit)
            budgets = np.linspace(costs.min(), costs.max(), _STEPS + 1)
            bounds[unit] = (single_scales(self.ratings, costs),
                            oracle(self.ratings, costs, budgets),
                            at_random(self.ratings, costs, budgets))
        return bounds
