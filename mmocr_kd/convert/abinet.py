"""Official ABINet and ABINet-LTR to MMOCR's ABINet."""
from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from .classes import MMOCR_CHARACTERS, abinet_order, reorder
from .converted import Converted
from .layers import (
    fold_biases,
    position_attention,
    position_table,
    resnet,
    restore_tables,
    transformer,
)
from .moves import Moves

CLASSES = len(MMOCR_CHARACTERS) + 1
VISION = 'decoder.vision_decoder'
LANGUAGE = 'decoder.language_decoder'


def convert_abinet(official: dict[str, Tensor]) -> Converted:
    """Convert ABINet, as its repository or KD-LTR's publishes it.

    Sizes follow from the shapes. Iterations of the language model have no weights of their own:
    the result fits any ``num_iters`` (3 in ABINet, 1 in KD-LTR).

    Args:
        official: Official key -> tensor.

    Raises:
        OfficialLayoutError: If keys are missing or left over, or shapes do not fit.
    """
    moves = Moves(official, 'abinet')
    width, low_resolution = vision_and_language(moves)
    moves.layer('alignment.w_att', 'decoder.w_att', width, 2 * width)
    moves.layer('alignment.cls', 'decoder.cls', CLASSES, width)
    state = moves.finish()
    rearrange(state)
    _mirror_gate(state)
    reorder(state, ('decoder.cls.weight', 'decoder.cls.bias'), abinet_order())
    return Converted('ABINet', state, low_resolution, MMOCR_CHARACTERS,
                     settings(state, low_resolution))


def vision_and_language(moves: Moves) -> tuple[int, bool]:
    """Move what ABINet and MATRN have in common.

    Args:
        moves: Where from and to.

    Returns:
        Embedding size, and whether the model is a student for low resolution.
    """
    width, low_resolution = resnet(moves, 'vision.backbone.resnet', 'backbone')
    position_table(moves, 'vision.backbone.pos_encoder', 'encoder.pos_encoder', width)
    transformer(moves, 'vision.backbone.transformer.layers', 'encoder.transformer', width)
    position_attention(moves, 'vision.attention', VISION, width)
    moves.layer('vision.cls', f'{VISION}.cls', CLASSES, width)
    moves.layer('language.proj', f'{LANGUAGE}.proj', width, CLASSES, bias=False)
    for name in ('token_encoder', 'pos_encoder'):
        position_table(moves, f'language.{name}', f'{LANGUAGE}.{name}', width)
    transformer(moves, 'language.model.layers', f'{LANGUAGE}.decoder_layers', width,
                attention='multihead_attn', norms=(2, 3))
    moves.layer('language.cls', f'{LANGUAGE}.cls', CLASSES, width)
    return width, low_resolution


def rearrange(state: dict[str, Tensor]) -> None:
    """Adapt the values of what ABINet and MATRN have in common.

    Args:
        state: New key -> tensor; changed in place.
    """
    stem = state['backbone.conv1.weight']
    state['backbone.conv1.bias'] = stem.new_zeros(len(stem))  # MMOCR's stem has one
    restore_tables(state)
    fold_biases(state, VISION)
    for decoder in (VISION, LANGUAGE):
        reorder(state, (f'{decoder}.cls.weight', f'{decoder}.cls.bias'), abinet_order())
    reorder(state, (f'{LANGUAGE}.proj.weight', ), abinet_order(), dim=1)


def settings(state: dict[str, Tensor], low_resolution: bool) -> dict[str, Any]:
    """Fields of the config in which ABINet and MATRN depart from MMOCR's stock ABINet config.

    The official models see RGB images; MMOCR's config feeds BGR.

    Args:
        state: Converted weights.
        low_resolution: Whether the first stage keeps the size.
    """
    fields: dict[str, Any] = {
        'model.data_preprocessor.bgr_to_rgb': True,
        'model.data_preprocessor.mean': [123.675, 116.28, 103.53],
        'model.data_preprocessor.std': [58.395, 57.12, 57.375],
        'model.decoder.max_seq_len': state[f'{VISION}.pos_encoder.position_table'].shape[1],
    }
    if low_resolution:
        fields['model.backbone.strides'] = [1, 1, 2, 1, 1]
    return fields


def _mirror_gate(state: dict[str, Tensor]) -> None:
    """Official: gate of [language, vision] weighs vision. MMOCR's ABIFuser: the other way round.

    Its ``fuse(l_feature, v_feature)`` is called as ``fuse(vision, language)``. With 1 - sigmoid(x)
    = sigmoid(-x), swapped halves and the opposite sign give the same fusion.
    """
    language, vision = state['decoder.w_att.weight'].chunk(2, dim=1)
    state['decoder.w_att.weight'] = -torch.cat([vision, language], dim=1)
    state['decoder.w_att.bias'] = -state['decoder.w_att.bias']
