"""Steps of readings: checks, and which of them count."""
from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from .reading import Labels

NEVER = float('-inf')  # the log-probability of what cannot be


def require_readings(field: str, student: tuple[Tensor, ...], teacher: tuple[Tensor, ...],
                     labels: Labels) -> None:
    """Check that two readings can be compared, permutation by permutation.

    Args:
        field: What is compared, for messages.
        student: One tensor per permutation, each of shape (N, T, channels).
        teacher: As many, of the same shapes.
        labels: The ground truth of the N words.

    Raises:
        ValueError: If there are none, their number differs, or shapes do not fit.
    """
    if not student or len(student) != len(teacher):
        raise ValueError(f'the student has {len(student)} {field}, the teacher {len(teacher)}: '
                         f'both must read once per permutation, at least once')
    for s, t in zip(student, teacher):
        if s.dim() != 3 or s.shape != t.shape:
            raise ValueError(f'{field} of the student have shape {tuple(s.shape)}, of the teacher '
                             f'{tuple(t.shape)}: both must be the same (N, T, channels)')
        require_words(field, s, labels)


def require_words(field: str, tensor: Tensor, labels: Labels) -> None:
    """Raise ValueError unless ``labels.lengths`` is a vector with one entry per word."""
    if labels.lengths.shape != tensor.shape[:1]:
        raise ValueError(f'labels.lengths has shape {tuple(labels.lengths.shape)}, {field} have '
                         f'{len(tensor)} words: one length per word is expected')


def repeat_labels(labels: Labels, times: int) -> Labels:
    """Labels of ``times`` readings of the same words, one after the other."""
    fields: dict[str, Any] = {name: value.repeat(times, *[1] * (value.dim() - 1))
                              for name, value in vars(labels).items()
                              if isinstance(value, Tensor)}
    return replace(labels, **fields)


def first_steps(lengths: Tensor, steps: int) -> Tensor:
    """Which steps lie within the first ``lengths`` ones.

    Args:
        lengths: Shape (N,); what exceeds ``steps`` counts as ``steps``.
        steps: How many there are, T.

    Returns:
        Booleans of shape (N, T).
    """
    return torch.arange(steps, device=lengths.device) < lengths.unsqueeze(1)
