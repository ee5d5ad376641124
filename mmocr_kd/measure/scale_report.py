"""What choosing resolutions is worth on rated images: words, numbers and lines to paste."""
from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Iterator, Sequence

import numpy as np

from .calibration import calibration
from .cost_table import selector_fields
from .height_rule import rule_choices, rule_costs
from .scale_curves import Curve, at_random, cheapest, of_choices, oracle, single_scales
from .scale_ratings import ScaleRatings

WORTH = 0.05  # of hmean: what a selector, which reaches a part of it, should have in reach
_STEPS = 100


@dataclass(frozen=True, eq=False)
class Selector:
    """What one trained selector expects of the rated images.

    Args:
        name: Of its checkpoint.
        errors: Expected errors in words, shape (M, K).
        cost: Of choosing, as a share of a pass at full resolution.
        ms: Milliseconds of it.
    """

    name: str
    errors: np.ndarray
    cost: float
    ms: float


@dataclass(frozen=True, eq=False)
class ScaleReport:
    """Everything that follows from ratings.

    Args:
        ratings: Of M images at K scales.
        selectors: Trained ones, if any: the same one from several seeds.
        beside: Ratings of other models on the same images, by name: their single scales.
        false_alarm_weight: What a false alarm counts beside a miss, for those who choose by errors.

    Raises:
        ValueError: If there is nothing to compare, or others rated something else.
    """

    ratings: ScaleRatings
    selectors: Sequence[Selector] = ()
    beside: dict[str, ScaleRatings] = field(default_factory=dict)
    false_alarm_weight: float = 0.5

    def __post_init__(self) -> None:
        if len(self.ratings.words) < 2 or not self.ratings.words.sum():
            raise ValueError(f'{len(self.ratings.words)} images with {self.ratings.words.sum()} '
                             'words are rated: at least two images, and some words, are needed')
        for name, other in self.beside.items():
            if set(other.index) != set(self.ratings.index):
                raise ValueError(f'{name} has ratings of other images: rate the same ones')

    def curves(self, unit: str = 'cost') -> list[Curve]:
        """All ways to choose.

        Args:
            unit: Of costs: 'cost', 1 at full resolution, or 'ms'.
        """
        return [*self._fixed(unit), self.height_rule(unit), *self.chosen(unit)]

    def height_rule(self, unit: str = 'cost') -> Curve:
        """By the height of the text found at the smallest scale; see :func:`.rule_choices`."""
        return of_choices('height rule', self.ratings, self._rule_choices,
                          rule_costs(self._costs(unit)))

    def chosen(self, unit: str = 'cost') -> list[Curve]:
        """By each of the selectors, at all prices."""
        own = {'cost': [one.cost for one in self.selectors],
               'ms': [one.ms for one in self.selectors]}[unit]
        return [of_choices(f'selector {one.name}', self.ratings,
                           cheapest(one.errors, self.ratings.costs), self._costs(unit) + extra)
                for one, extra in zip(self.selectors, own)]

    @cached_property
    def gain(self) -> tuple[float, float]:
        """The most that the oracle gains over chance at equal cost, in hmean, and the cost."""
        _, best, chance = self._fixed('cost')[:3]
        gains = best.hmeans - chance.hmeans
        return float(gains.max()), float(best.costs[gains.argmax()])

    @property
    def verdict(self) -> str:
        """Whether a selector is worth training on such images."""
        gain, cost = self.gain
        if gain < WORTH:
            return (f'Not worth a selector here: with hindsight, choosing for each image gains '
                    f'{100 * gain:.1f} points of hmean at most over chance at equal cost, and a '
                    f'selector a part of that ({100 * WORTH:.0f} are the least to start from).')
        return (f'Worth a selector: with hindsight, choosing for each image gains up to '
                f'{100 * gain:.1f} points of hmean over chance at equal cost, at {cost:.2f} of a '
                'full-resolution pass.')

    @property
    def text(self) -> str:
        """The whole report, Markdown."""
        sections = [self._head(), *self._scales(), self._frontier(), self.verdict, self._goal()]
        if self.selectors:
            sections += [self._share(), *self._calibration()]
        return '\n\n'.join([*sections, 'To paste into a ResolutionSelector: scale_factors='
                            f'{list(self.ratings.header.scales)}, {self._fields}'])

    @cached_property
    def _rule_choices(self) -> np.ndarray:
        return rule_choices(self.ratings, false_alarm_weight=self.false_alarm_weight)

    @property
    def _fields(self) -> str:
        return selector_fields(self.ratings.costs.tolist(), float(self.ratings.ms[-1]))

    def _costs(self, unit: str) -> np.ndarray:
        return {'cost': self.ratings.costs, 'ms': self.ratings.ms}[unit]

    def _fixed(self, unit: str) -> list[Curve]:
        costs = self._costs(unit)
        budgets = np.linspace(costs.min(), costs.max(), _STEPS + 1)
        others = [self._other(name, other, unit) for name, other in self.beside.items()]
        return [single_scales(self.ratings, costs), oracle(self.ratings, costs, budgets),
                at_random(self.ratings, costs, budgets), *others]

    def _other(self, name: str, other: ScaleRatings, unit: str) -> Curve:
        full = self.ratings.header.macs[-1]
        costs = {'cost': np.array(other.header.macs) / full, 'ms': other.ms}[unit]
        curve = single_scales(other, costs)
        return Curve(name, costs, curve.hits, curve.false_alarms, curve.words)

    def _head(self) -> str:
        header, ratings = self.ratings.header, self.ratings
        height, width = header.size
        return (f'{header.config}, {header.checkpoint}\n{len(ratings.words)} images of '
                f"'{header.split}' with {ratings.words.sum()} words, protocol '{header.protocol}', "
                f'score threshold {ratings.used_threshold:g}; costs counted and timed at '
                f'{height}x{width}, {header.macs[-1] / 2**30:.2f} G and {header.ms[-1]:.0f} ms at '
                'full resolution')

    def _scales(self) -> Iterator[str]:
        for curve, ratings in [(self._fixed('cost')[0], self.ratings),
                               *zip(self._fixed('cost')[3:], self.beside.values())]:
            rows = [[f'{scale:g}', f'{value:.3f}', f'{hits / curve.words:.3f}',
                     f'{hits / max(hits + wrong, 1):.3f}', f'{cost:.3f}', f'{ms:.1f}']
                    for scale, value, hits, wrong, cost, ms in zip(
                        ratings.scales, curve.hmeans, curve.hits, curve.false_alarms, curve.costs,
                        ratings.ms)]
            yield table([curve.name, 'hmean', 'recall', 'precision', 'cost', 'ms'], rows)

    def _frontier(self) -> str:
        curves = [curve for curve in self.curves() if curve.name not in
                  ('single scale', *self.beside)]
        low = float(self.ratings.costs[0])
        budgets = [round(low, 3), *[step / 10 for step in range(1, 11) if step / 10 > low]]
        rows = [[f'{budget:g}', *(_shown(curve.at(budget)) for curve in curves)]
                for budget in budgets]
        return ('Hmean at mean cost, everything counted (a pass at full resolution costs 1):\n\n'
                + table(['cost', *(curve.name for curve in curves)], rows))

    def _goal(self) -> str:
        single, best, *_ = self._fixed('cost')
        half, full = float(best.at(.5)), single.hmeans[-1]
        reach = 'within' if half >= full - .01 else 'not within'
        return (f'With hindsight, half the compute gives {half:.3f}: {reach} one point of full '
                f'resolution ({full:.3f}).')

    def share_of_gain(self, budget: float) -> np.ndarray:
        """Which share of the oracle's gain over chance each selector reaches at equal cost.

        Args:
            budget: Mean cost, choosing included.

        Returns:
            One number for each selector, NaN where it cannot be that cheap.
        """
        _, best, chance = self._fixed('cost')[:3]
        reached = np.array([curve.at(budget) for curve in self.chosen()])
        return (reached - chance.at(budget)) / (best.at(budget) - chance.at(budget))

    def _share(self) -> str:
        choosing = self.selectors[0].cost
        lines = [f'Choosing costs {choosing:.2%} of a pass at full resolution, '
                 f'{choosing / .5:.2%} of a mean cost of 0.5, {self.selectors[0].ms:.1f} ms.']
        for what, budget in (('half the compute', .5),
                             (f'a cost of {self.gain[1]:.2f}, where the most is to be gained',
                              self.gain[1])):
            shares = self.share_of_gain(budget)
            spread = f' ± {shares.std(ddof=1):.0%}' if len(shares) > 1 else ''
            each = ', '.join(f'{share:.0%}' for share in shares)
            lines.append(f"Of the oracle's gain at {what}: {shares.mean():.0%}{spread} ({each}).")
        return '\n'.join(lines)

    def _calibration(self) -> Iterator[str]:
        true = self.ratings.errors(self.false_alarm_weight)
        found = calibration(np.concatenate([one.errors for one in self.selectors]),
                            np.concatenate([true] * len(self.selectors)))
        rows = [[str(count), f'{predicted:.3f}', f'{came:.3f}']
                for count, predicted, came in found.bins]
        biases = ', '.join(f'{calibration(one.errors, true).bias:+.1%}' for one in self.selectors)
        yield ('Errors per image and scale, in words, predicted and true, by tenths of the '
               'predictions:\n\n' + table(['predictions', 'predicted', 'true'], rows))
        scales = ', '.join(f'{ratio:.2f} at {scale:g}'
                           for ratio, scale in zip(found.scales, self.ratings.scales))
        yield f'Predicted / true: {scales}. Bias over all scales: {biases}.'


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table whose first column stands at the left.

    Args:
        header: Names of the columns.
        rows: Cells.
    """
    ruler = ['---', *['---:'] * (len(header) - 1)]
    return '\n'.join('| ' + ' | '.join(row) + ' |' for row in [header, ruler, *rows])


def _shown(value: np.ndarray) -> str:
    return '-' if np.isnan(value) else f'{float(value):.3f}'
