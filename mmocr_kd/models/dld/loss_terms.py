"""Building the terms of an objective that a selector has a part in."""
from __future__ import annotations

from typing import Any, Mapping

from mmocr.registry import MODELS
from torch import nn

from ...losses import check_scale_factors
from ..selectors import ResolutionSelector


def build_loss(name: str, loss: Mapping[str, Any], kind: type[nn.Module]) -> nn.Module:
    """Build one term.

    Args:
        name: What the config calls it, for the message.
        loss: Its config; ``type`` is ``kind`` unless it says otherwise.
        kind: What it has to be.

    Raises:
        TypeError: If it builds something else.
    """
    built: Any = MODELS.build({'type': kind.__name__, **loss})
    if not isinstance(built, kind):
        raise TypeError(f'losses[{name!r}] builds a {type(built).__name__}, expected a '
                        f'{kind.__name__}')
    return built


def with_scales_of(selector: ResolutionSelector, cost: Mapping[str, Any]) -> dict[str, Any]:
    """The config of a cost with the scale factors of the selector it charges.

    Args:
        selector: Has the scales.
        cost: May name them, too.

    Raises:
        ValueError: If it names others, or impossible ones.
    """
    scales = check_scale_factors(cost.get('scale_factors', selector.scale_factors))
    if scales != selector.scale_factors:
        raise ValueError(f'the cost has scale_factors={list(scales)}, the selector '
                         f'{list(selector.scale_factors)}: leave them out of the cost')
    return {**cost, 'scale_factors': selector.scale_factors}
