"""Official MATRN and MATRN-LTR to the keys of this package."""
from __future__ import annotations

from torch import Tensor

from .abinet import CLASSES, rearrange, settings, vision_and_language
from .classes import MMOCR_CHARACTERS, abinet_order, reorder
from .converted import Converted
from .layers import fold_biases, position_attention, position_table, transformer
from .moves import Moves

FUSION = 'decoder.semantic_visual'
READER = f'{FUSION}.vision_decoder'  # what reads the visual half of the fusion


def convert_matrn(official: dict[str, Tensor]) -> Converted:
    """Convert MATRN, as its repository or KD-LTR's publishes it.

    Sizes follow from the shapes. Unlike MMOCR's ABIFuser, the fusion here weighs as the official
    one does: its gate stays as it is.

    Args:
        official: Official key -> tensor.

    Raises:
        OfficialLayoutError: If keys are missing or left over, or shapes do not fit.
    """
    moves = Moves(official, 'matrn')
    width, low_resolution = vision_and_language(moves)
    _fusion(moves, width)
    state = moves.finish()
    rearrange(state)
    fold_biases(state, READER)
    for classifier in (f'{READER}.cls', f'{FUSION}.cls_sem', f'{FUSION}.cls'):
        reorder(state, (f'{classifier}.weight', f'{classifier}.bias'), abinet_order())
    return Converted('MATRN', state, low_resolution, MMOCR_CHARACTERS,
                     settings(state, low_resolution))


def _fusion(moves: Moves, width: int) -> None:
    old = 'semantic_visual'
    moves.tensor(f'{old}.v_token', f'{FUSION}.masking.v_token', 1, width)
    position_table(moves, f'{old}.pos_encoder_tfm', f'{FUSION}.pos_encoder', width)
    transformer(moves, f'{old}.model1.layers', f'{FUSION}.layers', width)
    position_attention(moves, f'{old}.model2_vis', READER, width)
    moves.layer(f'{old}.cls_vis', f'{READER}.cls', CLASSES, width)
    moves.layer(f'{old}.cls_sem', f'{FUSION}.cls_sem', CLASSES, width)
    moves.layer(f'{old}.w_att', f'{FUSION}.w_att', width, 2 * width)
    moves.layer(f'{old}.cls', f'{FUSION}.cls', CLASSES, width)
