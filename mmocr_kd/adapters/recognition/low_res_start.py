"""Starting a low-resolution student from the weights of its teacher."""
from __future__ import annotations

from typing import Mapping, Sequence

from torch import Tensor, nn

from ...distill import Inheritance, Initializer, inherit_weights, sum_pool_patch

PATCH_INITS: dict[str, dict[str, Initializer]] = {
    'random': {},
    'sum_pool': {'*patch_embed.proj.weight': sum_pool_patch},
}

# ABINet, MATRN, ASTER: the first block needs no shortcut once it does not stride. PARSeq: smaller
# patches. SVTR, ASTER: a table of the pixels of the rectified image, computed, not learnt.
LOW_RES_DIFFERENCES = (
    'backbone.layer1.0.downsample.*',
    'backbone.patch_embed.proj.weight',
    'preprocessor.tps.target_coordinate_repr',
)


def start_from_teacher(student: nn.Module,
                       teacher_state: Mapping[str, Tensor],
                       patch_init: str = 'sum_pool',
                       allowed: Sequence[str] = LOW_RES_DIFFERENCES) -> Inheritance:
    """Give a low-resolution student all weights of its teacher that fit.

    Args:
        student: The recogniser for small images.
        teacher_state: State dict of the recogniser for large images.
        patch_init: How the smaller patch embedding of a ViT starts: 'sum_pool' (it gives exactly
            what the teacher gives on the image enlarged by repeating pixels; our choice) or
            'random' (as it was initialised; KD-LTR's official code).
        allowed: Patterns of keys that may differ, see ``inherit_weights``.

    Returns:
        What became of each key.

    Raises:
        ValueError: If ``patch_init`` is unknown or the patches do not fit.
        InheritanceError: If the models differ in more than ``allowed``.
    """
    if patch_init not in PATCH_INITS:
        raise ValueError(f'patch_init={patch_init!r} is unknown: use one of {tuple(PATCH_INITS)}')
    return inherit_weights(student, teacher_state, allowed, PATCH_INITS[patch_init])
