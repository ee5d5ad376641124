"""Which small deviations from a greedy path can be among the K best paths."""
from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Iterator

import torch
from torch import Tensor

# Steps and the choices taken there instead of the best one: pairs (rank, choice) by rising rank.
# Ranks order the steps by how little their second best choice loses; choice 1 is that one.
Deviation = tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class Candidates:
    """P paths that are sure to contain the K best of every word, as indexes.

    Args:
        ends: Which end each has, 0 for the best one; long, shape (P, ).
        ranks: Where it deviates, end * R + rank, or ``nowhere``; long, shape (P, M).
        choices: Which choice it takes there, 0 for nowhere; long, shape (P, M).
        num_ranks: R, the number of ranks in use.
        nowhere: E * R, where E is the number of ends in use.
    """

    ends: Tensor
    ranks: Tensor
    choices: Tensor
    num_ranks: int
    nowhere: int


@lru_cache(maxsize=256)
def candidates(num_paths: int, steps: int, branch: int, device: torch.device) -> Candidates:
    """List the candidates for the K best paths.

    The greedy paths of all better ends are better, and so are those of the same end that lose
    less. Whatever has K better ones is left out.

    Args:
        num_paths: K.
        steps: T; a path may end after any number of steps from 0 to T.
        branch: How many choices there are at each step.
        device: Where the indexes are needed.
    """
    found = [(end, deviation) for end in range(min(num_paths, steps + 1))
             for deviation in _deviations(num_paths - end, steps, branch)]
    num_ranks = max((rank + 1 for _, deviation in found for rank, _ in deviation), default=0)
    nowhere = (1 + found[-1][0]) * num_ranks
    most = max(len(deviation) for _, deviation in found)
    pairs = [[(end * num_ranks + rank, choice) for rank, choice in deviation]
             + [(nowhere, 0)] * (most - len(deviation)) for end, deviation in found]
    shape = (len(found), most, 2)
    places = torch.tensor(pairs, dtype=torch.long, device=device).view(shape)
    ends = torch.tensor([end for end, _ in found], device=device)
    return Candidates(ends, places[..., 0], places[..., 1], num_ranks, nowhere)


def _deviations(paths: int, steps: int, branch: int, last: int = -1) -> Iterator[Deviation]:
    """Deviations at ranks after ``last`` that fewer than ``paths`` others are sure to match.

    What deviates at (rank, choice) loses no less than what instead keeps the best choice, takes a
    better one there, or the second best of a rank between ``last`` and that one: these are
    rank - last + choice possibilities, itself included, and one may combine them freely over all
    pairs of the deviation.
    """
    yield ()
    for rank in range(last + 1, min(steps, last + paths)):
        for choice in range(1, branch):
            matching = rank - last + choice
            if matching <= paths:
                for rest in _deviations(paths // matching, steps, branch, rank):
                    yield ((rank, choice), *rest)
