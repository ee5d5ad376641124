"""How probable a student finds what its teacher may have read: K hypotheses of each word."""
from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from .checks import require_choice
from .ctc import ReadLabels
from .k_best import Paths
from .steps import NEVER

REDUCTIONS = ('log_sum', 'mean', 'weighted')


def score_paths(log_probs: Tensor, paths: Paths, end_idx: int | None,
                include_end: bool = True) -> Tensor:
    """Log-probability of each path.

    Args:
        log_probs: The student's, of the classes at each step, shape (N, T, C).
        paths: The K paths of each word.
        end_idx: Class of the end token; None: there is none.
        include_end: Whether the end token is part of what has to be read.

    Returns:
        Shape (N, K).
    """
    taken = log_probs.gather(2, paths.classes.transpose(1, 2))
    steps = torch.arange(log_probs.shape[1], device=log_probs.device)
    counts = steps < paths.lengths.unsqueeze(2)
    if not include_end and end_idx is not None:
        counts = paths.classes != end_idx
    return taken.masked_fill(~counts.transpose(1, 2), 0).sum(1)


def score_labels(log_probs: Tensor, labels: ReadLabels, frames: Tensor,
                 blank_idx: int) -> Tensor:
    """Log-probability of each label of a CTC recogniser: all its paths together.

    Args:
        log_probs: The student's, of the classes at each frame, shape (N, T, C); straight from
            ``log_softmax``, else the gradient of PyTorch's CTC loss is wrong.
        labels: The K labels of each word.
        frames: Valid frames of each word, long, shape (N,); more than T counts as T.
        blank_idx: Class of the blank.

    Returns:
        Shape (N, K); -inf, with a gradient of 0, for labels that need more frames than there are.
    """
    number = labels.lengths.shape[1]
    repeated = log_probs.transpose(0, 1).repeat_interleave(number, 1)
    frames = frames.clamp(max=len(repeated))
    losses = F.ctc_loss(repeated, labels.indexes.flatten(0, 1), frames.repeat_interleave(number),
                        labels.lengths.flatten(), blank_idx, reduction='none', zero_infinity=True)
    too_long = frames_needed(labels.indexes, labels.lengths) > frames[:, None]
    return (-losses.view(labels.lengths.shape)).masked_fill(too_long, NEVER)


def frames_needed(indexes: Tensor, lengths: Tensor) -> Tensor:
    """Frames CTC needs for labels: one per character, one blank between equal neighbours.

    Args:
        indexes: Classes of the characters, shape (..., L).
        lengths: Characters of each label, shape (...).
    """
    within = torch.arange(indexes.shape[-1], device=indexes.device)[1:] < lengths[..., None]
    return lengths + ((indexes[..., 1:] == indexes[..., :-1]) & within).sum(-1)


def word_nll(ours: Tensor, theirs: Tensor, reduction: str) -> Tensor:
    """What each word costs the student.

    With p_k, the probabilities the student gives the hypotheses: 'log_sum' is -log sum_k p_k,
    'mean' is mean_k(-log p_k), 'weighted' is sum_k w_k (-log p_k) with weights in proportion to
    what the teacher gives them. Always min_k(-log p_k) bounds the first from above and the others
    from below.

    Args:
        ours: Log-probabilities of the student, shape (N, K).
        theirs: Of the teacher, same shape; -inf where there is no hypothesis.
        reduction: See above.

    Returns:
        Shape (N,); 0 for words without any hypothesis.

    Raises:
        ValueError: If ``reduction`` is unknown.
    """
    require_choice('reduction', reduction, REDUCTIONS)
    theirs = theirs.to(ours.dtype)
    exists = theirs > NEVER
    # Not -inf, whose gradient is NaN where nothing else is.
    lowest = torch.finfo(ours.dtype).min
    ours = ours.masked_fill(~exists, lowest)
    if reduction == 'log_sum':
        return -ours.logsumexp(1) * exists.any(1)
    if reduction == 'mean':
        theirs = torch.zeros_like(theirs)
    weights = theirs.masked_fill(~exists, lowest).softmax(1) * exists
    return -(weights * ours).sum(1)
