"""What a CTC recogniser believes about the label as a whole, told frame by frame."""
from __future__ import annotations

import torch
from torch import Tensor

from ..steps import NEVER, first_steps
from .lattice import build_lattice, emitted, state_posteriors
from .search import best_labels


@torch.no_grad()
def label_distribution(log_probs: Tensor, frames: Tensor, blank_idx: int, num_labels: int = 6,
                       beam_width: int | None = None,
                       branch: int = 8) -> tuple[Tensor, Tensor]:
    """Mix the occupancies of the most probable labels.

    q_t(k) = sum over labels of P(label) gamma_t(k | label) / sum of P(label). The gradient of
    -log sum P(label) with respect to a recogniser's logits is p - q, so a divergence toward the
    teacher's q distils whole sequences (Huang et al., Interspeech 2018). P is exact for the labels
    found: all paths count, whatever the search kept. With all labels q is p.

    Says something only if these labels hold much of the mass: softened by a high temperature, a
    recogniser spreads it over so many labels that the best ones are arbitrary.

    Args:
        log_probs: Log-probabilities of the classes at each frame, shape (N, T, C).
        frames: Valid frames of each word, long, shape (N,); more than T counts as T.
        blank_idx: Class of the blank.
        num_labels: How many labels to mix; see :func:`~mmocr_kd.losses.ctc.best_labels`.
        beam_width: See there.
        branch: See there.

    Returns:
        q, shape (N, T, C): rows sum to 1, rows beyond ``frames`` are 0. And the log-probability
        of the best label, shape (N,). Both float32 or wider, without gradient.

    Raises:
        ValueError: If shapes do not fit together or a number is out of its range.
    """
    labels = best_labels(log_probs, frames, blank_idx, num_labels, beam_width, branch)
    lattice = build_lattice(log_probs, labels.indexes, labels.lengths, frames, blank_idx)
    posteriors, log_mass = state_posteriors(lattice)
    log_mass = log_mass.masked_fill(labels.log_probs == NEVER, NEVER)
    shares = posteriors.exp() * log_mass.softmax(1)[:, :, None, None]
    valid = first_steps(frames, log_probs.shape[1])
    return emitted(lattice, shares, log_probs.shape[2]) * valid[:, :, None], log_mass.amax(1)
