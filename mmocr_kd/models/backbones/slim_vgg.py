"""CRNN's VGG in any width."""
from __future__ import annotations

from typing import Any

from mmengine.model import BaseModule, Sequential
from mmocr.registry import MODELS
from torch import Tensor, nn

_CHANNELS = (64, 128, 256, 256, 512, 512, 512)
_NORMED = (2, 4, 6)  # convolutions that MiniVGG follows with batch normalisation
# Pooling after a convolution: kernel and stride, padding. The later ones keep the width.
_POOLS: dict[int, tuple[tuple[int, int], tuple[int, int], tuple[int, int]]] = {
    0: ((2, 2), (2, 2), (0, 0)),
    1: ((2, 2), (2, 2), (0, 0)),
    3: ((2, 2), (2, 1), (0, 1)),
    5: ((2, 2), (2, 1), (0, 1)),
}


@MODELS.register_module()
class SlimVGG(BaseModule):
    """MMOCR's ``MiniVGG`` with a width factor, for recognisers that train on a CPU.

    At ``width=1`` and without ``norm_all`` it is the MiniVGG of MMOCR's CRNN, whose ReLUs do not
    leak, key by key. A low-resolution student leaves the first pooling out: it gives features of
    the same size for an image of half the height and width.

    Args:
        width: Factor of all channels, > 0; MiniVGG's 64 to 512 channels are 1.
        in_channels: Channels of the image, 1 (grey) or 3.
        norm_all: Batch normalisation after every convolution, not only after MiniVGG's three:
            needed to learn from scratch in a few thousand iterations (our choice).
        stem_pool: Whether the first convolution is followed by its 2x2 pooling.
        init_cfg: As in MMEngine; Kaiming initialisation by default.

    Raises:
        ValueError: If ``width`` leaves a layer without a channel.
    """

    def __init__(self,
                 width: float = 1.0,
                 in_channels: int = 1,
                 norm_all: bool = False,
                 stem_pool: bool = True,
                 init_cfg: Any = None) -> None:
        super().__init__(init_cfg=init_cfg or dict(type='Kaiming', layer='Conv2d'))
        channels = [int(count * width) for count in _CHANNELS]
        if min(channels) < 1:
            raise ValueError(f'width={width} leaves a layer without a channel: use at least 1/64')
        self.cnn = Sequential()
        for i, (before, after) in enumerate(zip([in_channels, *channels], channels)):
            self._add_conv(i, before, after, norm_all or i in _NORMED)
            if i in _POOLS and (i > 0 or stem_pool):
                self._add_pool(i)

    def forward(self, x: Tensor) -> Tensor:
        """Extract features.

        Args:
            x: Images, shape (N, in_channels, 32, W); without ``stem_pool`` (N, in_channels, 16, W).

        Returns:
            Features of shape (N, int(512 * width), 1, W // 4 + 1), without ``stem_pool``
            W // 2 + 1.
        """
        return self.cnn(x)

    def _add_conv(self, index: int, before: int, after: int, norm: bool) -> None:
        last = index == len(_CHANNELS) - 1  # 2x2 without padding: the height becomes 1
        conv = nn.Conv2d(before, after, 2 if last else 3, padding=0 if last else 1)
        self.cnn.add_module(f'conv{index}', conv)
        if norm:
            self.cnn.add_module(f'batchnorm{index}', nn.BatchNorm2d(after))
        self.cnn.add_module(f'relu{index}', nn.ReLU(inplace=True))

    def _add_pool(self, index: int) -> None:
        number = sorted(_POOLS).index(index)
        self.cnn.add_module(f'pooling{number}', nn.MaxPool2d(*_POOLS[index]))
