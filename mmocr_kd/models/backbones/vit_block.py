"""The transformer block of a plain vision transformer."""
from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn


class SelfAttention(nn.Module):
    """Multi-head self-attention with one joint projection, no mask and no dropout.

    Args:
        embed_dims: Width of the tokens.
        num_heads: Number of heads; divides ``embed_dims``.
    """

    def __init__(self, embed_dims: int, num_heads: int) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.qkv = nn.Linear(embed_dims, 3 * embed_dims)
        self.proj = nn.Linear(embed_dims, embed_dims)

    def forward(self, tokens: Tensor) -> Tensor:
        """Let every token look at all tokens; shape (N, S, D) in and out."""
        heads = self.qkv(tokens).unflatten(2, (3, self.num_heads, -1)).permute(2, 0, 3, 1, 4)
        mixed = F.scaled_dot_product_attention(*heads.unbind(0))
        return self.proj(mixed.transpose(1, 2).flatten(2))


class Mlp(nn.Module):
    """Two linear layers with GELU between them.

    Args:
        embed_dims: Width of the tokens.
        hidden_dims: Width between the layers.
    """

    def __init__(self, embed_dims: int, hidden_dims: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(embed_dims, hidden_dims)
        self.fc2 = nn.Linear(hidden_dims, embed_dims)

    def forward(self, tokens: Tensor) -> Tensor:
        """Transform each token by itself; shape (N, S, D) in and out."""
        return self.fc2(F.gelu(self.fc1(tokens)))


class ViTBlock(nn.Module):
    """Pre-norm transformer block: attention, then an MLP, each with a shortcut.

    Modules are named as timm names them, so that checkpoints trained with timm fit.

    Args:
        embed_dims: Width of the tokens.
        num_heads: Number of heads; divides ``embed_dims``.
        mlp_ratio: Hidden width of the MLP as a multiple of ``embed_dims``.
    """

    def __init__(self, embed_dims: int, num_heads: int, mlp_ratio: float) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(embed_dims, eps=1e-6)
        self.attn = SelfAttention(embed_dims, num_heads)
        self.norm2 = nn.LayerNorm(embed_dims, eps=1e-6)
        self.mlp = Mlp(embed_dims, int(embed_dims * mlp_ratio))

    def forward(self, tokens: Tensor) -> Tensor:
        """Update the tokens; shape (N, S, D) in and out."""
        tokens = tokens + self.attn(self.norm1(tokens))
        return tokens + self.mlp(self.norm2(tokens))
