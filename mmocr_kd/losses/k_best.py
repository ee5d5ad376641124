"""The K best ways to read a word, exactly, for all words and steps at once."""
from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from .checks import require_choice
from .choices import Choices, choose
from .deviations import Candidates, candidates

LENGTH_NORMS = ('div', 'none', 'mean_log')


@dataclass(frozen=True)
class Paths:
    """Ways to read each of N words, best first.

    Args:
        classes: What is read at each step, the end token from the end on; long, shape (N, K, T).
        lengths: Steps until the end, the end token included; long, shape (N, K).
        log_probs: Sum of the log-probabilities of these steps; -inf where there are fewer than K
            paths; float64, shape (N, K).
    """

    classes: Tensor
    lengths: Tensor
    log_probs: Tensor


@torch.no_grad()
def k_best_paths(log_probs: Tensor,
                 num_paths: int,
                 branch: int | None,
                 end_idx: int | None = None,
                 not_read: tuple[int, ...] = (),
                 length_norm: str = 'div',
                 max_lengths: Tensor | None = None) -> Paths:
    """Find the best paths, where a path ends at its first end token or at the last step.

    KD-LTR's official code searches best-first, word by word, and gives up after about a hundred
    expansions. Here each step's probabilities do not depend on the steps before (the decoder is
    teacher-forced), so for each place to end there is a greedy path, and all others lose against
    it what they lose at single steps. Only the K best ends, and of each the few deviations that
    lose least, can be among the K best paths: these are compared. The result is exactly what the
    search would find without limit. Ties are broken the same way every time.

    Args:
        log_probs: Log-probabilities of the classes at each step, shape (N, T, C).
        num_paths: K, >= 1. Time and memory grow faster than K; meant for tens, not hundreds.
        branch: How many of the best classes of each step a path may take, >= 1; None: all. 1
            gives the greedy path, up to the first step whose best class is the end token.
        end_idx: Class of the end token; None: all paths have T steps.
        not_read: Classes that no path may take.
        length_norm: Score of a path of probability P and length L: 'div' is P / L (official),
            'none' is P (the paper's definition), 'mean_log' is log(P) / L.
        max_lengths: Steps of each word that mean something, from 1, long, shape (N,): paths end
            there as they do at step T, with or without an end token. None: T.

    Returns:
        K paths, or as many as can exist with so few steps and choices.

    Raises:
        ValueError: If ``length_norm`` is unknown, or there are ``max_lengths`` and no end token.
    """
    require_choice('length_norm', length_norm, LENGTH_NORMS)
    # What takes less than the K-th best character at some step has K better paths beside it.
    number = num_paths if branch is None else branch
    longest = torch.full_like(log_probs[:, :1, 0], log_probs.shape[1], dtype=torch.long)
    if max_lengths is not None:
        longest = max_lengths.unsqueeze(1).clamp(max=log_probs.shape[1])
        log_probs = _certain_end(log_probs, longest, end_idx)
    choices = choose(log_probs, number, end_idx, not_read, end_anywhere=branch is None)
    table = candidates(num_paths, log_probs.shape[1], choices.classes.shape[2], log_probs.device)
    ends = _best_ends(choices, longest, num_paths, length_norm)
    steps = _cheapest_steps(choices, ends, table)
    scores = ends.log_probs.index_select(1, table.ends) - _losses(choices, steps, table)
    lengths = ends.steps.index_select(1, table.ends)
    best = _order(scores, lengths, longest, length_norm)[:, :num_paths]
    lengths = lengths.gather(1, best)
    read = _spell(choices, steps, table, best)
    if end_idx is not None:
        step = torch.arange(read.shape[2], device=read.device)
        read.masked_fill_(step >= lengths.unsqueeze(2), end_idx)
    return Paths(read, (lengths + 1).minimum(longest), scores.gather(1, best))


def path_distribution(paths: Paths, num_classes: int, dtype: torch.dtype) -> Tensor:
    """What the paths read at each step, weighted by their probabilities.

    q_t(k) = sum of P over the paths that read k at step t / sum of P over all paths.

    Args:
        paths: The paths.
        num_classes: C.
        dtype: Of the result.

    Returns:
        Shape (N, T, C); rows sum to 1.
    """
    classes = paths.classes.transpose(1, 2)
    weights = paths.log_probs.softmax(1).to(dtype).unsqueeze(1).expand(classes.shape)
    empty = weights.new_zeros(*classes.shape[:2], num_classes)
    return empty.scatter_add_(2, classes, weights)


