"""What trains the selector in front of a detector."""
from __future__ import annotations

from typing import Any, Mapping

from torch import nn

from ...losses import ResolutionAccuracyLoss, ResolutionCostLoss, ResolutionTaskLoss
from ..selectors import ResolutionSelector
from .loss_terms import build_loss, with_scales_of

ACCURACIES = {'det': ResolutionTaskLoss, 'rec_lr': ResolutionAccuracyLoss}
_NO_SIGNAL = """acc_source='rec' cannot train a selector. Crops at the annotated boxes of the \
full-size image are the same whatever scale was chosen for the detector, so how they are read says \
nothing about the scale, and the cost alone would drive every image to the smallest. Use \
acc_source='det' (the detection loss at each scale), or 'rec_lr' (crops of the shrunk image)"""


class SelectorLosses(nn.ModuleDict):
    """'accuracy' and 'cost' of the chosen scales, each optional.

    Args:
        losses: Configs by name. ``type`` may be left out; 'cost' takes the selector's scales.
        selector: What they train; None if there is none.
        acc_source: 'det' makes 'accuracy' a :class:`~mmocr_kd.losses.ResolutionTaskLoss`,
            'rec_lr' a :class:`~mmocr_kd.losses.ResolutionAccuracyLoss`.

    Raises:
        ValueError: If ``acc_source`` is unknown or gives no signal ('rec'), a name is unknown,
            there are losses without a selector, or the cost has other scales than the selector.
        TypeError: If a config builds something else.
    """

    def __init__(self, losses: Mapping[str, dict[str, Any] | None],
                 selector: ResolutionSelector | None, acc_source: str) -> None:
        _check_source(acc_source)
        given = {name: loss for name, loss in losses.items() if loss is not None}
        _check_names(given, selector)
        super().__init__()
        if 'accuracy' in given:
            self['accuracy'] = build_loss('accuracy', given['accuracy'], ACCURACIES[acc_source])
        if selector is not None and 'cost' in given:
            cost = with_scales_of(selector, given['cost'])
            self['cost'] = build_loss('cost', cost, ResolutionCostLoss)


def _check_source(acc_source: str) -> None:
    if acc_source == 'rec':
        raise ValueError(_NO_SIGNAL)
    if acc_source not in ACCURACIES:
        raise ValueError(f'acc_source={acc_source!r} is unknown: use one of {tuple(ACCURACIES)}')


def _check_names(given: Mapping[str, Any], selector: ResolutionSelector | None) -> None:
    if unknown := sorted(set(given) - {'accuracy', 'cost'}):
        raise ValueError(f"losses has {unknown}: it takes 'accuracy' and 'cost'; a detector does "
                         'not read, so there is nothing to distil')
    if selector is None and given:
        raise ValueError(f'losses has {sorted(given)}, which train a selector, and there is none')
