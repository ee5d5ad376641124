"""Channel-wise distillation."""
from __future__ import annotations

import torch
from mmocr.registry import MODELS
from torch import Tensor, nn

from .checks import at_least_float32, require_positive, require_same_shape


@MODELS.register_module()
class CWDLoss(nn.Module):
    """KL divergence between each channel's softmax over all positions.

    Shu et al., "Channel-wise Knowledge Distillation for Dense Prediction" (ICCV 2021). On the
    one channel of a text probability map it normalises over space instead of classes, and so
    does not suffer from there being only two of them.

    Args:
        loss_weight: Weight, > 0.
        temperature: Divides both maps before the softmax, > 0 (4 in the paper, for logits).

    Raises:
        ValueError: If a field is not positive.
    """

    def __init__(self, loss_weight: float = 1.0, temperature: float = 4.0) -> None:
        super().__init__()
        require_positive('loss_weight', loss_weight)
        require_positive('temperature', temperature)
        self.loss_weight = loss_weight
        self.temperature = temperature

    def forward(self, student: Tensor, teacher: Tensor,
                mask: Tensor | None = None) -> dict[str, Tensor]:
        """Compute the loss.

        Args:
            student: Shape (N, H, W) or (N, C, H, W).
            teacher: Same shape; no gradient flows into it.
            mask: Unused: the softmax runs over all positions.

        Returns:
            ``loss_cwd``, a scalar: ``T^2 * KL`` averaged over images and channels.

        Raises:
            ValueError: If shapes differ.
        """
        require_same_shape(student, teacher)
        with torch.autocast(student.device.type, enabled=False):
            log_s = self._log_softmax(student)
            log_t = self._log_softmax(teacher.detach())
            kl = (log_t.exp() * (log_t - log_s)).sum(-1).mean()
        return {'loss_cwd': kl * self.temperature**2 * self.loss_weight}

    def _log_softmax(self, maps: Tensor) -> Tensor:
        return (at_least_float32(maps).flatten(-2) / self.temperature).log_softmax(-1)
