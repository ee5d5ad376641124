"""PARSeq's decoder: learns to read in several orders, reads with or without context."""
from __future__ import annotations

from typing import Any, Sequence

import torch
from mmocr.models.common.dictionary import Dictionary
from mmocr.registry import MODELS
from mmocr.structures import TextRecogDataSample
from torch import Tensor

from ..graph import is_drawn
from .attention import KeyValue
from .parseq_orders import causal_mask, cloze_mask, draw_orders, order_masks, side_by_side
from .two_stream_decoder import TwoStreamDecoder

Samples = Sequence[TextRecogDataSample]


@MODELS.register_module()
class PARSeqDecoder(TwoStreamDecoder):
    """Decoder of PARSeq (Bautista and Atienza, ECCV 2022), for image tokens of ``embed_dims``.

    Training reads each word in several orders at once (permutation language modelling), so that
    one network learns to read left to right, without context, and to correct itself. Reading then
    is autoregressive or in a single step, followed by refinement in which each character is read
    again with all others as context. The defaults are those of the published models.

    The dictionary needs an end token and no other special ones: BOS (class ``num_classes``) and
    padding (``num_classes + 1``) are known to this decoder and to :class:`PARSeqModuleLoss` only;
    both are embedded, neither is ever predicted.

    Args:
        dictionary: MMOCR dictionary with ``with_end=True``.
        module_loss: Usually ``dict(type='PARSeqModuleLoss')``.
        postprocessor: Usually ``dict(type='AttentionPostprocessor', ignore_chars=[])``.
        embed_dims: Width: 384 ('small'), 192 ('tiny').
        depth: Number of layers.
        num_heads: Heads of each layer: 12 ('small'), 6 ('tiny').
        mlp_ratio: Hidden width of the layers' MLPs as a multiple of ``embed_dims``.
        dropout: Dropout probability of embeddings and layers.
        max_seq_len: Most characters of a word. There is one step more, for the end token.
        num_orders: Reading orders per training step.
        mirrored_orders: Whether each order is followed by its reverse.
        decode_ar: True reads character by character, False all at once.
        refine_iters: Rounds of refinement.
        init_cfg: MMEngine initialisation, applied on top of PARSeq's.

    Attributes:
        orders: Reading orders (P, T + 1) of the next training passes, where T counts the longest
            label of the batch and its end token; None draws new ones in every pass. Whoever
            compares two decoders gives both what :meth:`draw_orders` returned.

    Raises:
        ValueError: If a field is out of range or the dictionary has no end token.
    """

    def __init__(self,
                 dictionary: dict[str, Any] | Dictionary,
                 module_loss: dict[str, Any] | None = None,
                 postprocessor: dict[str, Any] | None = None,
                 embed_dims: int = 384,
                 depth: int = 1,
                 num_heads: int = 12,
                 mlp_ratio: float = 4.0,
                 dropout: float = 0.1,
                 max_seq_len: int = 25,
                 num_orders: int = 6,
                 mirrored_orders: bool = True,
                 decode_ar: bool = True,
                 refine_iters: int = 1,
                 init_cfg: dict[str, Any] | None = None) -> None:
        super().__init__(dictionary, module_loss, postprocessor, embed_dims, depth, num_heads,
                         mlp_ratio, dropout, max_seq_len, init_cfg)
        _check_fields(num_orders, mirrored_orders, refine_iters)
        self.num_orders = num_orders
        self.mirrored_orders = mirrored_orders
        self.decode_ar = decode_ar
        self.refine_iters = refine_iters
        self.orders: Tensor | None = None

    def draw_orders(self, data_samples: Samples | None) -> Tensor:
        """Draw reading orders for a batch.

        Args:
            data_samples: Samples with ``gt_text``.

        Returns:
            Long tensor of shape (P, T + 1); see :func:`~.parseq_orders.draw_orders`.
        """
        num_chars = self._targets(data_samples).size(1) - 2
        return draw_orders(num_chars, self.num_orders, self.mirrored_orders)

    def forward_train(self,
                      feat: Tensor | None = None,
                      out_enc: Tensor | None = None,
                      data_samples: Samples | None = None) -> dict[str, list[Tensor]]:
        """Read the batch in every order, with the true characters as context.

        Args:
            feat: Tokens of the image, shape (N, S, D).
            out_enc: The same from an encoder, where the recogniser has one; it then counts.
            data_samples: Samples with ``gt_text``.

        Returns:
            ``logits``: a tensor (N, T, C) per order; step t belongs to character t + 1 of the
            label, or to its end. T is the longest label's length + 1. ``features``: the inputs of
            the classifier, a tensor (N, T, D) per order.

        Raises:
            ValueError: If ``orders`` is set and does not fit the labels.
        """
        memory = self.remember(feat, out_enc)
        device = self.pos_queries.device
        targets = self._targets(data_samples).to(device, non_blocking=True)
        orders = self._orders(data_samples, targets.size(1)).to(device, non_blocking=True)
        features = self._read_in_orders(memory, targets[:, :-1], orders)
        shape = (len(orders), -1)
        return dict(logits=list(self.head(features).unflatten(1, shape).unbind(1)),
                    features=list(features.unflatten(1, shape).unbind(1)))

    def forward_test(self,
                     feat: Tensor | None = None,
                     out_enc: Tensor | None = None,
                     data_samples: Samples | None = None) -> Tensor:
        """Read the batch.

        Args:
            feat: Tokens of the image, shape (N, S, D).
            out_enc: The same from an encoder, where the recogniser has one; it then counts.
            data_samples: Unused.

        Returns:
            Probabilities of shape (N, T, C), T = ``max_seq_len + 1``. Read character by character
            without refinement, T ends where the longest word does, except in an exported graph.
        """
        memory = self.remember(feat, out_enc)
        logits = self._read_stepwise(memory) if self.decode_ar else self._read_at_once(memory)
        for _ in range(self.refine_iters):
            logits = self._refine(memory, logits)
        return logits.softmax(-1)

    def _read_in_orders(self, memory: list[KeyValue], context: Tensor, orders: Tensor) -> Tensor:
        """Features (N, P * T, D) of all orders, from one pass in which they lie side by side."""
        count, length = len(orders), context.size(1)
        # Nothing depends on what ends a word, whatever the order.
        unread = (context == self.dictionary.end_idx) | (context == self.padding_idx)
        unread = unread.repeat(1, count)[:, None, None]
        query_mask, content_mask = map(side_by_side, order_masks(orders))
        return self.read(memory, self.embed(context).repeat(1, count, 1),
                         self.pos_queries[:, :length].repeat(1, count, 1),
                         query_mask | unread, content_mask | unread)

    def _read_stepwise(self, memory: list[KeyValue]) -> Tensor:
        """Logits (N, T, C) of reading left to right until every word has ended."""
        tokens, steps = self._starts(memory), []
        for step in range(self.max_seq_len + 1):
            features = self.read(memory, self.embed(tokens), self.pos_queries[:, step:step + 1],
                                 content_mask=causal_mask(step + 1, tokens.device))
            steps.append(self.head(features))
            tokens = torch.cat([tokens, steps[-1].argmax(-1)], dim=1)
            # A graph reads on: where the images it is drawn from end must not end others.
            if not is_drawn() and (tokens == self.dictionary.end_idx).any(1).all():
                break
        return torch.cat(steps, dim=1)

    def _read_at_once(self, memory: list[KeyValue]) -> Tensor:
        """Logits (N, max_seq_len + 1, C) of reading each character from the image alone."""
        starts = self.embed(self._starts(memory))
        return self.head(self.read(memory, starts, self.pos_queries))

    def _refine(self, memory: list[KeyValue], logits: Tensor) -> Tensor:
        """Logits (N, max_seq_len + 1, C) of reading again with the others as context."""
        context = torch.cat([self._starts(memory), logits[:, :-1].argmax(-1)], dim=1)
        ended = (context == self.dictionary.end_idx).long()  # ONNX counts no booleans
        unread = ended.cumsum(1)[:, None, None] > 0
        length, device = context.size(1), context.device
        # Two masks: with several layers, the content stream has to keep its own.
        query_mask = cloze_mask(self.max_seq_len + 1, length, device) | unread
        content_mask = causal_mask(length, device) | unread
        return self.head(self.read(memory, self.embed(context), self.pos_queries, query_mask,
                                   content_mask))

    def _starts(self, memory: list[KeyValue]) -> Tensor:
        keys = memory[0].keys
        return torch.full((keys.size(0), 1), self.start_idx, dtype=torch.long,
                          device=keys.device)

    def _targets(self, data_samples: Samples | None) -> Tensor:
        """BOS, characters, EOS, padding up to the longest word: (N, T + 1), on the CPU."""
        if not data_samples:
            raise ValueError('PARSeqDecoder learns from labels: give it the data_samples')
        if self.module_loss is not None:
            data_samples = self.module_loss.get_targets(data_samples)
        targets = torch.stack([sample.gt_text.padded_indexes for sample in data_samples])
        return targets[:, (targets != self.padding_idx).any(0)]

    def _orders(self, data_samples: Samples | None, length: int) -> Tensor:
        if self.orders is None:
            return self.draw_orders(data_samples)
        if self.orders.dim() != 2 or self.orders.size(1) != length:
            raise ValueError(
                f'orders has shape {tuple(self.orders.shape)}, but the longest label of the batch '
                f'has {length - 2} characters and needs (P, {length}): set it to '
                'draw_orders(data_samples) of the same batch, or to None')
        return self.orders


def _check_fields(num_orders: int, mirrored: bool, refine_iters: int) -> None:
    if num_orders < 1:
        raise ValueError(f'num_orders={num_orders} must be at least 1')
    if mirrored and num_orders % 2:
        raise ValueError(f'num_orders={num_orders} is odd: mirrored orders come in pairs')
    if refine_iters < 0:
        raise ValueError(f'refine_iters={refine_iters} must not be negative')
