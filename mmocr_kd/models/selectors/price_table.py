"""From a budget to a price: what a selector's choices cost on average at fixed prices."""
from __future__ import annotations

import torch
from torch import Tensor

# Errors that one pass at full resolution is worth: 20 a decade, so that neighbours differ by 12 %.
PRICES = tuple(10 ** (i / 20) for i in range(-80, 81))


def cheapest(errors: Tensor, costs: Tensor, price: float) -> Tensor:
    """The scale at which errors + price * cost is least; of equals the cheapest.

    Args:
        errors: Of B images at K scales, shape (B, K).
        costs: Of the scales, not falling, shape (K,).
        price: Errors that a pass at full resolution is worth.

    Returns:
        Indexes, long, shape (B,).
    """
    return (errors + price * costs).argmin(-1)


def mean_costs(errors: Tensor, costs: Tensor) -> Tensor:
    """Mean cost of the choices for M images at each of :data:`PRICES`, falling, shape (P,).

    Args:
        errors: That were predicted, shape (M, K), M > 0.
        costs: Of the scales, shape (K,).
    """
    return torch.stack([costs[cheapest(errors, costs, price)].mean() for price in PRICES])


def price_within(budget: float, table: Tensor) -> float:
    """The lowest price at which choices keep within a budget.

    Args:
        budget: Mean cost, relative to full resolution.
        table: From :func:`mean_costs`.

    Raises:
        ValueError: If no price does: the cheapest scale costs more.
    """
    met = (table <= budget + 1e-6).nonzero()
    if not len(met):
        raise ValueError(f'budget={budget:g} cannot be met: the cheapest scale costs '
                         f'{table[-1].item():.4g} of full resolution; raise it, or train with '
                         'smaller scale_factors')
    return PRICES[int(met[0])]
