"""Where in the frames of a CTC recogniser each character of a label stands."""
from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from ..checks import at_least_float32
from ..steps import first_steps
from .lattice import Lattice, best_path, build_lattice, emitted, state_posteriors


@torch.no_grad()
def align_labels(log_probs: Tensor, labels: Tensor, lengths: Tensor, frames: Tensor,
                 blank_idx: int, hard: bool = False) -> tuple[Tensor, Tensor]:
    """Align each word's characters with its frames.

    Recognisers of equal T can share the weights: align with the teacher, read vectors of both.

    Args:
        log_probs: Log-probabilities of the classes at each frame, shape (N, T, C).
        labels: Classes of the characters, never the blank, padded with anything, long, shape
            (N, L).
        lengths: Characters of each label, >= 0, long, shape (N,).
        frames: Valid frames of each word, long, shape (N,); more than T counts as T.
        blank_idx: Class of the blank.
        hard: Only the most probable path counts (Viterbi); otherwise all paths, by their
            probability (forward-backward).

    Returns:
        Weights of the frames for each character, shape (N, L, T), float32 or wider, without
        gradient: they sum to 1 over T; all 0 for padding and for words that cannot be aligned
        (fewer frames than characters and repeats). And which words can, bool, shape (N,).

    Raises:
        ValueError: If shapes do not fit together or there is no such blank.
    """
    lattice = _lattice(log_probs, labels, lengths, frames, blank_idx)
    if hard:
        states, alignable = best_path(lattice)
        runs = F.one_hot(states, lattice.classes.shape[2]).to(lattice.emissions)
        weights = F.normalize(runs, p=1, dim=2)
    else:
        posteriors, log_likelihood = state_posteriors(lattice)
        alignable = log_likelihood.isfinite()
        weights = posteriors.softmax(2)
    real = first_steps(lengths, labels.shape[1]) & alignable
    return torch.where(real[:, :, None], weights[:, 0, :, 1::2].mT, 0), alignable[:, 0]


def character_vectors(features: Tensor, weights: Tensor) -> Tensor:
    """Average the frames of each character.

    Args:
        features: One vector per frame, shape (N, T, E).
        weights: From :func:`align_labels`, shape (N, L, T).

    Returns:
        One vector per character, shape (N, L, E), float32 or wider; 0 where the weights are.
        Gradients flow into the features.
    """
    with torch.autocast(features.device.type, enabled=False):
        features = at_least_float32(features)
        return weights.to(features) @ features


@torch.no_grad()
def occupancy(log_probs: Tensor, labels: Tensor, lengths: Tensor, frames: Tensor,
              blank_idx: int) -> tuple[Tensor, Tensor]:
    """How probable each class is at each frame, given the label.

    Args:
        log_probs: See :func:`align_labels`, as the other arguments.
        labels: See there.
        lengths: See there.
        frames: See there.
        blank_idx: See there.

    Returns:
        Probabilities gamma_t(k), shape (N, T, C): rows sum to 1; rows beyond ``frames`` and
        labels that no path spells have 0 everywhere. And the log-probability of the label, shape
        (N,), -inf if no path spells it. Both without gradient; gamma is the gradient of the
        second with respect to ``log_probs``.

    Raises:
        ValueError: If shapes do not fit together or there is no such blank.
    """
    lattice = _lattice(log_probs, labels, lengths, frames, blank_idx)
    posteriors, log_likelihood = state_posteriors(lattice)
    gamma = emitted(lattice, posteriors.exp(), log_probs.shape[2])
    return gamma * first_steps(frames, log_probs.shape[1])[:, :, None], log_likelihood[:, 0]


def _lattice(log_probs: Tensor, labels: Tensor, lengths: Tensor, frames: Tensor,
             blank_idx: int) -> Lattice:
    """Of one label per word, if the arguments fit together."""
    if log_probs.dim() != 3:
        raise ValueError(f'log_probs has shape {tuple(log_probs.shape)}, expected (N, T, C)')
    n = len(log_probs)
    if labels.dim() != 2 or len(labels) != n:
        raise ValueError(f'labels has shape {tuple(labels.shape)}, expected ({n}, L)')
    for field, values in (('lengths', lengths), ('frames', frames)):
        if values.shape != (n, ):
            raise ValueError(f'{field} has shape {tuple(values.shape)}, expected ({n},)')
    if not 0 <= blank_idx < log_probs.shape[2]:
        raise ValueError(f'blank_idx={blank_idx} is no class: there are {log_probs.shape[2]}')
    return build_lattice(log_probs, labels[:, None], lengths[:, None], frames, blank_idx)
