"""Adapting spotters to what DLD asks of them."""
from __future__ import annotations

from typing import Any

from .spotter_protocol import DistillableSpotter

_ASKED = ('rec_decoder', 'normalized', 'words_of', 'losses_and_taps', 'rec_taps', 'predict')


def distillable(model: Any) -> DistillableSpotter:
    """The spotter itself if it is one that can be distilled.

    Args:
        model: A spotter.

    Raises:
        TypeError: If it has no recognition branch that can be read along the labels.
    """
    if all(hasattr(type(model), name) for name in _ASKED):
        return model
    raise TypeError(f'{type(model).__name__} is no spotter that can be distilled: expected the '
                    f'methods {_ASKED} (DistillableSpotter)')
