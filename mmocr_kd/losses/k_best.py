"""The K best ways to read a word, exactly, for all words at once."""
from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from .checks import require_choice
from .steps import NEVER

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
    teacher-forced), so among beginnings of equal length only the K best can become one of the K
    best paths, and keeping these step by step finds exactly what that search would find without
    limit. Among equals the earlier end and then the better beginning wins, the same way every time.

    Args:
        log_probs: Log-probabilities of the classes at each step, shape (N, T, C).
        num_paths: K, >= 1.
        branch: How many of the best classes of each step a path may take, >= 1; None: all. 1
            gives the greedy path, up to the first step whose best class is the end token.
        end_idx: Class of the end token; None: all paths have T steps.
        not_read: Classes that no path may take.
        length_norm: Score of a path of probability P and length L: 'div' is P / L (official),
            'none' is P (the paper's definition), 'mean_log' is log(P) / L.
        max_lengths: Steps of each word that mean something, from 1, long, shape (N,): paths end
            there as they do at step T, with or without an end token. None: T.

    Raises:
        ValueError: If ``length_norm`` is unknown, or there are ``max_lengths`` and no end token.
    """
    require_choice('length_norm', length_norm, LENGTH_NORMS)
    if max_lengths is not None and end_idx is None:
        raise ValueError('max_lengths without an end_idx: paths that end early need an end token')
    longest = torch.full_like(log_probs[:, :1, 0], log_probs.shape[1], dtype=torch.long)
    if max_lengths is not None:
        longest = longest.minimum(max_lengths.unsqueeze(1))
    ends, scores, classes = _choices(log_probs, num_paths, branch, end_idx, not_read)
    ends = _end_at(ends, longest)
    begun = F.pad(torch.zeros_like(ends[:, :1]), (0, num_paths - 1), value=NEVER)
    ended, history = [begun + ends[:, :1]], []
    for step in range(log_probs.shape[1]):
        begun, origins, read = _grow(begun, scores[:, step], classes[:, step])
        ended.append(begun + ends[:, step + 1, None])
        history.append((origins, read))
    totals = torch.cat(ended, 1)
    before = torch.arange(ends.shape[1], device=ends.device).repeat_interleave(num_paths)
    lengths = (before + 1).minimum(longest)
    best = _best(_normed(totals, lengths, length_norm), num_paths)
    spelled = _spell(history, before[best], best % num_paths, 0 if end_idx is None else end_idx)
    return Paths(spelled, lengths.gather(1, best), totals.gather(1, best))


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


def without(log_probs: Tensor, not_read: tuple[int, ...]) -> Tensor:
    """A copy of log-probabilities (..., C) in which the classes ``not_read`` are impossible."""
    allowed = log_probs.detach().clone()
    for column in not_read:
        allowed[..., column] = NEVER
    return allowed


def _choices(log_probs: Tensor, num_paths: int, branch: int | None, end_idx: int | None,
             not_read: tuple[int, ...]) -> tuple[Tensor, Tensor, Tensor]:
    """Of each step the log-probability of ending (N, T), and of going on with B classes (N, T, B).

    Returns:
        Both as float64, -inf where that is no choice, and the B classes.
    """
    allowed = without(log_probs, not_read)
    # What takes less than the K-th best character at some step has K better paths beside it.
    number = num_paths + 1 if branch is None else branch
    scores, classes = allowed.topk(min(number, log_probs.shape[2]), 2)
    if end_idx is None:
        return torch.full_like(log_probs[..., 0], NEVER).double(), scores.double(), classes
    ending = classes == end_idx
    ends = allowed[..., end_idx]
    if branch is not None:
        ends = ends.masked_fill(~ending.any(2), NEVER)
    return ends.double(), scores.masked_fill(ending, NEVER).double(), classes


def _end_at(ends: Tensor, longest: Tensor) -> Tensor:
    """Log-probabilities of ending (N, T + 1), certain after ``longest`` (N, 1) steps."""
    steps = torch.arange(ends.shape[1] + 1, device=ends.device)
    ends = F.pad(ends, (0, 1)).masked_fill(steps == longest, 0)
    return ends.masked_fill(steps > longest, NEVER)


def _grow(begun: Tensor, scores: Tensor, classes: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The K best beginnings (N, K) with one more of B classes (N, B); what each grew from, by."""
    grown = (begun[:, :, None] + scores[:, None]).flatten(1)
    best = _best(grown, begun.shape[1])
    origins, choice = best // scores.shape[1], best % scores.shape[1]
    return grown.gather(1, best), origins, classes.gather(1, choice)


def _best(scores: Tensor, number: int) -> Tensor:
    """Where in its row the best ``number`` of scores are, among equals the first one first."""
    return scores.sort(dim=1, descending=True, stable=True).indices[:, :number]


def _normed(totals: Tensor, lengths: Tensor, length_norm: str) -> Tensor:
    """Scores of paths with these log-probabilities and lengths; the end token counts."""
    if length_norm == 'div':
        return totals - lengths.to(totals.dtype).log()
    return totals / lengths if length_norm == 'mean_log' else totals


def _spell(history: list[tuple[Tensor, Tensor]], ends: Tensor, slots: Tensor,
           end_idx: int) -> Tensor:
    """What the beginnings in ``slots`` at steps ``ends``, both (N, K), read: (N, K, T)."""
    spelled = []
    for step, (origins, read) in reversed(list(enumerate(history))):
        inside = step < ends
        spelled.append(read.gather(1, slots).masked_fill(~inside, end_idx))
        slots = origins.gather(1, slots).where(inside, slots)
    return torch.stack(spelled[::-1], 2)
