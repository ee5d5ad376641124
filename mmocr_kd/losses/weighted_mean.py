"""The mean over the words of a batch, of which some count more than others."""
from __future__ import annotations

import torch
from torch import Tensor


def weighted_mean(values: Tensor, weights: Tensor | None = None) -> Tensor:
    """Mean of what words, or parts of words, cost.

    Args:
        values: Shape (N, ...).
        weights: How much each counts, >= 0, shape (N,) or that of ``values``; None: all the same.

    Returns:
        A scalar; exactly 0, with a gradient of 0, if nothing has any weight. What weighs 0 is not
        looked at: it may be infinite.
    """
    if weights is None:
        return values.mean()
    weights = weights.to(values.dtype)
    weights = weights.view(*weights.shape, *[1] * (values.dim() - weights.dim())).expand_as(values)
    total = weights.sum().clamp(min=torch.finfo(values.dtype).tiny)
    return (values.masked_fill(weights == 0, 0) * weights).sum() / total
