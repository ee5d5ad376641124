"""Parts that ABINet and MATRN share, from their official keys to MMOCR's."""
from __future__ import annotations

import torch
from mmocr.models.common.modules import PositionalEncoding
from torch import Tensor

from .errors import OfficialLayoutError
from .moves import Moves

U_NET_DEPTH = 4  # of the position attention


def resnet(moves: Moves, old: str, new: str) -> tuple[int, bool]:
    """Move the residual backbone.

    Each stage is twice as wide as the one before. A first block has a learned shortcut if it
    changes width or stride; the first stage's width never changes, so there it tells the stride.

    Args:
        moves: Where from and to.
        old: Official key prefix.
        new: Prefix in MMOCR.

    Returns:
        Its output channels, and whether the first stage keeps the size (a student for
        low resolution).
    """
    width = moves.size(f'{old}.conv1.weight', 0)
    moves.layer(f'{old}.conv1', f'{new}.conv1', width, 3, 3, 3, bias=False)
    moves.batch_norm(f'{old}.bn1', f'{new}.bn1', width)
    keeps_size = not moves.has(f'{old}.layer1.0.downsample.0.weight')
    before = width
    for stage in range(1, 6):
        for block in range(moves.count(f'{old}.layer{stage}')):
            shortcut = block == 0 and (stage > 1 or not keeps_size)
            path = f'layer{stage}.{block}'
            _block(moves, f'{old}.{path}', f'{new}.{path}', before, width, shortcut)
            before = width
        width *= 2
    return before, keeps_size


def _block(moves: Moves, old: str, new: str, before: int, width: int, shortcut: bool) -> None:
    moves.layer(f'{old}.conv1', f'{new}.conv1', width, before, 1, 1, bias=False)
    moves.batch_norm(f'{old}.bn1', f'{new}.bn1', width)
    moves.layer(f'{old}.conv2', f'{new}.conv2', width, width, 3, 3, bias=False)
    moves.batch_norm(f'{old}.bn2', f'{new}.bn2', width)
    if shortcut:
        moves.layer(f'{old}.downsample.0', f'{new}.downsample.0', width, before, 1, 1, bias=False)
        moves.batch_norm(f'{old}.downsample.1', f'{new}.downsample.1', width)


def transformer(moves: Moves, old: str, new: str, width: int, attention: str = 'self_attn',
                norms: tuple[int, int] = (1, 2)) -> None:
    """Move a stack of post-norm layers with one attention each.

    Args:
        moves: Where from and to.
        old: Official key prefix, up to the layer's number.
        new: Prefix in MMOCR, up to the layer's number.
        width: Embedding size.
        attention: The attention's name in the official layer.
        norms: The official numbers of the norms after attention and feed-forward network.
    """
    for i in range(moves.count(old)):
        layer, out = f'{old}.{i}', f'{new}.{i}'
        inner = moves.size(f'{layer}.linear1.weight', 0)
        moves.attention(f'{layer}.{attention}', f'{out}.attentions.0.attn', width)
        moves.layer(f'{layer}.linear1', f'{out}.ffns.0.layers.0.0', inner, width)
        moves.layer(f'{layer}.linear2', f'{out}.ffns.0.layers.1', width, inner)
        for j, norm in enumerate(norms):
            moves.layer(f'{layer}.norm{norm}', f'{out}.norms.{j}', width)


def position_attention(moves: Moves, old: str, new: str, width: int) -> None:
    """Move the attention from positions in the word to places in the image, with its U-Net.

    The official convolutions have a bias, MMOCR's have not: see :func:`fold_biases`.

    Args:
        moves: Where from and to.
        old: Official key prefix.
        new: Prefix in MMOCR.
        width: Embedding size.
    """
    hidden = moves.size(f'{old}.k_encoder.0.0.weight', 0)
    for i in range(U_NET_DEPTH):
        last = i == U_NET_DEPTH - 1
        _conv_bn(moves, f'{old}.k_encoder.{i}', 0, f'{new}.k_encoder.{i}',
                 hidden, width if i == 0 else hidden)
        _conv_bn(moves, f'{old}.k_decoder.{i}', 1, f'{new}.k_decoder.{i}.1',
                 width if last else hidden, hidden)
    moves.layer(f'{old}.project', f'{new}.project', width, width)
    position_table(moves, f'{old}.pos_encoder', f'{new}.pos_encoder', width)


def _conv_bn(moves: Moves, old: str, at: int, new: str, channels: int, before: int) -> None:
    moves.layer(f'{old}.{at}', f'{new}.conv', channels, before, 3, 3)
    moves.batch_norm(f'{old}.{at + 1}', f'{new}.bn', channels)


def fold_biases(state: dict[str, Tensor], prefix: str) -> None:
    """Hide the biases of a position attention's convolutions in the means that follow them.

    Exact in eval mode; in training, batch statistics cancel such a bias anyway.

    Args:
        state: New key -> tensor; changed in place.
        prefix: Of the position attention in MMOCR.
    """
    biases = [key for key in state
              if key.startswith(f'{prefix}.') and key.endswith('.conv.bias')]
    for key in biases:
        bias = state.pop(key)
        state[key.replace('.conv.bias', '.bn.running_mean')] -= bias


def position_table(moves: Moves, old: str, new: str, width: int) -> None:
    """Move a table of positions, for :func:`restore_tables` to replace.

    Args:
        moves: Where from and to.
        old: Official key prefix.
        new: Prefix in MMOCR.
        width: Embedding size.
    """
    length = moves.size(f'{old}.pe', 0)
    moves.tensor(f'{old}.pe', f'{new}.position_table', length, 1, width)


def restore_tables(state: dict[str, Tensor]) -> None:
    """Put MMOCR's own tables of positions in place of the official ones.

    Both are sinusoids; they differ by rounding, 2e-6.

    Args:
        state: New key -> tensor; changed in place.

    Raises:
        OfficialLayoutError: If an official table is something else.
    """
    for key in [key for key in state if key.endswith('.position_table')]:
        length, _, width = state[key].shape
        table = PositionalEncoding(width, length).position_table
        if not torch.allclose(state[key].transpose(0, 1), table, rtol=0, atol=1e-4):
            raise OfficialLayoutError(
                f'the official table of positions for {key!r} is not the sinusoid of ABINet; '
                f'MMOCR has no other: these weights cannot be converted')
        state[key] = table
