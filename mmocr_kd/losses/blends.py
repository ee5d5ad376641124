"""Outcomes of several candidates, blended by a choice between them."""
from __future__ import annotations

import math

from torch import Tensor


def blend(values: Tensor, shares: Tensor) -> Tensor:
    """``sum_k shares_k values_k`` of each entry.

    Args:
        values: Of K candidates for N entries, shape (K, N, ...).
        shares: How much each candidate counts for each entry, shape (K, N).

    Returns:
        Shape (N, ...).
    """
    return (_like(shares, values) * values).sum(0)


def blend_probabilities(log_probs: Tensor, shares: Tensor, max_ratio: float) -> Tensor:
    """``log sum_k shares_k p_k``, exact however small the probabilities are.

    Where shares are one-hot this is the log-probability of the chosen candidate. The derivative
    with respect to the share of candidate k is ``p_k / p``: how many times better k would have
    been. Where the choice was hopeless that is astronomic, so it is limited for candidates with
    no share.

    Args:
        log_probs: Log-probabilities of K candidates for N entries, shape (K, N, ...).
        shares: Shape (K, N), >= 0, sums of 1.
        max_ratio: Limit of that derivative, >= 1.

    Returns:
        Shape (N, ...).
    """
    shares = _like(shares, log_probs)
    best = log_probs.masked_fill(shares.detach() <= 0, -math.inf).amax(0)
    ratios = (log_probs - best).clamp(max=math.log(max_ratio)).exp()
    return best + (shares * ratios).sum(0).log()


def _like(shares: Tensor, values: Tensor) -> Tensor:
    return shares.reshape(*shares.shape, *[1] * (values.dim() - 2))
