"""Official PARSeq and PARSeq-LTR to the keys of this package."""
from __future__ import annotations

import string
from typing import Any

from torch import Tensor

from .classes import parseq_order, reorder
from .converted import Converted
from .moves import Moves

# The sets of characters that PARSeq's repository trains on, in its order
CHARACTERS = string.digits + string.ascii_letters + string.punctuation
CHARACTER_SETS = {size: CHARACTERS[:size] for size in (36, 62, 94)}
# Published input sizes (the last one is KD-LTR's) by patch size
IMAGES = {(4, 8): (32, 128), (16, 16): (224, 224), (2, 4): (16, 64)}
# Published models have as many heads as their width divided by this; weights do not tell
ENCODER_HEAD, DECODER_HEAD = 64, 32


def convert_parseq(official: dict[str, Tensor]) -> Converted:
    """Convert PARSeq, as its repository or KD-LTR's publishes it.

    Sizes follow from the shapes; numbers of heads are those of the published models of that width.

    Args:
        official: Official key -> tensor.

    Raises:
        OfficialLayoutError: If keys are missing or left over, or shapes do not fit.
    """
    moves = Moves(official, 'parseq')
    width = moves.size('pos_queries', 2)
    characters = moves.size('head.weight', 0) - 1
    fields = {**_encoder(moves, width), **_decoder(moves, width, characters)}
    state = moves.finish()
    order = parseq_order(characters)
    reorder(state, ('decoder.head.weight', 'decoder.head.bias'), order)
    special = [characters + 1, characters + 2]  # start and padding stay last
    reorder(state, ('decoder.text_embed.embedding.weight', ), order + special)
    colours = {'mean': [127.5] * 3, 'std': [127.5] * 3, 'bgr_to_rgb': True}
    fields.update({f'model.data_preprocessor.{name}': value for name, value in colours.items()})
    low_resolution = fields['model.backbone.patch_size'] == [2, 4]
    return Converted('PARSeq', state, low_resolution, CHARACTER_SETS.get(characters), fields)


def _encoder(moves: Moves, width: int) -> dict[str, Any]:
    """Move the vision transformer; returns the fields of its config."""
    kernel = 'encoder.patch_embed.proj.weight'
    patch = moves.size(kernel, 2), moves.size(kernel, 3)
    tokens = moves.size('encoder.pos_embed', 1)
    depth = moves.count('encoder.blocks')
    inner = moves.size('encoder.blocks.0.mlp.fc1.weight', 0)
    moves.layer('encoder.patch_embed.proj', 'backbone.patch_embed.proj', width, 3, *patch)
    moves.tensor('encoder.pos_embed', 'backbone.pos_embed', 1, tokens, width)
    moves.layer('encoder.norm', 'backbone.norm', width)
    for i in range(depth):
        _block(moves, f'encoder.blocks.{i}', f'backbone.blocks.{i}', width, inner)
    fields = {'patch_size': list(patch), 'embed_dims': width, 'depth': depth,
              'mlp_ratio': inner / width, **_heads(width, ENCODER_HEAD)}
    image = IMAGES.get(patch)
    if image and tokens == (image[0] // patch[0]) * (image[1] // patch[1]):
        fields['img_size'] = list(image)
    return {f'model.backbone.{name}': value for name, value in fields.items()}


def _block(moves: Moves, old: str, new: str, width: int, inner: int) -> None:
    for norm in ('norm1', 'norm2'):
        moves.layer(f'{old}.{norm}', f'{new}.{norm}', width)
    moves.layer(f'{old}.attn.qkv', f'{new}.attn.qkv', 3 * width, width)
    moves.layer(f'{old}.attn.proj', f'{new}.attn.proj', width, width)
    moves.layer(f'{old}.mlp.fc1', f'{new}.mlp.fc1', inner, width)
    moves.layer(f'{old}.mlp.fc2', f'{new}.mlp.fc2', width, inner)


def _decoder(moves: Moves, width: int, characters: int) -> dict[str, Any]:
    """Move the decoder; returns the fields of its config."""
    steps = moves.size('pos_queries', 1)
    depth = moves.count('decoder.layers')
    inner = moves.size('decoder.layers.0.linear1.weight', 0)
    moves.tensor('pos_queries', 'decoder.pos_queries', 1, steps, width)
    moves.tensor('text_embed.embedding.weight', 'decoder.text_embed.embedding.weight',
                 characters + 3, width)
    moves.layer('head', 'decoder.head', characters + 1, width)
    moves.layer('decoder.norm', 'decoder.norm', width)
    for i in range(depth):
        _two_stream_layer(moves, f'decoder.layers.{i}', width, inner)
    fields = {'max_seq_len': steps - 1, 'embed_dims': width, 'depth': depth,
              'mlp_ratio': inner / width, **_heads(width, DECODER_HEAD)}
    return {f'model.decoder.{name}': value for name, value in fields.items()}


def _heads(width: int, each: int) -> dict[str, int]:
    return {} if width % each else {'num_heads': width // each}


def _two_stream_layer(moves: Moves, key: str, width: int, inner: int) -> None:
    for attention in ('self_attn', 'cross_attn'):
        moves.attention(f'{key}.{attention}', f'{key}.{attention}', width)
    for norm in ('norm1', 'norm2', 'norm_q', 'norm_c'):
        moves.layer(f'{key}.{norm}', f'{key}.{norm}', width)
    moves.layer(f'{key}.linear1', f'{key}.linear1', inner, width)
    moves.layer(f'{key}.linear2', f'{key}.linear2', width, inner)
