"""Feature distillation."""
from __future__ import annotations

import torch
import torch.nn.functional as F
from mmocr.registry import MODELS
from torch import Tensor, nn

from .checks import at_least_float32, require_positive, require_same_shape


@MODELS.register_module()
class FitNetLoss(nn.Module):
    """Mean squared error between feature maps.

    Romero et al., "FitNets: Hints for Thin Deep Nets" (ICLR 2015), trained together with the task
    instead of in a stage of its own (common practice), and averaged instead of summed so that
    the weight does not depend on the size of the maps (our choice). Where channels differ, give
    the term an adaptor (``DBNetDistiller``).

    Args:
        loss_weight: Weight, > 0.

    Raises:
        ValueError: If ``loss_weight`` is not positive.
    """

    def __init__(self, loss_weight: float = 1.0) -> None:
        super().__init__()
        require_positive('loss_weight', loss_weight)
        self.loss_weight = loss_weight

    def forward(self, student: Tensor, teacher: Tensor,
                mask: Tensor | None = None) -> dict[str, Tensor]:
        """Compute the loss.

        Args:
            student: Features after the adaptor, any shape.
            teacher: Same shape; no gradient flows into it.
            mask: Unused.

        Returns:
            ``loss_fitnet``, a scalar.

        Raises:
            ValueError: If shapes differ.
        """
        require_same_shape(student, teacher)
        with torch.autocast(student.device.type, enabled=False):
            loss = F.mse_loss(at_least_float32(student), at_least_float32(teacher.detach()))
        return {'loss_fitnet': loss * self.loss_weight}
