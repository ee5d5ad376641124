"""What several sizes of the same input cost, relative to the full one."""
from __future__ import annotations

from dataclasses import dataclass
from typing import Sequence


@dataclass(frozen=True)
class CostTable:
    """Costs in any unit.

    Args:
        scales: Sizes relative to the full one, rising.
        costs: One per scale.
        reference: Cost of the full size.

    Raises:
        ValueError: If there is not one cost per scale, or the reference is not positive.
    """

    scales: Sequence[float]
    costs: Sequence[float]
    reference: float

    def __post_init__(self) -> None:
        if len(self.costs) != len(self.scales):
            raise ValueError(f'{len(self.costs)} costs for {len(self.scales)} scales: give one '
                             'for each')
        if not self.reference > 0:
            raise ValueError(f'reference={self.reference} must be positive')

    @property
    def relative(self) -> list[float]:
        """Costs in units of the full size's."""
        return [cost / self.reference for cost in self.costs]

    def mean(self, shares: Sequence[float]) -> float:
        """Mean relative cost of a set of inputs.

        Args:
            shares: Which share of them has each scale, or how many have it.

        Raises:
            ValueError: If there is not one per scale, one is negative, or all are zero.
        """
        if len(shares) != len(self.costs) or min(shares) < 0 or not sum(shares):
            raise ValueError(f'shares={list(shares)} must be {len(self.costs)} numbers >= 0, not '
                             'all 0: one per scale')
        total = sum(share * cost for share, cost in zip(shares, self.relative))
        return total / sum(shares)


def selector_fields(costs: Sequence[float], full_ms: float | None = None) -> str:
    """What to paste into a selector's config, so that it and its report count what was measured.

    Args:
        costs: Of each scale, relative to the full size.
        full_ms: Milliseconds of the full size; None: not timed.
    """
    timed = '' if full_ms is None else f', full_ms={full_ms:.1f}'
    return f'costs=[{", ".join(f"{cost:.4f}" for cost in costs)}]{timed}'
