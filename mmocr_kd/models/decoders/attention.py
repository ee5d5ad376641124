"""Multi-head attention whose keys and values can be kept and used again."""
from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class KeyValue(NamedTuple):
    """Tokens that attention may look at, projected; both of shape (N, heads, S, D / heads)."""

    keys: Tensor
    values: Tensor


class MultiHeadAttention(nn.Module):
    """The parameters and results of :class:`torch.nn.MultiheadAttention`, in two steps.

    A decoder that looks at the same image at every step projects its tokens once
    (:meth:`project`), not at every step.

    Args:
        embed_dims: Width of all tokens.
        num_heads: Number of heads; divides ``embed_dims``.
        dropout: Probability of dropping an attention weight.
    """

    def __init__(self, embed_dims: int, num_heads: int, dropout: float) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.dropout = dropout
        self.in_proj_weight = nn.Parameter(torch.empty(3 * embed_dims, embed_dims))
        self.in_proj_bias = nn.Parameter(torch.zeros(3 * embed_dims))
        self.out_proj = nn.Linear(embed_dims, embed_dims)
        nn.init.xavier_uniform_(self.in_proj_weight)

    def project(self, tokens: Tensor) -> KeyValue:
        """Keys and values of tokens.

        Args:
            tokens: Shape (N, S, D).
        """
        width = tokens.size(-1)
        both = F.linear(tokens, self.in_proj_weight[width:], self.in_proj_bias[width:])
        keys, values = both.chunk(2, dim=-1)
        return KeyValue(self._split(keys), self._split(values))

    def forward(self, queries: Tensor, context: KeyValue, blocked: Tensor | None = None) -> Tensor:
        """Mix the context for each query.

        Args:
            queries: Shape (N, L, D).
            context: What :meth:`project` returned.
            blocked: True where a query must not look; broadcastable to (N, heads, L, S). Each
                query needs something to look at.

        Returns:
            Shape (N, L, D).
        """
        width = queries.size(-1)
        heads = self._split(F.linear(queries, self.in_proj_weight[:width],
                                     self.in_proj_bias[:width]))
        mixed = F.scaled_dot_product_attention(
            heads, context.keys, context.values,
            attn_mask=None if blocked is None else ~blocked,  # PyTorch asks what is visible
            dropout_p=self.dropout if self.training else 0.0)
        return self.out_proj(mixed.transpose(1, 2).flatten(2))

    def _split(self, tokens: Tensor) -> Tensor:
        # After "unflatten", graphs for ONNX keep the number of images they were drawn from.
        return tokens.reshape(*tokens.shape[:2], self.num_heads, -1).transpose(1, 2)
