"""How hard, and in which direction, losses pull at parameters beside another loss."""
from __future__ import annotations

import math
from typing import Mapping, NamedTuple, Sequence

import numpy as np
import torch
from torch import Tensor

SHARED = 'all'  # parameters that both losses reach

Gradient = Sequence[Tensor | None]


class Pull(NamedTuple):
    """Of one loss, relative to the reference.

    Attributes:
        ratio: Norm of its gradient over that of the reference; NaN if the latter is 0.
        cosine: Of the angle between the two; NaN if one of them is 0.
    """

    ratio: float
    cosine: float


def pulls(reference: Gradient, gradient: Gradient, parts: Sequence[str]) -> dict[str, Pull]:
    """Compare a gradient with another, over the parameters that both reach.

    Args:
        reference: Of P parameters; None where the loss does not depend on one.
        gradient: Likewise.
        parts: Of which part of the model each parameter is.

    Returns:
        Part -> pull, :data:`SHARED` first; parts without shared parameters are left out.
    """
    sums: dict[str, Tensor] = {}
    for part, theirs, ours in zip(parts, reference, gradient, strict=True):
        if theirs is not None and ours is not None:
            products = _products(theirs.flatten(), ours.flatten())
            for name in (SHARED, part):
                sums[name] = sums[name] + products if name in sums else products
    return {name: _pull(*products.tolist()) for name, products in sums.items()}


def spread(found: Sequence[Mapping[str, Pull]]) -> dict[str, tuple[Pull, Pull]]:
    """Means and standard deviations over batches; batches that tell nothing are left out.

    Args:
        found: Of B batches, part -> pull.
    """
    parts = dict.fromkeys(part for batch in found for part in batch)
    return {part: _mean_and_deviation([batch[part] for batch in found if part in batch])
            for part in parts}


def _products(theirs: Tensor, ours: Tensor) -> Tensor:
    return torch.stack([theirs @ theirs, ours @ ours, theirs @ ours]).double()


def _pull(theirs: float, ours: float, both: float) -> Pull:
    ratio = math.sqrt(ours / theirs) if theirs else math.nan
    return Pull(ratio, both / math.sqrt(theirs * ours) if theirs and ours else math.nan)


def _mean_and_deviation(found: Sequence[Pull]) -> tuple[Pull, Pull]:
    told = [[value for value in values if not math.isnan(value)] for values in zip(*found)]
    return (Pull(*(float(np.mean(values)) if values else math.nan for values in told)),
            Pull(*(float(np.std(values, ddof=1)) if len(values) > 1 else math.nan
                   for values in told)))
