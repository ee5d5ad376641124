"""DLD: what the chosen resolutions cost."""
from __future__ import annotations

from typing import Sequence

import torch
from mmocr.registry import MODELS
from torch import Tensor, nn

from .checks import at_least_float32, require_not_negative


@MODELS.register_module()
class ResolutionCostLoss(nn.Module):
    """``gamma * mean_b sum_i h_bi cost_i``: the price of a resolution, so that small ones win.

    DLD (Chen et al., ECCV 2022), section on the dynamic resolution selector. The paper takes the
    operations of the forward pass, the official code ``scale^1.5``; here both are the selector's
    ``costs``, which are reported, too, in units of the teacher's resolution (1 is its cost), so
    that gamma means the same for either.

    Args:
        costs: Of the K scales, > 0; those of the selector.
        budget: Mean cost of a batch that is free, in units of the teacher's: only what exceeds it
            is charged (as DRNet does, without its division by the range, so that gamma keeps its
            meaning; our addition). None charges everything.
        loss_weight: gamma, >= 0; 0.1 and 0.3 in the paper.

    Raises:
        ValueError: If a field is out of its range or no scale is cheap enough for the budget.
    """

    costs: Tensor

    def __init__(self, costs: Sequence[float], budget: float | None = None,
                 loss_weight: float = 0.1) -> None:
        super().__init__()
        require_not_negative('loss_weight', loss_weight)
        if budget is not None and not budget >= min(costs):
            raise ValueError(f'budget={budget} cannot be met: the cheapest scale costs '
                             f'{min(costs):.4g} of the teacher; raise it or add smaller scales')
        self.budget = budget
        self.loss_weight = loss_weight
        # Follows from the config, so checkpoints need not carry it.
        self.register_buffer('costs', torch.tensor([float(cost) for cost in costs]),
                             persistent=False)

    def forward(self, decisions: Tensor) -> dict[str, Tensor]:
        """Charge a batch for its choices.

        Args:
            decisions: One-hot choices of B images, with the gradient of the selector, (B, K).

        Returns:
            ``loss_res_cost``, a scalar.

        Raises:
            ValueError: If ``decisions`` has no column per scale.
        """
        cost = self._mean_cost(decisions)
        if self.budget is not None:
            cost = (cost - self.budget).clamp(min=0)
        return {'loss_res_cost': cost * self.loss_weight}

    def expected(self, logits: Tensor) -> Tensor:
        """Mean cost before drawing, unweighted: what a log should show.

        Args:
            logits: Of the selector, shape (B, K).

        Returns:
            ``mean_b <softmax(logits_b), cost>``, a scalar in units of the teacher's cost.

        Raises:
            ValueError: If ``logits`` has no column per scale.
        """
        return self._mean_cost(at_least_float32(logits).softmax(-1))

    def _mean_cost(self, shares: Tensor) -> Tensor:
        if shares.dim() != 2 or shares.shape[1] != len(self.costs):
            raise ValueError(f'decisions or logits have shape {tuple(shares.shape)}, expected '
                             f'(B, {len(self.costs)}): one column per scale factor')
        # Multiplied and summed, not a matrix product: autocast leaves it in float32.
        return (at_least_float32(shares) * self.costs).sum(1).mean()
