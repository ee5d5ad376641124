"""Predictions of an image against its instances."""
from __future__ import annotations

from dataclasses import dataclass
from typing import Callable, Sequence

import numpy as np

from .matching import count_hits


@dataclass
class Pairing:
    """G instances and P predictions of one image at T score thresholds.

    Attributes:
        overlapping: Whether prediction p lies on instance g, bool, shape (G, P).
        covered: Whether p lies mainly inside g, so that it is ignored if g is, bool, (G, P).
        confident: Whether p passes threshold t, bool, shape (P, T).
        strategy: See :func:`~mmocr_kd.evaluation.matching.count_hits`.
    """

    overlapping: np.ndarray
    covered: np.ndarray
    confident: np.ndarray
    strategy: str

    def count(self, wanted: Sequence[str | None], readings: Sequence[str | None],
              reads_right: Callable[[str, str], bool]) -> np.ndarray:
        """Count instances, predictions and hits.

        Args:
            wanted: What each instance says; None: nobody cares.
            readings: What each prediction says; None: it is taken out.
            reads_right: Compares the two.

        Returns:
            Integers, shape (3, T).
        """
        cares = np.array([text is not None for text in wanted], dtype=bool)
        present = np.array([text is not None for text in readings], dtype=bool)
        kept = self.confident & (present & ~self.covered[~cares].any(0))[:, None]
        overlapping = self.overlapping & cares[:, None] & present
        right = np.zeros_like(overlapping)
        for g, p in np.argwhere(overlapping):
            right[g, p] = reads_right(wanted[g] or '', readings[p] or '')
        _, hits = count_hits(overlapping, right, kept, self.strategy)
        return np.stack([np.full_like(hits, cares.sum()), kept.sum(0), hits])
