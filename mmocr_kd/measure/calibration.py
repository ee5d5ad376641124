"""Whether predicted numbers of errors are those that come."""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Calibration:
    """Predicted beside true errors.

    Args:
        bins: Groups of predictions of similar size, in rising order: how many, their mean, and
            the mean of the true errors.
        scales: Sum of the predicted over the sum of the true errors at each scale; NaN without
            any true error.
        bias: The same over all scales, less 1: 0.1 predicts a tenth too many.
    """

    bins: list[tuple[int, float, float]]
    scales: list[float]
    bias: float


def calibration(predicted: np.ndarray, true: np.ndarray, groups: int = 10) -> Calibration:
    """Compare what a selector expects with what comes.

    Args:
        predicted: Errors expected in M images at K scales, in words, shape (M, K).
        true: Errors that were made, likewise.
        groups: How many groups of equally many predictions to make, at most; 10: deciles.
    """
    order = predicted.ravel().argsort(kind='stable')
    pairs = np.stack([predicted.ravel(), true.ravel()], axis=1)[order]
    bins = [(len(part), float(part[:, 0].mean()), float(part[:, 1].mean()))
            for part in np.array_split(pairs, groups) if len(part)]
    scales = [_ratio(*sums) for sums in zip(predicted.sum(0), true.sum(0))]
    return Calibration(bins, scales, _ratio(predicted.sum(), true.sum()) - 1)


def _ratio(above: float, below: float) -> float:
    return float(above / below) if below else float('nan')
