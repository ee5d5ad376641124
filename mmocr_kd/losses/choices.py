"""Where the best paths through a word may go at each step."""
from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Iterable

import torch
from torch import Tensor

NEVER = -math.inf


@dataclass(frozen=True)
class Choices:
    """The best classes of each step; those that end a word apart.

    Args:
        classes: Best first, long, shape (N, T, B).
        log_probs: Theirs, -inf where there is no such choice, float64, shape (N, T, B).
        ends: Log-probability of ending, -inf where that is no choice, float64, shape (N, T).
    """

    classes: Tensor
    log_probs: Tensor
    ends: Tensor

    @property
    def gaps(self) -> Tensor:
        """What each choice but the best loses against it, shape (N, T, B - 1)."""
        others = self.log_probs[..., 1:]
        return (self.log_probs[..., :1] - others).masked_fill(others == NEVER, math.inf)


def choose(log_probs: Tensor, branch: int, end_idx: int | None, not_read: tuple[int, ...],
           end_anywhere: bool = False) -> Choices:
    """Find the ``branch`` best classes of each step, the end token being one like any other.

    Args:
        log_probs: Log-probabilities of the classes at each step, shape (N, T, C).
        branch: How many choices there are.
        end_idx: Class of the end token; None: there is none.
        not_read: Classes that are never chosen.
        end_anywhere: Whether the end is a choice at every step, on top of ``branch`` others.
    """
    number = min(branch, log_probs.shape[2])
    ending = () if end_idx is None else (end_idx, )
    scores, classes = best_classes(log_probs, number, (*not_read, *ending))
    scores = scores.double()
    if end_idx is None:
        return Choices(classes, scores, scores.new_full(scores.shape[:2], NEVER))
    ends = log_probs[..., end_idx].double()
    if end_anywhere:
        return Choices(classes, scores, ends)
    # The end is one of the choices if it beats the last of them, and then takes its place.
    chosen = ends > scores[..., -1]
    scores[..., -1].masked_fill_(chosen, NEVER)
    return Choices(classes, scores, ends.masked_fill(~chosen, NEVER))


def best_classes(log_probs: Tensor, number: int,
                 excluded: Iterable[int] = ()) -> tuple[Tensor, Tensor]:
    """The best classes of each step; among equals the lower class.

    Faster than ``topk``, which promises no order among equals.

    Args:
        log_probs: Shape (N, T, C).
        number: How many, from 1 to C.
        excluded: Classes to leave out; where no other is left the score is -inf.

    Returns:
        Log-probabilities and classes, both of shape (N, T, number), best first.
    """
    rest = log_probs.detach().clone()
    for column in excluded:
        rest[..., column] = NEVER
    scores, classes = [], []
    for _ in range(number):
        score, best = rest.max(-1, keepdim=True)
        rest.scatter_(-1, best, NEVER)
        scores.append(score)
        classes.append(best)
    return torch.cat(scores, -1), torch.cat(classes, -1)
