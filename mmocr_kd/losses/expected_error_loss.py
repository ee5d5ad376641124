"""DLD: teaching a selector how many errors to expect."""
from __future__ import annotations

import torch
from mmocr.registry import MODELS
from torch import Tensor, nn

from .checks import at_least_float32, require_choice, require_not_negative

KINDS = ('poisson', 'squared')
_LEAST = 1e-6  # no logarithm of 0; far less than any error that matters


@MODELS.register_module()
class ExpectedErrorLoss(nn.Module):
    """Compares predicted errors with those that were made; the mean of these is its optimum.

    Images that look alike do not all have as many errors. To choose by expected errors the
    prediction has to be their mean: a classification of the best scale follows the majority, and an
    absolute difference the median (our choice; DLD, Chen et al., ECCV 2022, trains through the
    scale that was drawn).

    Args:
        kind: 'poisson': the deviance ``2 (e log(e / m) - e + m)``, which expects counts to spread
            as their mean does, so that pages full of words do not drown the others. 'squared':
            ``(e - m)^2``.
        loss_weight: Weight, >= 0.

    Raises:
        ValueError: If a field has an unknown or impossible value.
    """

    def __init__(self, kind: str = 'poisson', loss_weight: float = 1.0) -> None:
        super().__init__()
        require_choice('kind', kind, KINDS)
        require_not_negative('loss_weight', loss_weight)
        self.kind = kind
        self.loss_weight = loss_weight

    def forward(self, predicted: Tensor, errors: Tensor) -> dict[str, Tensor]:
        """Compare.

        Args:
            predicted: Of B images at K scales, >= 0, shape (B, K).
            errors: What happened, >= 0, shape (B, K); NaN where nobody knows, which teaches
                nothing. No gradient flows into it.

        Returns:
            ``loss_res_error``, a scalar: the mean of what is known, 0 with a gradient of 0 if
            nothing is.

        Raises:
            ValueError: If the shapes differ.
        """
        if predicted.shape != errors.shape:
            raise ValueError(f'predicted of shape {tuple(predicted.shape)} and errors of '
                             f'{tuple(errors.shape)} differ: expected (B, K) twice')
        with torch.autocast(predicted.device.type, enabled=False):
            predicted = at_least_float32(predicted)
            errors = errors.detach().to(predicted)
            known = ~errors.isnan()
            # Not predicted * known: a gradient of NaN times 0 is NaN.
            losses = self._losses(predicted, errors.where(known, predicted.detach()))
            mean = (losses * known).sum() / known.sum().clamp(min=1)
        return {'loss_res_error': mean * self.loss_weight}

    def _losses(self, predicted: Tensor, errors: Tensor) -> Tensor:
        if self.kind == 'squared':
            return (errors - predicted).square()
        ratios = (errors + _LEAST) / (predicted + _LEAST)
        return 2 * ((errors + _LEAST) * ratios.log() - errors + predicted)
