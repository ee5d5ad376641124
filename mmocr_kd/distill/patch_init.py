"""Smaller patch embeddings out of larger ones."""
from __future__ import annotations

import torch
from torch import Tensor


def sum_pool_patch(weight: Tensor, shape: torch.Size) -> Tensor:
    """Shrink the kernel of a patch embedding (a convolution that strides by its kernel's size).

    Every weight becomes the sum of the weights it stands for. On an image the new layer then
    gives exactly what the old one gives on the image enlarged by repeating pixels (our choice;
    KD-LTR starts this layer at random).

    Args:
        weight: The larger kernel, shape (D, C, H, W).
        shape: The wanted shape (D, C, h, w); h divides H, w divides W.

    Returns:
        Kernel of that shape, in the dtype and on the device of ``weight``.

    Raises:
        ValueError: If the shapes do not fit.
    """
    if weight.ndim != 4 or len(shape) != 4 or weight.shape[:2] != shape[:2] or any(
            old % new for old, new in zip(weight.shape[2:], shape[2:])):
        raise ValueError(
            f'a patch kernel of shape {tuple(weight.shape)} cannot be summed to '
            f'{tuple(shape)}: the channels have to agree and each smaller side has to divide the '
            f"larger one. Use patch_init='random'")
    out_channels, channels, height, width = shape
    cells = weight.reshape(out_channels, channels, height, weight.shape[2] // height, width,
                           weight.shape[3] // width)
    return cells.sum((3, 5))
