"""Pictures of a training's curves."""
from __future__ import annotations

import io
from typing import Any

from .curves import Curve, Curves

STUDENT, PLAIN = 'distilled', 'plain'
_DISTILLED_STYLE, _PLAIN_STYLE = dict(linestyle='-'), dict(linestyle='--', alpha=.7)


def draw_curves(curves: Curves, plain: Curves | None = None) -> dict[str, str]:
    """One picture for each group of curves that has any.

    Args:
        curves: Of the training.
        plain: Of the same student without a teacher, drawn beside it, dashed.

    Returns:
        Title -> SVG, without a header, for a page.

    Raises:
        ImportError: If there is no Matplotlib.
    """
    groups = {
        'Scores on validation data': 'scores', 'Losses': 'losses',
        'Weights of distillation terms': 'weights', 'Learning rate and others': 'rates'}
    found = {}
    for title, group in groups.items():
        own = getattr(curves, group)
        if own:
            found[title] = _picture(own, getattr(plain, group) if plain else {})
    return found


def _picture(own: dict[str, Curve], other: dict[str, Curve]) -> str:
    """A panel for each name: losses differ by orders of magnitude."""
    from matplotlib.figure import Figure  # not pyplot, which looks for a display
    columns = min(3, len(own))
    rows = -(-len(own) // columns)
    figure = Figure(figsize=(4 * columns, 2.4 * rows), layout='constrained', facecolor='white')
    panels = figure.subplots(rows, columns, squeeze=False).flatten()
    for axes, name in zip(panels, own):
        _line(axes, own[name], STUDENT, _DISTILLED_STYLE)
        if name in other:
            _line(axes, other[name], PLAIN, _PLAIN_STYLE)
            axes.legend(fontsize='small')
        axes.set_title(name, fontsize='medium')
        axes.grid(alpha=.3)
    for axes in panels[len(own):]:
        axes.axis('off')
    figure.supxlabel('training step')
    return _svg(figure)


def _line(axes: Any, curve: Curve, label: str, style: dict[str, Any]) -> None:
    steps = sorted(curve)
    marker = 'o' if len(steps) < 30 else None
    axes.plot(steps, [curve[step] for step in steps], label=label, marker=marker, markersize=3,
              **style)


def _svg(figure: Any) -> str:
    from matplotlib import rc_context
    text = io.StringIO()
    # The same curves are the same file; its words are words.
    with rc_context({'svg.hashsalt': 'mmocr_kd', 'svg.fonttype': 'none'}):
        figure.savefig(text, format='svg', metadata={'Date': None})
    return '<svg' + text.getvalue().partition('<svg')[2]
