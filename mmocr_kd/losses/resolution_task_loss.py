"""DLD without reading: what the chosen resolutions cost in the student's own loss."""
from __future__ import annotations

import torch
from mmocr.registry import MODELS
from torch import Tensor, nn

from .blends import blend
from .checks import at_least_float32, require_not_negative


@MODELS.register_module()
class ResolutionTaskLoss(nn.Module):
    """How well the student does its own task at the chosen scales; trains the selector alone.

    ``mean_b sum_k h_bk (loss_kb + lost_weight * lost_kb * max_j loss_jb)``, the exact price of
    each scale. Our counterpart of :class:`~mmocr_kd.losses.ResolutionAccuracyLoss` for models that
    do not read; DLD (Chen et al., ECCV 2022) has none.

    Losses of different scales have to be comparable. Means over pixels or instances, as DB, PAN
    and PSE have them, are; sums over pixels are not. Words too small to be annotated at a scale
    are the exception: detectors leave them out (DB) or take them for background (PAN), and the
    fewer words remain, the lower the loss. Hence ``lost``, the share of an image's words that a
    scale makes too small, charged in units of the image's worst loss.

    Args:
        lost_weight: How many times the image's worst loss losing all its words costs, >= 0. From
            1 on that is never better than a scale at which none are lost.
        min_side: Words whose shorter side is below so many pixels are lost, >= 0. 8 is where
            MMOCR's DB loss gives up by default.
        loss_weight: Weight of it all, >= 0.

    Raises:
        ValueError: If a number is out of its range.
    """

    def __init__(self, lost_weight: float = 1.0, min_side: float = 8.0,
                 loss_weight: float = 1.0) -> None:
        super().__init__()
        for name, value in (('lost_weight', lost_weight), ('min_side', min_side),
                            ('loss_weight', loss_weight)):
            require_not_negative(name, value)
        self.lost_weight = lost_weight
        self.min_side = min_side
        self.loss_weight = loss_weight

    def forward(self, decisions: Tensor, losses: Tensor, lost: Tensor) -> dict[str, Tensor]:
        """Rate the decisions.

        Args:
            decisions: One-hot choices of B images among K scales, with the gradient of the
                selector, shape (B, K).
            losses: The student's loss for each image at each scale, finite, shape (K, B); no
                gradient flows into it.
            lost: Share of each image's words that are lost, in [0, 1], shape (K, B).

        Returns:
            ``loss_res_acc``, a scalar.

        Raises:
            ValueError: If shapes do not fit.
        """
        expected = decisions.shape[::-1]
        if decisions.dim() != 2 or losses.shape != expected or lost.shape != expected:
            raise ValueError(
                f'decisions of shape {tuple(decisions.shape)}, losses of {tuple(losses.shape)} '
                f'and lost of {tuple(lost.shape)} do not fit: expected (B, K), (K, B), (K, B)')
        with torch.autocast(decisions.device.type, enabled=False):
            losses = at_least_float32(losses.detach())
            worst = losses.amax(0).clamp(min=0)
            prices = losses + self.lost_weight * lost * worst
            rated = blend(prices, at_least_float32(decisions).T)
            return {'loss_res_acc': rated.mean() * self.loss_weight}
