"""The network of PARSeq's decoder, without what it is trained and asked to read."""
from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from mmocr.models.common.dictionary import Dictionary
from mmocr.models.textrecog.decoders import BaseDecoder
from torch import Tensor, nn

from .attention import KeyValue
from .two_stream_layer import TwoStreamLayer


class TokenEmbedding(nn.Module):
    """Embedding scaled by the square root of its width.

    Args:
        num_tokens: How many tokens there are.
        embed_dims: Width.
    """

    def __init__(self, num_tokens: int, embed_dims: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(num_tokens, embed_dims)

    def forward(self, tokens: Tensor) -> Tensor:
        """Embed tokens, shape (N, L) -> (N, L, D)."""
        return self.embedding(tokens) * self.embedding.embedding_dim**0.5


class TwoStreamDecoder(BaseDecoder):
    """Answers queries for positions of a word from the image and from known characters.

    Parameters are named and initialised as in PARSeq's official code: all of them truncated
    normal with standard deviation 0.02, but for the attention's input projections (Xavier).

    Args:
        dictionary: MMOCR dictionary with ``with_end=True``.
        module_loss: Config of the module loss.
        postprocessor: Config of the postprocessor.
        embed_dims: Width of all tokens, the image's included.
        depth: Number of layers.
        num_heads: Heads of each layer.
        mlp_ratio: Hidden width of the layers' MLPs as a multiple of ``embed_dims``.
        dropout: Dropout probability of embeddings and layers.
        max_seq_len: Most characters of a word. There is one position more, for the end token.
        init_cfg: MMEngine initialisation, applied on top.

    Raises:
        ValueError: If a field is out of range or the dictionary has no end token.
    """

    def __init__(self, dictionary: dict[str, Any] | Dictionary,
                 module_loss: dict[str, Any] | None, postprocessor: dict[str, Any] | None,
                 embed_dims: int, depth: int, num_heads: int, mlp_ratio: float, dropout: float,
                 max_seq_len: int, init_cfg: dict[str, Any] | None) -> None:
        super().__init__(dictionary, module_loss, postprocessor, max_seq_len, init_cfg)
        _check_fields(self.dictionary, embed_dims, num_heads, depth)
        num_classes = self.dictionary.num_classes
        self.start_idx, self.padding_idx = num_classes, num_classes + 1
        self.text_embed = TokenEmbedding(num_classes + 2, embed_dims)
        self.pos_queries = nn.Parameter(torch.zeros(1, max_seq_len + 1, embed_dims))
        self.dropout = nn.Dropout(dropout)
        self.layers = nn.ModuleList(
            TwoStreamLayer(embed_dims, num_heads, int(embed_dims * mlp_ratio), dropout)
            for _ in range(depth))
        self.norm = nn.LayerNorm(embed_dims)
        self.head = nn.Linear(embed_dims, num_classes)
        self._init_parameters()

    def remember(self, feat: Tensor | None, out_enc: Tensor | None) -> list[KeyValue]:
        """Project the image once for all that will be asked about it.

        Args:
            feat: Tokens of the image, shape (N, S, D).
            out_enc: The same from an encoder, where the recogniser has one; it then counts.

        Returns:
            Keys and values for each layer.

        Raises:
            ValueError: If these are no tokens of the decoder's width.
        """
        tokens = feat if out_enc is None else out_enc
        width = self.pos_queries.size(2)
        if tokens is None or tokens.dim() != 3 or tokens.size(2) != width:
            got = None if tokens is None else tuple(tokens.shape)
            raise ValueError(f'{type(self).__name__} got features of shape {got}, but needs tokens '
                             f'(N, S, {width}): use PARSeqViT(embed_dims={width}) or the like')
        layers: list[Any] = list(self.layers)
        return [layer.cross_attn.project(tokens) for layer in layers]

    def embed(self, tokens: Tensor) -> Tensor:
        """Embed known tokens.

        Args:
            tokens: Shape (N, S); the first is BOS, which stands for 'nothing is known yet' and
                has no position.

        Returns:
            Shape (N, S, D).
        """
        positions = self.pos_queries[:, :tokens.size(1) - 1]
        return self.text_embed(tokens) + F.pad(positions, (0, 0, 1, 0))

    def read(self, memory: list[KeyValue], content: Tensor, queries: Tensor,
             query_mask: Tensor | None = None, content_mask: Tensor | None = None) -> Tensor:
        """Answer queries.

        Args:
            memory: What :meth:`remember` returned.
            content: Known tokens, embedded, shape (N, S, D).
            queries: Positions asked for, embedded, shape (1, L, D).
            query_mask: True where a query must not look; broadcastable to (N, 1, L, S).
            content_mask: The same for the content stream, broadcastable to (N, 1, S, S). It
                matters from the second layer on.

        Returns:
            Inputs of the classifier ``head``, shape (N, L, D).
        """
        content = self.dropout(content)
        query = self.dropout(queries.expand(content.size(0), -1, -1))
        for number, (layer, image) in enumerate(zip(self.layers, memory), start=1):
            query, content = layer(query, content, image, query_mask, content_mask,
                                   update_content=number < len(self.layers))
        return self.norm(query)

    def _init_parameters(self) -> None:
        for module in self.modules():
            if isinstance(module, (nn.Linear, nn.Embedding)):
                nn.init.trunc_normal_(module.weight, std=0.02)
            if isinstance(module, nn.Linear):
                nn.init.zeros_(module.bias)
        nn.init.trunc_normal_(self.pos_queries, std=0.02)


def _check_fields(dictionary: Dictionary, embed_dims: int, num_heads: int, depth: int) -> None:
    if dictionary.end_idx is None:
        raise ValueError('the dictionary has no end token, which the decoder needs to know where '
                         'a word ends: set with_end=True')
    if embed_dims % num_heads:
        raise ValueError(f'num_heads={num_heads} does not divide embed_dims={embed_dims}')
    if depth < 1:
        raise ValueError(f'depth={depth} must be at least 1')
