"""Masks of padding that graphs compute anew for each image."""
from __future__ import annotations

from typing import Any, Sequence

import torch
from torch import Tensor


def padding_mask(like: Tensor, steps: Any, valid_ratios: Sequence[Any]) -> Tensor:
    """1 where there is an image, 0 where there is padding, as NRTR and SATRN mask it.

    Args:
        like: Of the device and type of the mask.
        steps: How many steps its width has, T.
        valid_ratios: Share of each width that is no padding, in 0..1: numbers, or one tensor
            (N,). Ratios are float64, as Python's, so that rounding up ends alike.

    Returns:
        Shape (N, T); (1, T) of one number.
    """
    ratios = torch.cat([torch.as_tensor(ratio, dtype=torch.double, device=like.device).reshape(-1)
                        for ratio in valid_ratios])
    places = torch.arange(steps, device=like.device)
    return (places[None] < (ratios * steps).ceil()[:, None]).to(like.dtype)