@dataclass(frozen=True)
class _Ends:
    """Where the greedy paths that end best do so: steps before it and log-probabilities (N, E)."""

    steps: Tensor
    log_probs: Tensor


def _best_ends(choices: Choices, longest: Tensor, num_paths: int, length_norm: str) -> _Ends:
    before = F.pad(choices.log_probs[:, :-1].cumsum(1), (1, 0))
    scores = before + F.pad(choices.ends, (0, 1))
    steps = torch.arange(scores.shape[1], device=scores.device)
    best = _order(scores, steps, longest, length_norm)[:, :num_paths]
    return _Ends(best, scores.gather(1, best))


def _certain_end(log_probs: Tensor, longest: Tensor, end_idx: int | None) -> Tensor:
    """The same, but from step ``longest`` (N, 1) on nothing can be read except the end."""
    if end_idx is None:
        raise ValueError('max_lengths without an end_idx: paths that end early need an end token')
    past = torch.arange(log_probs.shape[1], device=log_probs.device) >= longest
    ending = log_probs.masked_fill(past.unsqueeze(2), -torch.inf)
    ending[..., end_idx].masked_fill_(past, 0)
    return ending


def _order(scores: Tensor, lengths: Tensor, longest: Tensor, length_norm: str) -> Tensor:
    """Sort paths by score; ``lengths`` do not include the end token, ``longest`` (N, 1) does."""
    lengths = (lengths + 1).minimum(longest)
    if length_norm == 'div':
        scores = scores - lengths.to(scores.dtype).log()
    elif length_norm == 'mean_log':
        scores = scores / lengths
    return scores.sort(dim=1, descending=True, stable=True).indices


def _cheapest_steps(choices: Choices, ends: _Ends, table: Candidates) -> Tensor:
    """Steps before each end, sorted by how little the second best choice loses there.

    Returns:
        Shape (N, E * R + 1); T where there are no R steps, and as the last, which is nowhere.
    """
    steps = choices.ends.shape[1]
    if choices.losses.shape[2] == 1:
        return ends.steps.new_full((len(ends.steps), table.nowhere + 1), steps)
    order = choices.losses[:, :-1, 1].sort(dim=1, stable=True).indices.unsqueeze(1)
    before = order < ends.steps.unsqueeze(2)
    # Ranks from 1; what has no rank or too high a one goes to places 0 and R + 1.
    rank = (before.cumsum(2) * before).clamp(max=table.num_ranks + 1)
    found = order.new_full((*ends.steps.shape, table.num_ranks + 2), steps)
    found.scatter_(2, rank, order.expand(rank.shape))
    return F.pad(found[..., 1:-1].flatten(1), (0, 1), value=steps)


def _losses(choices: Choices, steps: Tensor, table: Candidates) -> Tensor:
    """What each candidate loses against the greedy path with its end, shape (N, P)."""
    where = steps.index_select(1, table.ranks.flatten()).view(len(steps), *table.ranks.shape)
    return _look_up(choices.losses, where, table.choices).sum(2)


def _spell(choices: Choices, steps: Tensor, table: Candidates, best: Tensor) -> Tensor:
    """Classes that the candidates ``best`` (N, K) read, shape (N, K, T)."""
    ranks = table.ranks[best]
    where = steps.gather(1, ranks.flatten(1)).view(ranks.shape)
    greedy = choices.classes[..., 0].unsqueeze(1).repeat(1, best.shape[1], 1)
    read = _look_up(choices.classes, where, table.choices[best])
    return greedy.scatter_(2, where, read)[..., :-1]


def _look_up(values: Tensor, steps: Tensor, choices: Tensor) -> Tensor:
    """Entries of ``values`` (N, T + 1, B) at steps (N, X, M) and choices (X, M) or (N, X, M)."""
    index = steps * values.shape[2] + choices
    return values.flatten(1).gather(1, index.flatten(1)).view(index.shape)
