"""Best-first search for the most probable paths through a table, one table at a time.

The straightforward way, with a heap: what the search for all words at once is compared with.
"""
from __future__ import annotations

import heapq
import math
from typing import Collection, NamedTuple

import torch
from torch import Tensor


class Path(NamedTuple):
    """A way through the first rows of a table.

    Args:
        classes: The column taken in each row.
        prob: Product of the entries met.
    """

    classes: tuple[int, ...]
    prob: float


def best_first_paths(probs: Tensor,
                     num_paths: int,
                     branch: int,
                     end_idx: int | None = None,
                     not_read: Collection[int] = (),
                     divide: bool = True,
                     max_expansions: int | None = None) -> list[Path]:
    """Find the best complete paths: those that end with the end column or in the last row.

    This is what KD-LTR's official code does (Guo et al., ACM MM 2023; there with
    ``max_expansions=100``), written anew. Scores never grow along a path, so complete paths are
    met best first, and without limit the result is exact. The time then grows exponentially with
    the rows of a flat table.

    Args:
        probs: The table, >= 0, shape (T, C).
        num_paths: How many to find.
        branch: How many of the largest entries of each row a path may take.
        end_idx: Column that ends a path; None: only the last row does.
        not_read: Columns that no path may take.
        divide: Score paths by their probability over their length, else by the probability.
        max_expansions: Stop after as many; None: never.

    Returns:
        At most ``num_paths``, best first. If the search stopped before any was complete, the best
        incomplete ones.
    """
    choices = _largest(probs, branch, not_read)
    heap = [(-math.inf, Path((), 1.))]
    complete: list[Path] = []
    expansions = 0
    while heap and len(complete) < num_paths and expansions != max_expansions:
        path = heapq.heappop(heap)[1]
        if len(path.classes) == len(choices) or end_idx in path.classes[-1:]:
            complete.append(path)
            continue
        expansions += 1
        for column, prob in choices[len(path.classes)]:
            child = Path((*path.classes, column), path.prob * prob)
            score = child.prob / len(child.classes) if divide else child.prob
            heapq.heappush(heap, (-score, child))
    return complete or [path for _, path in heapq.nsmallest(num_paths, heap)]


def _largest(probs: Tensor, branch: int,
             not_read: Collection[int]) -> list[list[tuple[int, float]]]:
    """Columns and entries of each row, largest first; among equals the lower column first."""
    columns = torch.tensor([c for c in range(probs.shape[1]) if c not in not_read])
    entries, order = probs[:, columns].sort(dim=1, descending=True, stable=True)
    best = columns[order[:, :branch]]
    return [list(zip(*row)) for row in zip(best.tolist(), entries[:, :branch].tolist())]
