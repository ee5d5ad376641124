"""Drawing one of several choices with a gradient."""
from __future__ import annotations

import torch
import torch.nn.functional as F
from mmengine.dist import get_rank, get_world_size
from torch import Tensor


def sample_gumbel(logits: Tensor, temperature: float, hard: bool = True) -> Tensor:
    """Draw from ``softmax(logits)``; the gradient is that of the Gumbel-softmax.

    Straight-through: forward one-hot, backward ``dL/dlogits = p * (v - <p, v>) / tau`` with
    ``p = softmax((logits + noise) / tau)`` and ``v = dL/dchoice``. Which choice is drawn does not
    depend on the temperature; it only shapes the gradient (a high one damps it).

    In a distributed training each rank draws for itself, though all have the same seed: the noise
    of all ranks is drawn, and each takes its own.

    Draws the noise and chooses as PyTorch's ``gumbel_softmax`` does, but rows hold exact zeros
    and ones: PyTorch's ``hard - soft + soft`` leaves rounding errors in them.

    Args:
        logits: Shape (B, K), any floating type.
        temperature: tau, > 0.
        hard: False gives the soft choice itself.

    Returns:
        Shape (B, K), float32 or wider; rows sum to 1.
    """
    logits = logits.to(torch.promote_types(logits.dtype, torch.float32))
    everybodys = logits.expand(get_world_size(), *logits.shape)
    soft = F.gumbel_softmax(everybodys, temperature)[get_rank()]
    if not hard:
        return soft
    return one_hot(soft.argmax(-1), soft) + (soft - soft.detach())


def one_hot(indexes: Tensor, like: Tensor) -> Tensor:
    """Rows of zeros with a one at ``indexes``, of the shape and type of ``like``."""
    return torch.zeros_like(like).scatter_(-1, indexes.unsqueeze(-1), 1.0)
