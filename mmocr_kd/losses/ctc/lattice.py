"""The lattice of CTC: every frame-by-frame path that spells a given label.

Connectionist temporal classification: Graves et al., ICML 2006. Everything is in log space, for all
labels of all words at once; only time is a loop.
"""
from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from ..checks import at_least_float32
from ..steps import NEVER, first_steps


@dataclass(frozen=True)
class Lattice:
    """States blank, character, blank, ..., blank of K labels of N words: S = 2 L + 1.

    A path stays, goes one state on, or jumps over a blank between two different characters.

    Args:
        classes: What each state emits, long, shape (N, K, S).
        emissions: Log-probability of that at each frame, shape (N, K, T, S).
        jumps: 0 where a state may be entered from the one two before, else -inf, shape (N, K, S).
        ends: 0 where a path may end, else -inf, shape (N, K, S).
    """

    classes: Tensor
    emissions: Tensor
    jumps: Tensor
    ends: Tensor


def build_lattice(log_probs: Tensor, labels: Tensor, lengths: Tensor, frames: Tensor,
                  blank_idx: int) -> Lattice:
    """Lay out the paths of K labels per word.

    Args:
        log_probs: Log-probabilities of the classes at each frame, shape (N, T, C).
        labels: Classes of the characters, padded with anything, long, shape (N, K, L).
        lengths: Characters of each label, long, shape (N, K).
        frames: Valid frames of each word, long, shape (N,).
        blank_idx: Class of the blank.
    """
    inside = torch.arange(labels.shape[2], device=labels.device) < lengths[:, :, None]
    characters = labels.masked_fill(~inside, blank_idx)
    classes = F.pad(characters[..., None], (1, 0), value=blank_idx).flatten(2)
    classes = F.pad(classes, (0, 1), value=blank_idx)
    emissions = _emissions(end_with_blanks(log_probs, frames, blank_idx), classes)
    jump = torch.zeros_like(classes, dtype=torch.bool)
    jump[..., 3::2] = characters[..., 1:] != characters[..., :-1]
    from_end = 2 * lengths[:, :, None] - torch.arange(classes.shape[2], device=labels.device)
    end = (from_end == 0) | (from_end == 1)
    return Lattice(classes, emissions, _log(jump, emissions), _log(end, emissions))


def end_with_blanks(log_probs: Tensor, frames: Tensor, blank_idx: int) -> Tensor:
    """Make the frames from ``frames`` on certain blanks, which changes no label's probability.

    Args:
        log_probs: Shape (N, T, C); half precision becomes float32.
        frames: Valid frames of each word, shape (N,).
        blank_idx: Class of the blank.
    """
    log_probs = at_least_float32(log_probs)
    certain = log_probs.new_full(log_probs.shape[2:], NEVER)
    certain[blank_idx] = 0
    valid = first_steps(frames, log_probs.shape[1])
    return torch.where(valid[:, :, None], log_probs, certain)


def state_posteriors(lattice: Lattice) -> tuple[Tensor, Tensor]:
    """Where the paths are: forward-backward.

    Returns:
        Log-probability of each state at each frame given the label, shape (N, K, T, S), and
        log-probability of the label, shape (N, K); both -inf if no path spells it.
    """
    before, after = _forward(lattice), _backward(lattice)
    log_likelihood = (before[:, :, -1] + lattice.ends).logsumexp(2)
    possible = log_likelihood > NEVER
    joint = before + after
    return joint - log_likelihood.where(possible, 0)[..., None, None], log_likelihood


def emitted(lattice: Lattice, weights: Tensor, num_classes: int) -> Tensor:
    """Add up weights of states, shape (N, K, T, S), by the classes they emit: (N, T, C)."""
    weights = weights.transpose(1, 2).flatten(2)
    index = lattice.classes.flatten(1)[:, None].expand(weights.shape)
    return weights.new_zeros(*weights.shape[:2], num_classes).scatter_add_(2, index, weights)


def best_path(lattice: Lattice) -> tuple[Tensor, Tensor]:
    """The most probable path: Viterbi.

    Returns:
        State at each frame, long, shape (N, K, T), and whether there is any path, shape (N, K).
    """
    score, moves = _start(lattice), []
    for emission in lattice.emissions.unbind(2):
        score, move = torch.stack(_entering(score, lattice.jumps)).max(0)
        score = score + emission
        moves.append(move)
    score, state = (score + lattice.ends).max(2)
    states = []
    for move in reversed(moves):
        states.append(state)
        state = state - move.gather(2, state[..., None])[..., 0]
    return torch.stack(states[::-1], 2), score > NEVER


def _emissions(log_probs: Tensor, classes: Tensor) -> Tensor:
    # Labels share the frames of their word without a copy: dictionaries can be large.
    labels, steps = classes.shape[1], log_probs.shape[1]
    shared = log_probs[:, None].expand(-1, labels, -1, -1)
    return shared.gather(3, classes[:, :, None].expand(-1, -1, steps, -1))


def _forward(lattice: Lattice) -> Tensor:
    """Log-mass of paths up to and including each frame, shape (N, K, T, S)."""
    score, scores = _start(lattice), []
    for emission in lattice.emissions.unbind(2):
        stay, step, jump = _entering(score, lattice.jumps)
        score = emission + stay.logaddexp(step).logaddexp(jump)
        scores.append(score)
    return torch.stack(scores, 2)


def _backward(lattice: Lattice) -> Tensor:
    """Log-mass of paths after each frame, shape (N, K, T, S)."""
    score, scores = lattice.ends, [lattice.ends]
    for emission in reversed(lattice.emissions.unbind(2)[1:]):
        score = score + emission
        padded = F.pad(torch.stack([score, score + lattice.jumps]), (0, 2), value=NEVER)
        score = score.logaddexp(padded[0, ..., 1:-1]).logaddexp(padded[1, ..., 2:])
        scores.append(score)
    return torch.stack(scores[::-1], 2)


def _start(lattice: Lattice) -> Tensor:
    """Before the first frame: as if a blank had been read."""
    start = torch.full_like(lattice.ends, NEVER)
    start[..., 0] = 0
    return start


def _entering(score: Tensor, jumps: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Scores with which each state is entered from itself, one before, two before."""
    padded = F.pad(score, (2, 0), value=NEVER)
    return score, padded[..., 1:-1], padded[..., :-2] + jumps


def _log(allowed: Tensor, like: Tensor) -> Tensor:
    return like.new_zeros(allowed.shape).masked_fill(~allowed, NEVER)
