"""Ratios of what was measured in the same rounds."""
from __future__ import annotations

from dataclasses import dataclass
from typing import Sequence

import torch

DRAWS = 2000


@dataclass(frozen=True)
class Ratio:
    """A ratio and how sure it is.

    Args:
        value: The ratio.
        low: Lower bound of its 95 % interval.
        high: Upper bound.
    """

    value: float
    low: float
    high: float


def median_ratio(numerators: Sequence[float], denominators: Sequence[float]) -> Ratio:
    """Median over median, with an interval bootstrapped over the rounds.

    The interval says whether there were rounds enough. It is the same in every call.

    Args:
        numerators: One per round.
        denominators: Of the same rounds.

    Raises:
        ValueError: If there are none, or not as many of both.
    """
    count = len(numerators)
    if not count or count != len(denominators):
        raise ValueError(f'{count} numerators and {len(denominators)} denominators: one of each '
                         'per round is needed')
    picks = torch.randint(count, (DRAWS, count), generator=torch.Generator().manual_seed(0))
    picks = torch.cat([torch.arange(count)[None], picks])
    above, below = (torch.tensor(values, dtype=torch.float64)[picks].quantile(.5, 1)
                    for values in (numerators, denominators))
    ratios = above / below
    bounds = ratios.new_tensor([.025, .975])
    return Ratio(ratios[0].item(), *ratios[1:].quantile(bounds).tolist())
