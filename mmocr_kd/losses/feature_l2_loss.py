"""DLD: features of small images like those of large ones."""
from __future__ import annotations

import torch
from mmocr.registry import MODELS
from torch import Tensor, nn

from .checks import (
    at_least_float32,
    require_choice,
    require_loss_name,
    require_positive,
    require_same_shape,
)

REDUCTIONS = ('mse', 'norm')


@MODELS.register_module()
class FeatureL2Loss(nn.Module):
    """Distance of two features, averaged over all elements.

    Chen et al., "Dynamic Low-Resolution Distillation for Cost-Efficient End-to-End Text Spotting"
    (ECCV 2022), for the features of text regions and for their contextual features. The official
    code squares the differences; the paper's formula, read element by element, does not. The
    official temperature has no counterpart: it cancels.

    Args:
        reduction: 'mse', the mean of the squared differences (official), or 'norm', the mean of
            their absolute values (paper).
        loss_weight: Weight, > 0 (1 in the official code).
        name: Key of the result, with ``loss`` in it; a model that compares several features gives
            each its own ('loss_kd_roi', 'loss_kd_context').

    Raises:
        ValueError: If a field has an unknown or impossible value.
    """

    def __init__(self,
                 reduction: str = 'mse',
                 loss_weight: float = 1.0,
                 name: str = 'loss_kd_feature') -> None:
        super().__init__()
        require_choice('reduction', reduction, REDUCTIONS)
        require_positive('loss_weight', loss_weight)
        require_loss_name('name', name)
        self.reduction = reduction
        self.loss_weight = loss_weight
        self.name = name

    def forward(self, student: Tensor, teacher: Tensor,
                mask: Tensor | None = None) -> dict[str, Tensor]:
        """Compute the loss.

        Args:
            student: Features, any shape; DLD's are (N, C, H, W) and (N, L, D), one row for each of
                N words.
            teacher: Same shape and order; no gradient flows into it.
            mask: Unused.

        Returns:
            ``name``, a scalar. Without any word it is exactly 0 with a gradient of 0.

        Raises:
            ValueError: If shapes differ.
        """
        require_same_shape(student, teacher)
        with torch.autocast(student.device.type, enabled=False):
            difference = at_least_float32(student) - at_least_float32(teacher.detach())
            distance = difference.square() if self.reduction == 'mse' else difference.abs()
            loss = distance.sum() / max(distance.numel(), 1)
        return {self.name: loss * self.loss_weight}
