"""A report on choosing resolutions, in words, tables and lines to paste."""
from __future__ import annotations

from typing import Any, Iterator, Sequence

import numpy as np

from .calibration import calibration
from .cost_table import selector_fields
from .scale_report import BUDGETS, Point, ScaleReport, Selector

WORTH = 0.05  # of hmean: what should be in reach of a selector, which reaches a part of it


def report_text(report: ScaleReport) -> str:
    """All of it, Markdown.

    Args:
        report: The numbers.
    """
    sections = [_head(report), *_single_scales(report), _frontier(report), verdict(report),
                _goal(report)]
    for kind, selectors in report.kinds.items():
        sections += _selectors(report, kind, selectors)
    fields = selector_fields(report.ratings.costs.tolist(), float(report.ratings.ms[-1]))
    return '\n\n'.join([*sections, 'To paste into a ResolutionSelector: scale_factors='
                        f'{list(report.ratings.header.scales)}, {fields}'])


def verdict(report: ScaleReport) -> str:
    """Whether a selector is worth training on such images.

    Args:
        report: The numbers.
    """
    gain, cost = report.gain
    found = (f'with hindsight, choosing for each image gains {100 * gain:.1f} points of hmean at '
             f'most over chance at equal cost (at {cost:.2f} of a full-resolution pass)')
    if gain < WORTH:
        return f'Not worth a selector here: {found}, and a selector reaches a part of that.'
    return f'Worth a selector: {found}.'


def table(header: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """A Markdown table whose first column stands at the left.

    Args:
        header: Names of the columns.
        rows: Cells.
    """
    ruler = ['---', *['---:'] * (len(header) - 1)]
    return '\n'.join('| ' + ' | '.join(map(str, row)) + ' |' for row in [header, ruler, *rows])


def _head(report: ScaleReport) -> str:
    ratings, header = report.ratings, report.ratings.header
    rated = ', '.join(name for name in (header.config, header.checkpoint) if name)
    return (f"{rated}\n{len(ratings.words)} images of '{header.split}'"
            f" with {ratings.words.sum()} words, protocol '{header.protocol}', score threshold "
            f'{ratings.used_threshold:g}; costs counted and timed at {header.size[0]}x'
            f'{header.size[1]}: {header.macs[-1] / 2**30:.2f} G and {header.ms[-1]:.0f} ms at full '
            'resolution')


def _single_scales(report: ScaleReport) -> Iterator[str]:
    names = ['hmean', 'recall', 'precision', 'cost', 'ms']
    for curve, timed in zip([report.single(), *report.others()],
                            [report.single('ms'), *report.others('ms')]):
        rows = [[f'{scale:g}', *_numbers(*values), f'{ms:.1f}'] for scale, *values, ms in zip(
            report.ratings.scales, curve.hmeans, curve.recalls, curve.precisions, curve.costs,
            timed.costs)]
        yield table([curve.name, *names], rows)


def _frontier(report: ScaleReport) -> str:
    low = float(report.ratings.costs[0])
    budgets = np.array([low, *(step / 10 for step in range(1, 11) if step / 10 > low)])
    columns = {curve.name: curve.at(budgets) for curve in (
        report.oracle(), report.random(), report.height_rule(), report.known_heights()) if curve}
    for kind, selectors in report.kinds.items():
        columns[kind] = np.mean([report.chosen(one).at(budgets) for one in selectors], axis=0)
    rows = [[f'{budget:.3g}', *_numbers(*values)]
            for budget, *values in zip(budgets, *columns.values())]
    return ('Hmean at mean cost, everything counted (a pass at full resolution costs 1):\n\n'
            + table(['cost', *columns], rows))


def _goal(report: ScaleReport) -> str:
    half, full = float(report.oracle().at(.5)), float(report.single().hmeans[-1])
    reach = ('no less than' if half >= full else 'within one point of' if half >= full - .01 else
             'more than one point below')
    return (f'With hindsight, half the compute gives {half:.3f}: {reach} full resolution '
            f'({full:.3f}).')


def _selectors(report: ScaleReport, kind: str, selectors: Sequence[Selector]) -> Iterator[str]:
    yield (f'{kind}, {len(selectors)} selector(s): choosing costs {selectors[0].cost:.2%} of a '
           f'pass at full resolution, {selectors[0].ms:.1f} ms.')
    budgets = BUDGETS if selectors[0].has_prices else (np.inf, )
    header = ['budget', 'price', 'cost', 'ms', 'hmean', 'random', 'oracle', 'share of the gain',
              'each']
    points = {budget: [report.point(one, budget) for one in selectors] for budget in budgets}
    yield table(header, [_row(budget, found) for budget, found in points.items()])
    if selectors[0].has_prices:
        yield from _calibration(report, selectors)


def _row(budget: float, points: Sequence[Point | None]) -> list[str]:
    """Means over seeds, and the spread (standard deviation) of what is scored."""
    found = [point for point in points if point]
    name = f'{budget:g}' if np.isfinite(budget) else 'none'
    if len(found) < len(points):
        return [name, *['-'] * 8]
    columns = {column: np.array([getattr(point, column) for point in found]) for column in (
        'price', 'cost', 'ms', 'hmean', 'random', 'oracle', 'share')}
    prices, cost, ms, hmeans, random, best, shares = columns.values()
    return [name, f'{np.median(prices):.3g}', f'{cost.mean():.3f}', f'{ms.mean():.1f}',
            _spread(hmeans, '.3f'), f'{random.mean():.3f}', f'{best.mean():.3f}',
            _spread(shares, '.0%'), ' '.join(f'{share:.0%}' for share in shares)]


def _calibration(report: ScaleReport, selectors: Sequence[Selector]) -> Iterator[str]:
    true = report.ratings.errors(report.false_alarm_weight)
    pooled = calibration(np.concatenate([one.errors for one in selectors]),
                         np.concatenate([true] * len(selectors)))
    yield ('Errors per image and scale in words, predicted and true, by tenths of the '
           'predictions:\n\n' + table(['predictions', 'predicted', 'true'], [
               [count, *_numbers(predicted, came)] for count, predicted, came in pooled.bins]))
    scales = ', '.join(f'{ratio:.2f} at {scale:g}'
                       for ratio, scale in zip(pooled.scales, report.ratings.scales))
    biases = ', '.join(f'{calibration(one.errors, true).bias:+.1%}' for one in selectors)
    yield f'Predicted / true: {scales}. Bias over all scales, of each: {biases}.'


def _spread(values: np.ndarray, form: str) -> str:
    spread = f' ± {values.std(ddof=1):{form}}' if len(values) > 1 else ''
    return f'{values.mean():{form}}{spread}'


def _numbers(*values: float) -> list[str]:
    return ['-' if np.isnan(value) else f'{value:.3f}' for value in values]
