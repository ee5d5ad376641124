"""Which points lie in polygons."""
from __future__ import annotations

from torch import Tensor


def inside(points: Tensor, polygons: Tensor) -> Tensor:
    """Even-odd rule, for many polygons at once.

    Args:
        points: K points (x, y) for each polygon, shape (N, K, 2).
        polygons: Shape (N, P, 2); points may repeat.

    Returns:
        Bool, shape (N, K).
    """
    x, y = points[:, :, None].unbind(-1)
    x0, y0 = polygons[:, None].unbind(-1)
    x1, y1 = polygons.roll(-1, dims=1)[:, None].unbind(-1)
    crosses = (y0 > y) != (y1 > y)
    rise = (y1 - y0).masked_fill(y1 == y0, 1)  # level edges are never crossed
    to_the_right = x < x0 + (y - y0) * (x1 - x0) / rise
    return (crosses & to_the_right).sum(-1) % 2 == 1
