"""MATRN's fusion: visual and semantic features attend to each other, then are gated together."""
from __future__ import annotations

from typing import Any

import torch
from mmcv.cnn.bricks.transformer import BaseTransformerLayer
from mmengine.model import BaseModule, ModuleList
from mmocr.models.common.dictionary import Dictionary
from mmocr.models.common.modules import PositionalEncoding
from mmocr.models.textrecog.decoders import ABIVisionDecoder
from mmocr.registry import MODELS
from torch import Tensor, nn

from .visual_token_masking import VisualTokenMasking


@MODELS.register_module()
class SemanticVisualFusion(BaseModule):
    """Enhances visual by semantic features and the other way round (MATRN, arXiv 2111.15263).

    Semantic features get the place of their character in the image: positional codes of the map,
    averaged by the vision decoder's attention. With the visual tokens, of which some are masked
    in training, they go through one encoder. The visual half is then read by a position attention
    of its own, and a gate mixes what both halves say about each step.

    Args:
        dictionary: Dictionary with C classes.
        max_seq_len: Number of steps T.
        d_model: Width E of both kinds of features.
        n_layers: Encoder layers (post-norm, ReLU).
        n_head: Heads of each, a divisor of ``d_model``.
        d_inner: Width of their feed-forward networks.
        dropout: Their dropout rate.
        num_channels: Channels of the position attention's small U-Net.
        attn_height: Height H of the visual feature map, a multiple of 8.
        attn_width: Its width W, a multiple of 16.
        attn_mode: Upsampling of the small U-Net, as for :class:`torch.nn.Upsample`.
        mask_word_prob: See ``word_prob`` of :class:`VisualTokenMasking`.
        mask_token_prob: See ``token_prob`` there.
        mask_candidates: See ``num_candidates`` there; at most H * W.
        init_cfg: As for MMEngine's BaseModule.

    Raises:
        ValueError: If a field is out of range.
    """

    def __init__(self,
                 dictionary: Dictionary,
                 max_seq_len: int = 26,
                 d_model: int = 512,
                 n_layers: int = 2,
                 n_head: int = 8,
                 d_inner: int = 2048,
                 dropout: float = 0.1,
                 num_channels: int = 64,
                 attn_height: int = 8,
                 attn_width: int = 32,
                 attn_mode: str = 'nearest',
                 mask_word_prob: float = 0.9,
                 mask_token_prob: float = 0.9,
                 mask_candidates: int = 10,
                 init_cfg: dict[str, Any] | list[dict[str, Any]] | None = None) -> None:
        super().__init__(init_cfg=init_cfg)
        _check_map(attn_height, attn_width, mask_candidates)
        self.d_model = d_model
        self.map_size = (attn_height, attn_width)
        self.masking = VisualTokenMasking(d_model, mask_word_prob, mask_token_prob,
                                          mask_candidates)
        self.pos_encoder = PositionalEncoding(d_model, n_position=attn_height * attn_width)
        self.layers = ModuleList(
            _encoder_layer(d_model, n_head, d_inner, dropout) for _ in range(n_layers))
        self.vision_decoder = ABIVisionDecoder(
            dictionary, in_channels=d_model, num_channels=num_channels, attn_height=attn_height,
            attn_width=attn_width, attn_mode=attn_mode, max_seq_len=max_seq_len)
        self.cls_sem = nn.Linear(d_model, dictionary.num_classes)
        self.w_att = nn.Linear(2 * d_model, d_model)
        self.cls = nn.Linear(d_model, dictionary.num_classes)

    def forward(self, visual: Tensor, attention: Tensor, semantic: Tensor,
                lengths: Tensor) -> dict[str, Tensor]:
        """Fuse the features of one iteration.

        Args:
            visual: Feature map, shape (N, E, H, W).
            attention: The vision decoder's attention over the map, shape (N, T, H, W); no
                gradient flows into it.
            semantic: The language decoder's features, shape (N, T, E).
            lengths: How many steps the language decoder's reading has, long, shape (N,).

        Returns:
            ``feature``, shape (N, T, E), and ``logits``, both fused; the logits of either half
            alone, ``visual_logits`` and ``semantic_logits``. Logits have shape (N, T, C).

        Raises:
            ValueError: If the feature map has another size than the fields say.
        """
        if visual.shape[2:] != self.map_size:
            raise ValueError(
                f'the visual feature map is {tuple(visual.shape[2:])}, but attn_height and '
                f'attn_width say {self.map_size}: change them, or the size of the images')
        attention = attention.detach().flatten(2)
        tokens = visual.flatten(2).transpose(1, 2)
        tokens = torch.cat([self.masking(tokens, attention, lengths),
                            self._place(semantic, attention)], dim=1)
        for layer in self.layers:
            tokens = layer(tokens)
        size = visual[0, 0].numel()
        read = self.vision_decoder(None, tokens[:, :size].transpose(1, 2).reshape(visual.shape))
        return self._gate(read, tokens[:, size:])

    def _place(self, semantic: Tensor, attention: Tensor) -> Tensor:
        return semantic + attention @ self.pos_encoder.position_table

    def _gate(self, read: dict[str, Tensor], semantic: Tensor) -> dict[str, Tensor]:
        visual = read['feature']
        gate = self.w_att(torch.cat([visual, semantic], dim=2)).sigmoid()
        feature = gate * visual + (1 - gate) * semantic
        return dict(feature=feature, logits=self.cls(feature), visual_logits=read['logits'],
                    semantic_logits=self.cls_sem(semantic))


def _encoder_layer(d_model: int, n_head: int, d_inner: int, dropout: float) -> nn.Module:
    """A post-norm layer, built of the same parts as MMOCR's ABIEncoder."""
    return BaseTransformerLayer(
        operation_order=('self_attn', 'norm', 'ffn', 'norm'),
        attn_cfgs=dict(type='MultiheadAttention', embed_dims=d_model, num_heads=n_head,
                       attn_drop=dropout, dropout_layer=dict(type='Dropout', drop_prob=dropout)),
        ffn_cfgs=dict(type='FFN', embed_dims=d_model, feedforward_channels=d_inner,
                      ffn_drop=dropout),
        norm_cfg=dict(type='LN'),
        batch_first=True)


def _check_map(height: int, width: int, candidates: int) -> None:
    # The small U-Net halves the height three times and the width four times, and doubles back.
    for name, value, unit in (('attn_height', height, 8), ('attn_width', width, 16)):
        if value < unit or value % unit:
            raise ValueError(f'{name}={value} must be a positive multiple of {unit}, which the '
                             f'position attention can halve and double again')
    if candidates > height * width:
        raise ValueError(f'mask_candidates={candidates} exceeds the {height * width} positions of '
                         f'a {height}x{width} map: use fewer')
