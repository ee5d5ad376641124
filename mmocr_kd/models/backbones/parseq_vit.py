"""PARSeq's encoder: a plain vision transformer that returns all its tokens."""
from __future__ import annotations

from typing import Any, Sequence

import torch
from mmengine.model import BaseModule
from mmocr.registry import MODELS
from torch import Tensor, nn

from .vit_block import ViTBlock


class PatchEmbed(nn.Module):
    """Cuts images into patches and makes a token of each.

    Args:
        patch_size: Height and width of a patch.
        in_channels: Channels of the images.
        embed_dims: Width of the tokens.
    """

    def __init__(self, patch_size: tuple[int, int], in_channels: int, embed_dims: int) -> None:
        super().__init__()
        self.proj = nn.Conv2d(in_channels, embed_dims, patch_size, stride=patch_size)

    def forward(self, images: Tensor) -> Tensor:
        """Turn images (N, C, H, W) into tokens (N, S, D), row by row."""
        return self.proj(images).flatten(2).transpose(1, 2)


@MODELS.register_module()
class PARSeqViT(BaseModule):
    """The vision transformer of PARSeq (Bautista and Atienza, ECCV 2022): DeiT without class token.

    The defaults are those of the published 'parseq' model (also called small). A model for
    half-size images, as KD-LTR distils, has ``img_size=(16, 64), patch_size=(2, 4)``: as many
    tokens, and apart from the patch embedding the same parameters.

    Parameters are named and initialised as timm does: linear layers and positions from a normal
    distribution truncated at two units with standard deviation 0.02, the patch embedding as
    PyTorch does.

    Args:
        img_size: Height and width of the images.
        patch_size: Height and width of a patch.
        in_channels: Channels of the images.
        embed_dims: Width of the tokens: 384 ('small'), 192 ('tiny').
        depth: Number of transformer blocks.
        num_heads: Heads of each block: 6 ('small'), 3 ('tiny').
        mlp_ratio: Hidden width of the blocks' MLPs as a multiple of ``embed_dims``.
        init_cfg: MMEngine initialisation, applied on top.

    Raises:
        ValueError: If the patches do not tile the image or the heads do not divide the width.
    """

    def __init__(self,
                 img_size: Sequence[int] = (32, 128),
                 patch_size: Sequence[int] = (4, 8),
                 in_channels: int = 3,
                 embed_dims: int = 384,
                 depth: int = 12,
                 num_heads: int = 6,
                 mlp_ratio: float = 4.0,
                 init_cfg: dict[str, Any] | None = None) -> None:
        super().__init__(init_cfg=init_cfg)
        self.img_size = _pair('img_size', img_size)
        self.patch_size = _pair('patch_size', patch_size)
        rows, cols = _grid(self.img_size, self.patch_size)
        _check_heads(embed_dims, num_heads)
        self.patch_embed = PatchEmbed(self.patch_size, in_channels, embed_dims)
        self.pos_embed = nn.Parameter(torch.zeros(1, rows * cols, embed_dims))
        self.blocks = nn.Sequential(*(ViTBlock(embed_dims, num_heads, mlp_ratio)
                                      for _ in range(depth)))
        self.norm = nn.LayerNorm(embed_dims, eps=1e-6)
        self._init_parameters()

    def forward(self, images: Tensor) -> Tensor:
        """Encode images.

        Args:
            images: Normalised images of shape (N, C, *img_size).

        Returns:
            Tokens of shape (N, S, embed_dims), S = number of patches, row by row.

        Raises:
            ValueError: If the images have another size.
        """
        if tuple(images.shape[2:]) != self.img_size:
            raise ValueError(
                f'PARSeqViT got images of {tuple(images.shape[2:])} pixels (height, width), but '
                f'has img_size={self.img_size}: resize them in the pipeline without keep_ratio')
        return self.norm(self.blocks(self.patch_embed(images) + self.pos_embed))

    def _init_parameters(self) -> None:
        nn.init.trunc_normal_(self.pos_embed, std=0.02)
        for module in self.blocks.modules():
            if isinstance(module, nn.Linear):
                nn.init.trunc_normal_(module.weight, std=0.02)
                nn.init.zeros_(module.bias)


def _pair(field: str, value: Sequence[int]) -> tuple[int, int]:
    if len(value) != 2 or any(side <= 0 for side in value):
        raise ValueError(f'{field}={value} must be a height and a width, both positive')
    return value[0], value[1]


def _grid(img_size: tuple[int, int], patch_size: tuple[int, int]) -> tuple[int, int]:
    if any(side % patch for side, patch in zip(img_size, patch_size)):
        raise ValueError(f'patch_size={patch_size} does not tile img_size={img_size}: '
                         'choose divisors of height and width')
    return img_size[0] // patch_size[0], img_size[1] // patch_size[1]


def _check_heads(embed_dims: int, num_heads: int) -> None:
    if embed_dims % num_heads:
        raise ValueError(f'num_heads={num_heads} does not divide embed_dims={embed_dims}')
