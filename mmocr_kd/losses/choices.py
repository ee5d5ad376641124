"""Where the best paths through a word may go at each step."""
from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Iterable

import torch
import torch.nn.functional as F
from torch import Tensor

NEVER = -math.inf
_LEAST = torch.finfo(torch.float64).min


@dataclass(frozen=True)
class Choices:
    """The best classes of each step; those that end a word apart.

    A last row that is no step has one choice, which is certain. Looking up there what is to be
    done at no step spares a distinction.

    Args:
        classes: Best first, long, shape (N, T + 1, B).
        log_probs: Of the best, -inf where there is none, float64, shape (N, T + 1).
        losses: What each loses against the best, inf where there is no such choice, float64,
            shape (N, T + 1, B).
        ends: Log-probability of ending, -inf where that is no choice, float64, shape (N, T).
    """

    classes: Tensor
    log_probs: Tensor
    losses: Tensor
    ends: Tensor


def choose(log_probs: Tensor, branch: int, end_idx: int | None, not_read: tuple[int, ...],
           end_anywhere: bool) -> Choices:
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
    rows = F.pad(log_probs, (0, 0, 0, 1), value=NEVER)
    scores, classes = best_classes(rows, number, (*not_read, *ending))
    scores = scores.double()
    if end_idx is None:
        ends = scores.new_full(log_probs.shape[:2], NEVER)
    else:
        ends = log_probs[..., end_idx].double()
        if not end_anywhere:
            # The end is one of the choices if it beats the last of them, and takes its place.
            chosen = ends > scores[:, :-1, -1]
            scores[:, :-1, -1].masked_fill_(chosen, NEVER)
            ends = ends.masked_fill(~chosen, NEVER)
    scores[:, -1, 0] = 0
    best = scores[..., :1]
    # Clamped, because -inf less -inf is no number.
    return Choices(classes, best.squeeze(2), best.clamp(min=_LEAST) - scores, ends)


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
    rest = log_probs.detach().reshape(1, -1, log_probs.shape[2], 1)
    rest = rest.clone(memory_format=torch.channels_last)
    for column in excluded:
        rest[:, :, column] = NEVER
    scores: list[Tensor] = []
    classes: list[Tensor] = []
    while len(classes) < number:
        if classes:
            rest.scatter_(2, classes[-1], NEVER)
        score, best = _best(rest)
        scores.append(score)
        classes.append(best)
    shape = (*log_probs.shape[:2], number)
    return torch.cat(scores, 2).reshape(shape), torch.cat(classes, 2).reshape(shape)


def _best(rest: Tensor) -> tuple[Tensor, Tensor]:
    """The best class of each row of (1, rows, C, 1), channels last, and its score."""
    if rest.device.type != 'cpu':
        return rest.max(2, keepdim=True)
    # Pooling over all classes is the same, but compares many rows at once: seven times faster.
    return F.max_pool2d(rest, (rest.shape[2], 1), return_indices=True)
