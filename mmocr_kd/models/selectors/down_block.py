"""The building block of the resolution selector."""
from __future__ import annotations

from typing import Any

import torch.nn.functional as F
from mmcv.cnn import build_norm_layer
from torch import Tensor, nn


class DownBlock(nn.Module):
    """Residual block of stride 2 whose shortcut always has a convolution, all with biases.

    Args:
        in_channels: Channels it gets.
        out_channels: Channels it gives.
        norm_cfg: Normalisation after each convolution.
    """

    def __init__(self, in_channels: int, out_channels: int, norm_cfg: dict[str, Any]) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, out_channels, 3, stride=2, padding=1)
        self.bn1 = build_norm(norm_cfg, out_channels)
        self.conv2 = nn.Conv2d(out_channels, out_channels, 3, padding=1)
        self.bn2 = build_norm(norm_cfg, out_channels)
        self.downsample = nn.Conv2d(in_channels, out_channels, 1, stride=2)
        self.bn3 = build_norm(norm_cfg, out_channels)

    def forward(self, x: Tensor, cells: Tensor | None = None) -> Tensor:
        """Map (B, in_channels, H, W) to (B, out_channels, ceil(H / 2), ceil(W / 2)).

        Args:
            x: Features.
            cells: See :func:`within`.
        """
        out = within(F.relu(self.bn1(self.conv1(x))), cells)
        out = self.bn2(self.conv2(out))
        return within(F.relu(out + self.bn3(self.downsample(x))), cells)


def within(x: Tensor, cells: Tensor | None) -> Tensor:
    """Features of images of several sizes in one batch, 0 where a batch shows none of an image.

    Args:
        x: Shape (B, C, H, W).
        cells: 1 where coarser cells belong to the image, 0 elsewhere, shape (B, 1, h, w), of which
            H and W are multiples; None: everywhere.
    """
    return x if cells is None else x * F.interpolate(cells, x.shape[2:], mode='nearest')


def build_norm(norm_cfg: dict[str, Any], channels: int) -> nn.Module:
    """Normalisation layer of a config, without the name MMCV gives it."""
    return build_norm_layer(norm_cfg, channels)[1]
