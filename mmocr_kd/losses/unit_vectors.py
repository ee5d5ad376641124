"""Directions of vectors, also where there is none."""
from __future__ import annotations

import torch
from torch import Tensor


def unit_vectors(vectors: Tensor, least: Tensor | float = 0.) -> Tensor:
    """Scale vectors to length one.

    Unlike ``F.normalize``, whose gradient at a zero vector is 1 / eps, a vector without direction
    becomes zero and gets no gradient.

    Args:
        vectors: Shape (..., E).
        least: Vectors that are not longer than this have no direction; a number or shape (..., 1).

    Returns:
        Shape (..., E), of length 1 or 0.
    """
    norms = torch.linalg.vector_norm(vectors, dim=-1, keepdim=True)
    return vectors / norms.masked_fill(norms <= least, torch.inf)
