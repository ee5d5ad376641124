"""What a CTC recogniser believes about the label as a whole, told frame by frame."""
from __future__ import annotations

import torch
from torch import Tensor

from .ctc_alignment import occupancy
from .ctc_lattice import NEVER
from .ctc_search import best_labels


@torch.no_grad()
def label_distribution(log_probs: Tensor, frames: Tensor, blank_idx: int, num_labels: int = 6,
                       beam_width: int = 16, branch: int = 8) -> tuple[Tensor, Tensor]:
    """Mix the occupancies of the most probable labels.

    q_t(k) = sum over labels of P(label) gamma_t(k | label) / sum of P(label). The gradient of
    -log sum P(label) with respect to a recogniser's logits is p - q, so a divergence toward the
    teacher's q distils whole sequences (Huang et al., Interspeech 2018, there for their own N
    best). P is exact for the labels found: all paths count, whatever the search kept. With all
    labels q is p.

    Args:
        log_probs: Log-probabilities of the classes at each frame, shape (N, T, C).
        frames: Valid frames of each word, long, shape (N,); more than T counts as T.
        blank_idx: Class of the blank.
        num_labels: How many labels to mix; see :func:`~mmocr_kd.losses.ctc_search.best_labels`.
        beam_width: See there.
        branch: See there.

    Returns:
        q, shape (N, T, C): rows sum to 1, rows beyond ``frames`` are 0. And the log-probability
        of the best label, shape (N,). Both float32 or wider, without gradient.

    Raises:
        ValueError: If shapes do not fit together or a number is out of its range.
    """
    labels = best_labels(log_probs, frames, blank_idx, num_labels, beam_width, branch)
    gamma, log_mass = occupancy(
        log_probs.repeat_interleave(num_labels, 0), labels.indexes.flatten(0, 1),
        labels.lengths.flatten(), frames.repeat_interleave(num_labels), blank_idx)
    log_mass = log_mass.view(-1, num_labels).masked_fill(labels.log_probs == NEVER, NEVER)
    shares = log_mass.softmax(1)[:, :, None, None]
    return (shares * gamma.unflatten(0, log_mass.shape)).sum(1), log_mass.amax(1)
