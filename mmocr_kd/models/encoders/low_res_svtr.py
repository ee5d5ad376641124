"""SVTR's encoder for images of half the size."""
from __future__ import annotations

from typing import Any

from mmocr.models.textrecog.encoders import SVTREncoder
from mmocr.registry import MODELS


@MODELS.register_module()
class LowResSVTREncoder(SVTREncoder):
    """SVTREncoder whose patch embedding strides once less; see ``LowResMiniVGG`` for the idea.

    ``img_size`` stays that of the parent, because position embedding and attention windows follow
    from it: with [32, 100] this encoder reads (N, 3, 16, 50) and, like its parent from 32x100,
    gives (N, out_channels, 1, max_seq_len). Parameters keep their names and shapes.

    Args:
        **kwargs: Fields of MMOCR's ``SVTREncoder``.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.patch_embed.net.ConvModule0.conv.stride = (1, 1)
