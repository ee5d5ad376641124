"""Which words a model found, at which score threshold; and which of them another one did."""
from __future__ import annotations

from dataclasses import dataclass
from typing import Mapping, Sequence

import numpy as np

from .counts import middle_of_best, share


@dataclass(frozen=True, eq=False)
class FoundWords:
    """What a model found of W words, at T thresholds.

    Attributes:
        thresholds: Rising, shape (T,).
        found: Whether a word counts as found, bool, shape (W, T).
        predictions: How many predictions count, of all images, shape (T,).
        sizes: Name of a size -> that of each word, shape (W,).
    """

    thresholds: np.ndarray
    found: np.ndarray
    predictions: np.ndarray
    sizes: Mapping[str, np.ndarray]

    @classmethod
    def of_images(cls, images: Sequence[FoundWords]) -> FoundWords:
        """All words of several images, in their order.

        Args:
            images: At least one, at the same thresholds.
        """
        sizes = {name: np.concatenate([image.sizes[name] for image in images])
                 for name in images[0].sizes}
        return cls(images[0].thresholds, np.concatenate([image.found for image in images]),
                   np.sum([image.predictions for image in images], axis=0), sizes)

    @property
    def recalls(self) -> np.ndarray:
        """At each threshold, shape (T,)."""
        return share(self.found.sum(0), len(self.found))

    @property
    def precisions(self) -> np.ndarray:
        """At each threshold, shape (T,)."""
        return share(self.found.sum(0), self.predictions)

    @property
    def hmeans(self) -> np.ndarray:
        """At each threshold, shape (T,)."""
        return share(2 * self.found.sum(0), len(self.found) + self.predictions)

    @property
    def best(self) -> int:
        """Place of the threshold with the best hmean; see :func:`.middle_of_best`."""
        return middle_of_best(self.hmeans)

    @property
    def at_best(self) -> np.ndarray:
        """Whether each word is found there, bool, shape (W,)."""
        found: np.ndarray = self.found[:, self.best]
        return found


def agreement(student: np.ndarray, teacher: np.ndarray) -> dict[str, int]:
    """Who found what.

    Args:
        student: Whether it found each word, bool, shape (W,).
        teacher: Likewise.
    """
    return {'both': int((student & teacher).sum()), 'student only': int((student & ~teacher).sum()),
            'teacher only': int((~student & teacher).sum()),
            'none': int((~student & ~teacher).sum())}


def in_bins(values: np.ndarray, edges: Sequence[float]) -> dict[str, np.ndarray]:
    """Sort words by a size.

    Args:
        values: Of W words.
        edges: Rising; a bin holds its upper edge.

    Returns:
        Name of a bin -> whether each word is in it, bool, shape (W,); bins without words are left
        out. The last one, 'all', has every word.
    """
    places = np.searchsorted(np.asarray(edges), values)  # the first edge that is not smaller
    names = [*(f'<= {edge:g}' for edge in edges), f'> {edges[-1]:g}']
    bins = {name: places == place for place, name in enumerate(names)}
    return {**{name: which for name, which in bins.items() if which.any()},
            'all': np.ones(len(values), bool)}
