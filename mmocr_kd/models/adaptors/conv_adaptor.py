"""From the student's feature space to the teacher's."""
from __future__ import annotations

from typing import Any

from mmengine.model import BaseModule
from mmocr.registry import MODELS
from torch import Tensor, nn


@MODELS.register_module()
class ConvAdaptor(BaseModule):
    """A 1x1 convolution that matches channels (the regressor of FitNets).

    Args:
        in_channels: Channels of the student's feature map.
        out_channels: Channels of the teacher's.
        init_cfg: MMEngine initialisation; Kaiming by default.
    """

    def __init__(self,
                 in_channels: int,
                 out_channels: int,
                 init_cfg: dict[str, Any] | None = None) -> None:
        super().__init__(init_cfg=init_cfg or dict(type='Kaiming', layer='Conv2d'))
        self.conv = nn.Conv2d(in_channels, out_channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Map features.

        Args:
            x: Shape (N, in_channels, H, W).

        Returns:
            Shape (N, out_channels, H, W).
        """
        return self.conv(x)
