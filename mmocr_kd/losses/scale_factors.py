"""The resolutions a student may choose from, and what they cost."""
from __future__ import annotations

import math
from typing import Sequence

import numpy as np

from .checks import require_positive


def check_scale_factors(scale_factors: Sequence[float]) -> tuple[float, ...]:
    """Return the candidate scales as a tuple if they can be candidates.

    Args:
        scale_factors: Sizes relative to the teacher's image (its side, not its area).

    Raises:
        ValueError: Unless there is at least one, all lie in (0, 1] and each is larger than the one
            before: costs and histograms are read by position.
    """
    scales = tuple(float(scale) for scale in scale_factors)
    if not scales:
        raise ValueError('scale_factors is empty: name at least one scale, such as [0.5]')
    if not all(math.isfinite(scale) and 0 < scale <= 1 for scale in scales):
        raise ValueError(f'scale_factors={list(scales)} must lie in (0, 1]: they shrink the image '
                         'the teacher sees, nothing is enlarged')
    if any(after <= before for before, after in zip(scales, scales[1:])):
        raise ValueError(f'scale_factors={list(scales)} must rise strictly: sort them and name '
                         'each once, costs of a table likewise')
    return scales


def power_costs(scale_factors: Sequence[float], exponent: float) -> list[float]:
    """``s^exponent`` of each scale: 1 is what the full resolution costs.

    Args:
        scale_factors: See :func:`check_scale_factors`.
        exponent: 1.5 in the official code; 2 is the share of the pixels.
    """
    return [scale**exponent for scale in scale_factors]


def relative_costs(scale_factors: Sequence[float],
                   costs: Sequence[float] | float | None = None) -> list[float]:
    """What each scale costs, 1 being full resolution.

    Args:
        scale_factors: See :func:`check_scale_factors`.
        costs: Measured numbers, one per scale, > 0, not falling; or the exponent, > 0, of
            ``scale ** costs``; None: 2, the share of the pixels.

    Raises:
        ValueError: If their number, order or sign is wrong.
    """
    if costs is None or isinstance(costs, (int, float)):
        exponent = 2 if costs is None else costs
        require_positive('costs', exponent)
        return power_costs(scale_factors, exponent)
    if len(costs) != len(scale_factors):
        raise ValueError(f'costs={list(costs)} has {len(costs)} entries for {len(scale_factors)} '
                         'scale_factors: measure one cost per scale')
    if not all(math.isfinite(cost) and cost > 0 for cost in costs):
        raise ValueError(f'costs={list(costs)} must be finite and > 0')
    if any(after < before for before, after in zip(costs, costs[1:])):
        raise ValueError(f'costs={list(costs)} must not fall while scale_factors rise: is the '
                         'table in another order?')
    return [float(cost) for cost in costs]


def cost_between(scale: float, scale_factors: Sequence[float], costs: Sequence[float]) -> float:
    """What any scale costs: known of some, 0 at 0, 1 at full resolution, linear in the pixels else.

    Args:
        scale: In (0, 1].
        scale_factors: See :func:`check_scale_factors`.
        costs: Of these, see :func:`relative_costs`.
    """
    known = {0.0: 0.0, 1.0: 1.0} | dict(zip(scale_factors, costs))
    pixels, prices = zip(*sorted((s**2, cost) for s, cost in known.items()))
    return float(np.interp(scale**2, pixels, prices))
