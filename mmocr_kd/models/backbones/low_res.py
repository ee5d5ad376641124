"""MMOCR's recognition backbones for images of half the size.

Each leaves out the first halving of its parent: an image of half the height and width then gives
maps of exactly the parent's size, so that whatever follows (encoder, decoder, a teacher to learn
from) stays as it is. Parameters keep their names and shapes, and the parent's weights load with
``strict=True``. The idea is KD-LTR's (Guo et al., "One-stage Low-resolution Text Recognition with
High-resolution Knowledge Transfer"), which does so for ABINet; where to leave it out in the other
networks is our choice. Backbones whose config has the strides (ABINet's ``ResNetABI``, ASTER's and
MASTER's ``ResNet``) need no class: see ``configs/textrecog/kd_ltr/_base_/models``.
"""
from __future__ import annotations

from typing import Any

from mmocr.models.textrecog.backbones import MiniVGG, NRTRModalityTransform, ResNet31OCR, ShallowCNN
from mmocr.registry import MODELS
from torch import Tensor, nn


@MODELS.register_module()
class LowResMiniVGG(MiniVGG):
    """CRNN's backbone without its first pooling: (N, C, 16, W) gives (N, 512, 1, W // 2 + 1).

    Args:
        **kwargs: Fields of MMOCR's ``MiniVGG``.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.cnn.pooling0 = nn.Identity()


@MODELS.register_module()
class LowResResNet31OCR(ResNet31OCR):
    """Backbone of SAR, RobustScanner and NRTR without its first pooling.

    (N, 3, H, W) gives (N, 512, H / 4, W / 2), and half of that in each direction with
    ``last_stage_pool=True``; odd sizes are rounded up.

    Args:
        **kwargs: Fields of MMOCR's ``ResNet31OCR``.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.pool2 = nn.Identity()


@MODELS.register_module()
class LowResShallowCNN(ShallowCNN):
    """SATRN's backbone with one pooling instead of two: (N, C, H, W) gives (N, D, H/2, W/2).

    Args:
        **kwargs: Fields of MMOCR's ``ShallowCNN``.
    """

    def forward(self, x: Tensor) -> Tensor:
        """Extract features; see the class for the shapes."""
        return self.pool(self.conv2(self.conv1(x)))


@MODELS.register_module()
class LowResNRTRModalityTransform(NRTRModalityTransform):
    """NRTR's light backbone, striding once: (N, C, 16, W) gives (N, 512, 1, W / 2).

    Like its parent, which wants 32 rows, it has a fixed input height.

    Args:
        **kwargs: Fields of MMOCR's ``NRTRModalityTransform``.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.conv_1.stride = (1, 1)
