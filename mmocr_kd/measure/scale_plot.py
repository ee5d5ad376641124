"""Pictures and tables of files: hmean over counted and over measured cost."""
from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

from .scale_curves import Curve
from .scale_report import ScaleReport

UNITS = {'cost': 'mean cost (full resolution: 1)', 'ms': 'mean time of an image, ms'}


def write_csv(report: ScaleReport, path: str | Path) -> None:
    """Write every point of every curve, a line each.

    Args:
        report: What to write.
        path: Of the file.

    Raises:
        OSError: If it cannot be written.
    """
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    with open(path, 'w', newline='') as file:
        writer = csv.writer(file)
        writer.writerow(['curve', 'unit', 'cost', 'hmean', 'recall', 'precision', 'price'])
        for unit in UNITS:
            for curve in report.curves(unit):
                writer.writerows(_rows(curve, unit))


def draw(report: ScaleReport, path: str | Path) -> None:
    """Draw two panels: hmean over counted cost, and over milliseconds.

    Args:
        report: What to draw.
        path: Of the picture; its ending says which kind.

    Raises:
        ImportError: If there is no Matplotlib.
        OSError: If it cannot be written.
        ValueError: If Matplotlib knows no such kind.
    """
    from matplotlib.figure import Figure  # not pyplot, which looks for a display
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    figure = Figure(figsize=(11, 4.5), layout='constrained')
    for axes, (unit, label) in zip(figure.subplots(1, 2, sharey=True), UNITS.items()):
        for curve in report.curves(unit):
            axes.plot(curve.costs, curve.hmeans, **_style(report, curve), label=curve.name)
        single = report.single(unit)
        for scale, place in zip(report.ratings.scales, zip(single.costs, single.hmeans)):
            axes.annotate(f'{scale:g}', place, textcoords='offset points', xytext=(4, -11))
        axes.set_xlabel(label)
        axes.grid(alpha=.3)
    figure.axes[0].set_ylabel('hmean')
    once = dict(zip(*reversed(figure.axes[0].get_legend_handles_labels())))  # seeds are many
    # Below: names are those of configs, and long.
    figure.legend(once.values(), once.keys(), loc='outside lower center', ncols=2)
    figure.savefig(path, dpi=150)


_COLORS = ('tab:blue', 'tab:purple', 'tab:red', 'tab:brown')
_STYLES: dict[str, dict[str, Any]] = {
    'single scale': dict(marker='o', linestyle='', color='black'),
    'oracle': dict(color='tab:green'), 'random': dict(color='grey', linestyle='--'),
    'height rule': dict(color='tab:orange', linewidth=1),
    'known heights': dict(color='tab:cyan', linewidth=1)}


def _style(report: ScaleReport, curve: Curve) -> dict[str, Any]:
    if curve.name in _STYLES:
        return _STYLES[curve.name]
    names = [*report.kinds, *report.beside]
    color = _COLORS[names.index(curve.name) % len(_COLORS)]
    marker = 's' if curve.name in report.beside or len(curve.costs) == 1 else ''
    return dict(color=color, linewidth=1, alpha=.7, marker=marker)


def _rows(curve: Curve, unit: str) -> list[list[Any]]:
    prices = [''] * len(curve.costs) if curve.prices is None else curve.prices
    return [[curve.name, unit, *(f'{value:.6g}' for value in values), price] for *values, price in
            zip(curve.costs, curve.hmeans, curve.recalls, curve.precisions, prices)]
