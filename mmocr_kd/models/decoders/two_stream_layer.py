"""The decoder layer of PARSeq: a query stream that reads a content stream and the image."""
from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from .attention import KeyValue, MultiHeadAttention


class TwoStreamLayer(nn.Module):
    """Pre-norm decoder layer with two-stream attention (after XLNet, Yang et al. 2019).

    The content stream knows characters and their positions, the query stream positions only; so a
    query may ask for any character that its mask hides. Modules are named as in PARSeq's official
    code, so that its checkpoints fit.

    Args:
        embed_dims: Width of all tokens.
        num_heads: Number of heads; divides ``embed_dims``.
        hidden_dims: Width between the two linear layers.
        dropout: Dropout probability of attention weights and of each residual branch.
    """

    def __init__(self, embed_dims: int, num_heads: int, hidden_dims: int, dropout: float) -> None:
        super().__init__()
        self.self_attn = MultiHeadAttention(embed_dims, num_heads, dropout)
        self.cross_attn = MultiHeadAttention(embed_dims, num_heads, dropout)
        self.linear1 = nn.Linear(embed_dims, hidden_dims)
        self.linear2 = nn.Linear(hidden_dims, embed_dims)
        self.norm_q = nn.LayerNorm(embed_dims)
        self.norm_c = nn.LayerNorm(embed_dims)
        self.norm1 = nn.LayerNorm(embed_dims)
        self.norm2 = nn.LayerNorm(embed_dims)
        self.dropout = nn.Dropout(dropout)

    def forward(self, query: Tensor, content: Tensor, memory: KeyValue,
                query_blocked: Tensor | None, content_blocked: Tensor | None,
                update_content: bool) -> tuple[Tensor, Tensor]:
        """Update one or both streams.

        Args:
            query: Query stream, shape (N, L, D).
            content: Content stream, shape (N, S, D).
            memory: The image, projected by ``cross_attn``.
            query_blocked: True where a query must not see a content token; broadcastable to
                (N, heads, L, S). None: it sees all.
            content_blocked: The same for content tokens, broadcastable to (N, heads, S, S).
            update_content: False for the last layer, behind which nobody reads the content.

        Returns:
            Both streams, in their shapes.
        """
        normed = self.norm_c(content)
        context = self.self_attn.project(normed)
        query = self._update(query, self.norm_q(query), context, memory, query_blocked)
        if update_content:
            content = self._update(content, normed, context, memory, content_blocked)
        return query, content

    def _update(self, stream: Tensor, normed: Tensor, context: KeyValue, memory: KeyValue,
                blocked: Tensor | None) -> Tensor:
        stream = stream + self.dropout(self.self_attn(normed, context, blocked))
        stream = stream + self.dropout(self.cross_attn(self.norm1(stream), memory))
        hidden = self.dropout(F.gelu(self.linear1(self.norm2(stream))))
        return stream + self.dropout(self.linear2(hidden))
