"""A picture of a comparison: scores of all arms, and their differences with both intervals."""
from __future__ import annotations

from pathlib import Path
from typing import Any

from .paired import Difference, Interval, Report
from .paired_text import SCORES

_COLOR = 'tab:blue'


def draw(report: Report, path: str | Path) -> None:
    """Draw two panels with a row for each arm.

    Args:
        report: What to draw.
        path: Of the picture; its ending says which kind.

    Raises:
        ImportError: If there is no Matplotlib.
        OSError: If it cannot be written.
        ValueError: If Matplotlib knows no such kind.
    """
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    figure_of(report).savefig(path, dpi=150)


def figure_of(report: Report) -> Any:
    """Scores on the left, differences on the right.

    Of all seeds and their mean; with the interval of the t test (thick), that of images and
    seeds (thin), and the verdict.

    Args:
        report: What to draw.

    Returns:
        A Matplotlib figure.

    Raises:
        ImportError: If there is no Matplotlib.
    """
    from matplotlib.figure import Figure  # not pyplot, which looks for a display
    names = [arm.name for arm in report.arms]
    # White behind it is part of the picture: it stays legible on dark pages.
    figure = Figure(figsize=(10, 1.6 + .6 * len(names)), layout='constrained', facecolor='white')
    left, right = figure.subplots(1, 2, sharey=True, gridspec_kw=dict(width_ratios=(2, 3)))
    for row, arm in enumerate(report.arms):
        _dots(left, row, arm.scores, arm.mean)
    for found in report.differences:
        _difference(right, names.index(found.arm), found)
    left.set_yticks(range(len(names)), names)
    left.set_ylim(len(names) - .4, -.6)  # the first arm on top
    left.set_xlabel(SCORES[report.protocol])
    _compared(right, report)
    for axes in (left, right):
        axes.grid(axis='x', alpha=.3)
    once = dict(zip(*reversed(right.get_legend_handles_labels())))  # rows repeat them
    figure.legend(once.values(), once.keys(), loc='outside lower center', ncols=5)
    return figure


def _compared(axes: Any, report: Report) -> None:
    """What differences are judged by."""
    axes.axvline(0, color='black', linewidth=1)
    for found in report.differences[:1]:
        axes.axvspan(-found.smallest, found.smallest, color='grey', alpha=.15,
                     label=f'below {found.smallest:g}')
    axes.set_xlabel(f'difference against {report.reference}')


def _difference(axes: Any, row: int, found: Difference) -> None:
    _line(axes, row, found.by_images, linewidth=1.5, label='95 %, images and seeds', marker='|')
    if found.by_seeds:
        _line(axes, row, found.by_seeds, linewidth=6, alpha=.35, label='95 %, seeds',
              solid_capstyle='butt')
    _dots(axes, row, found.values, found.mean)
    axes.text(1.02, row, found.verdict, transform=axes.get_yaxis_transform(), va='center')


def _line(axes: Any, row: int, interval: Interval, **style: Any) -> None:
    axes.plot(interval, [row, row], color=_COLOR, **style)


def _dots(axes: Any, row: int, values: Any, mean: float) -> None:
    axes.plot(values, [row] * len(values), 'o', markersize=5, markerfacecolor='none',
              markeredgecolor=_COLOR, label='a seed')
    axes.plot([mean], [row], 'D', color='black', markersize=5, label='mean')
