"""A CRNN backbone for features that were cut out of a map, not for images."""
from __future__ import annotations

from typing import Any

from mmcv.cnn import ConvModule
from mmengine.model import BaseModule, Sequential
from mmocr.registry import MODELS
from torch import Tensor, nn

_HALVE_HEIGHT: dict[str, Any] = dict(kernel_size=2, stride=(2, 1), padding=(0, 1))


@MODELS.register_module()
class LightCRNN(BaseModule):
    """From 8 cells of height to one: the recogniser's backbone of DLD's spotter (official code).

    Four 3x3 convolutions, a max pooling and two 2x2 convolutions, each convolution with batch
    normalisation and ReLU.

    Args:
        in_channels: Channels of the features of words.
        out_channels: Channels of all convolutions.
        norm_cfg: As in MMCV.
        init_cfg: As in MMEngine; without, convolutions start as MMCV's ConvModule has it.
    """

    def __init__(self,
                 in_channels: int = 256,
                 out_channels: int = 256,
                 norm_cfg: dict[str, Any] | None = None,
                 init_cfg: Any = None) -> None:
        super().__init__(init_cfg=init_cfg)
        norm_cfg = norm_cfg or dict(type='BN')
        shapes: list[dict[str, Any]] = [
            *[dict(kernel_size=3, padding=1)] * 4, _HALVE_HEIGHT, dict(kernel_size=2)]
        layers: list[nn.Module] = [
            ConvModule(out_channels if i else in_channels, out_channels, norm_cfg=norm_cfg, **shape)
            for i, shape in enumerate(shapes)]
        self.cnn = Sequential(*layers[:4], nn.MaxPool2d(**_HALVE_HEIGHT), *layers[4:])

    def forward(self, x: Tensor) -> Tensor:
        """Extract features.

        Args:
            x: Features of words, shape (N, in_channels, 8, W).

        Returns:
            Shape (N, out_channels, 1, W + 1).
        """
        return self.cnn(x)
