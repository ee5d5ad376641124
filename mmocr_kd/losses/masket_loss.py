"""MaskET: masked entropy transfer."""
from __future__ import annotations

from typing import Callable

import torch.nn.functional as F
from mmocr.registry import MODELS
from torch import Tensor

from .checks import require_choice, require_not_negative, require_positive
from .entropy import binary_entropy, binary_kl
from .pixel_loss import PixelLoss

_DISTANCES: dict[str, Callable[..., Tensor]] = {
    'l2': F.mse_loss,
    'l1': F.l1_loss,
    # Entropies lie in [0, 1]: with the usual beta of 1 this would be half of 'l2'.
    'smooth_l1': lambda s, t, reduction: F.smooth_l1_loss(s, t, reduction=reduction, beta=0.1),
}


@MODELS.register_module()
class MaskETLoss(PixelLoss):
    """Makes the student as unsure as the teacher, inside the text.

    ``entropy_weight * |E_S - E_T|`` plus ``kd_weight * T^2 * KL(p_T || p_S)``, averaged over the
    pixels of the ground-truth text polygons; ``E`` is the base-2 entropy of the text probability.

    From the paper (Chen et al., "Knowledge Distillation for Scene Text Detection via Mask
    Information Entropy Transfer", Journal of Software 36(9), 2025): entropy of the probability
    map (eq. 2), mask of full annotated polygons (eq. 3), combination with conventional
    distillation. Our reading, since the loss equations were not available to us: the squared
    distance, the mean over masked pixels, both weights, the masked two-class KD term with T = 1,
    and leaving ignored instances out.

    Entropy tells how sure, not which class: ``E(p) = E(1 - p)``. Use it with the detector's own
    loss, as both the hook and the wrapper do.

    Args:
        entropy_weight: Weight of the entropy term, >= 0; 0 leaves it out.
        kd_weight: Weight of the KD term, >= 0; 0 leaves it out.
        distance: Between entropies: 'l2' (squared), 'l1' or 'smooth_l1' (beta 0.1).
        temperature: Of the KD term, > 0; the entropy never sees it.
        mask: See :class:`~mmocr_kd.losses.pixel_loss.PixelLoss`.
        reduction: See there.
        include_ignored: See there.
        mask_threshold: See there.
        mask_dilation: See there.

    Raises:
        ValueError: If a field has an unknown or impossible value.
    """

    def __init__(self,
                 entropy_weight: float = 1.0,
                 kd_weight: float = 1.0,
                 distance: str = 'l2',
                 temperature: float = 1.0,
                 mask: str = 'text',
                 reduction: str = 'mask',
                 include_ignored: bool = False,
                 mask_threshold: float = 0.3,
                 mask_dilation: int = 8) -> None:
        super().__init__(mask, include_ignored, reduction, mask_threshold, mask_dilation)
        require_not_negative('entropy_weight', entropy_weight)
        require_not_negative('kd_weight', kd_weight)
        require_choice('distance', distance, tuple(_DISTANCES))
        if not entropy_weight and not kd_weight:
            raise ValueError('entropy_weight and kd_weight are both 0: nothing is distilled')
        require_positive('temperature', temperature)
        self.entropy_weight = entropy_weight
        self.kd_weight = kd_weight
        self.distance = distance
        self.temperature = temperature

    def pixel_losses(self, student: Tensor, teacher: Tensor) -> dict[str, Tensor]:
        """``loss_entropy`` and ``loss_kd`` of each pixel; see :class:`PixelLoss`."""
        losses = {}
        if self.entropy_weight:
            distance = _DISTANCES[self.distance]
            entropies = binary_entropy(student), binary_entropy(teacher)
            losses['loss_entropy'] = distance(*entropies, reduction='none') * self.entropy_weight
        if self.kd_weight:
            losses['loss_kd'] = binary_kl(student, teacher, self.temperature) * self.kd_weight
        return losses
