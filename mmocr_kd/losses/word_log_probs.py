"""How probable a recogniser finds what a word says."""
from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from .checks import at_least_float32
from .reading import Labels
from .steps import first_steps


def word_log_probs(logits: Tensor, labels: Labels) -> Tensor:
    """Log-probability of whole words, with their end tokens; of CTC all paths together.

    Teacher-forced: of an attention decoder each step has seen the label before it.

    Args:
        logits: Raw logits, any floating type, shape (N, T, C).
        labels: The ground truth of the N words; CTC needs ``frames``.

    Returns:
        Shape (N,), <= 0, float32 or wider; -inf for CTC words with too few frames.

    Raises:
        ValueError: If CTC labels lack their frames.
    """
    with torch.autocast(logits.device.type, enabled=False):
        log_probs = at_least_float32(logits).log_softmax(-1)
        if labels.is_ctc:
            return -ctc_word_losses(log_probs, labels)
        steps = min(log_probs.shape[1], labels.indexes.shape[1])
        taken = log_probs[:, :steps].gather(2, labels.indexes[:, :steps, None])[..., 0]
        return (taken * first_steps(labels.lengths, steps)).sum(1)


def ctc_word_losses(log_probs: Tensor, labels: Labels, zero_infinity: bool = False) -> Tensor:
    """CTC loss of each word.

    Args:
        log_probs: Shape (N, T, C); straight from ``log_softmax``, else the gradient of PyTorch's
            CTC loss is wrong.
        labels: With ``frames``.
        zero_infinity: Words that no path spells cost 0 instead of infinitely much.

    Returns:
        Shape (N,).

    Raises:
        ValueError: If frames are missing.
    """
    if labels.frames is None or labels.blank_idx is None:
        raise ValueError('CTC needs labels.frames: how many frames of each word are valid')
    return F.ctc_loss(log_probs.transpose(0, 1), labels.indexes,
                      labels.frames.clamp(max=log_probs.shape[1]), labels.lengths,
                      labels.blank_idx, reduction='none', zero_infinity=zero_infinity)
