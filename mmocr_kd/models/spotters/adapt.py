"""Adapting spotters to what DLD asks of them."""
from __future__ import annotations

from typing import Any

from .roi_head_spotter import PARTS, ROI_PARTS, RoIHeadSpotter
from .spotter_protocol import DistillableSpotter

_ASKED = ('rec_decoder', 'normalized', 'words_of', 'losses_and_taps', 'rec_taps', 'predict')


def distillable(model: Any) -> DistillableSpotter:
    """The spotter itself if it is one that can be distilled, or an adapter around it.

    Args:
        model: A spotter of ours, or a two-stage one with the parts of ABCNet of MMOCR's projects.

    Raises:
        TypeError: If it has no recognition branch that can be read along the labels.
    """
    # Of the class, because isinstance() with the protocol would evaluate properties.
    if all(hasattr(type(model), name) for name in _ASKED):
        return model
    if _has(model, PARTS) and _has(model.roi_head, ROI_PARTS):
        adapter: Any = RoIHeadSpotter(model)
        return adapter
    raise TypeError(
        f'{type(model).__name__} is no spotter that can be distilled: expected the methods '
        f'{_ASKED} (DistillableSpotter), or the parts {PARTS} with roi_head.{ROI_PARTS[0]} and '
        f'roi_head.{ROI_PARTS[1]} (ABCNet). Spotters without a branch that reads words out of '
        'regions of the image, such as SPTS, are not supported')


def _has(part: Any, names: tuple[str, ...]) -> bool:
    return all(getattr(part, name, None) is not None for name in names)
