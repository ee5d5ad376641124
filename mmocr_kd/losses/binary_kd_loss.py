"""Soft-target distillation for two classes."""
from __future__ import annotations

from mmocr.registry import MODELS
from torch import Tensor

from .checks import require_positive
from .entropy import binary_kl
from .pixel_loss import PixelLoss


@MODELS.register_module()
class BinaryKDLoss(PixelLoss):
    """``loss_weight * T^2 * KL(p_T || p_S)`` of text against background, per pixel.

    Hinton et al., "Distilling the Knowledge in a Neural Network", for the two classes of a text
    probability map: the baseline MaskET sets out to improve. Over all pixels by default.

    Args:
        loss_weight: Weight, > 0.
        temperature: Divides both logits, > 0.
        mask: See :class:`~mmocr_kd.losses.pixel_loss.PixelLoss`.
        reduction: See there.
        include_ignored: See there.
        mask_threshold: See there.
        mask_dilation: See there.

    Raises:
        ValueError: If a field has an unknown or impossible value.
    """

    def __init__(self,
                 loss_weight: float = 1.0,
                 temperature: float = 1.0,
                 mask: str = 'none',
                 reduction: str = 'mask',
                 include_ignored: bool = False,
                 mask_threshold: float = 0.3,
                 mask_dilation: int = 8) -> None:
        super().__init__(mask, include_ignored, reduction, mask_threshold, mask_dilation)
        require_positive('loss_weight', loss_weight)
        require_positive('temperature', temperature)
        self.loss_weight = loss_weight
        self.temperature = temperature

    def pixel_losses(self, student: Tensor, teacher: Tensor) -> dict[str, Tensor]:
        """``loss_kd`` of each pixel; see :class:`PixelLoss`."""
        return {'loss_kd': binary_kl(student, teacher, self.temperature) * self.loss_weight}
