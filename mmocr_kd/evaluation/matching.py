"""Who is matched with whom, at all score thresholds at once."""
from __future__ import annotations

import numpy as np
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import maximum_bipartite_matching

STRATEGIES = ('vanilla', 'max_matching')


def count_hits(overlapping: np.ndarray, right: np.ndarray, kept: np.ndarray,
               strategy: str = 'vanilla') -> tuple[np.ndarray, np.ndarray]:
    """Count instances that were found, and those that were also read.

    Args:
        overlapping: Whether prediction p lies on instance g, bool, shape (G, P).
        right: Whether it would read it right, bool, shape (G, P).
        kept: Whether prediction p counts at threshold t, bool, shape (P, T).
        strategy: 'vanilla': instances in order take the first free prediction that lies on them,
            right or wrong (ICDAR's scripts, MMOCR's default). 'max_matching': as many pairs as
            can be; for readings, as many right pairs as can be (a reading is judged by the best
            assignment, which ICDAR's script does not do).

    Returns:
        Found and read instances, integers, each of shape (T,).
    """
    if strategy == 'max_matching':
        return _most_pairs(overlapping, kept), _most_pairs(overlapping & right, kept)
    partners = first_come(overlapping, kept)
    # A column more, for those without a partner.
    read = np.take_along_axis(np.pad(right, ((0, 0), (0, 1))), partners, 1)
    return (partners >= 0).sum(0), read.sum(0)


def first_come(overlapping: np.ndarray, kept: np.ndarray) -> np.ndarray:
    """Give each instance, in order, the first free prediction that lies on it.

    Args:
        overlapping: See :func:`count_hits`, shape (G, P).
        kept: Likewise, shape (P, T).

    Returns:
        Which prediction each instance gets at each threshold, -1 for none, shape (G, T).
    """
    partners = np.full((len(overlapping), kept.shape[1]), -1)
    free = kept.copy()
    for g, p in np.argwhere(overlapping):
        pair = (partners[g] < 0) & free[p]
        partners[g, pair] = p
        free[p] &= ~pair
    return partners


def _most_pairs(possible: np.ndarray, kept: np.ndarray) -> np.ndarray:
    pairs = np.zeros(kept.shape[1], dtype=np.int64)
    if possible.any():
        for t, column in enumerate(kept.T):
            partners = maximum_bipartite_matching(csr_matrix(possible & column), perm_type='row')
            pairs[t] = (partners >= 0).sum()
    return pairs
