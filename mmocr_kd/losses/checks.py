"""Argument checks the losses share."""
from __future__ import annotations

import math

import torch
from torch import Tensor


def require_choice(field: str, value: str, choices: tuple[str, ...]) -> None:
    """Raise ValueError unless ``value`` is one of ``choices``."""
    if value not in choices:
        raise ValueError(f'{field}={value!r} is unknown: use one of {choices}')


def require_not_negative(field: str, value: float) -> None:
    """Raise ValueError unless ``value`` is a finite number >= 0."""
    if not (math.isfinite(value) and value >= 0):
        raise ValueError(f'{field}={value} must be a finite number >= 0')


def require_positive(field: str, value: float) -> None:
    """Raise ValueError unless ``value`` is a finite number > 0."""
    if not (math.isfinite(value) and value > 0):
        raise ValueError(f'{field}={value} must be a finite number > 0')


def require_share(field: str, value: float) -> None:
    """Raise ValueError unless ``value`` is a number from 0 to 1."""
    if not 0 <= value <= 1:
        raise ValueError(f'{field}={value} must be a number from 0 to 1')


def require_at_least_one(field: str, value: int) -> None:
    """Raise ValueError unless ``value`` is an integer >= 1."""
    if not (isinstance(value, int) and value >= 1):
        raise ValueError(f'{field}={value!r} must be an integer >= 1')


def require_loss_name(field: str, value: str) -> None:
    """Raise ValueError unless MMEngine would train with a result of this name."""
    if 'loss' not in value:
        raise ValueError(f"{field}={value!r} must contain 'loss': MMEngine only logs what does not")


def require_same_shape(student: Tensor, teacher: Tensor) -> None:
    """Raise ValueError unless both tensors have the same shape."""
    if student.shape != teacher.shape:
        raise ValueError(f'the student has shape {tuple(student.shape)}, the teacher '
                         f'{tuple(teacher.shape)}')


def at_least_float32(tensor: Tensor) -> Tensor:
    """Cast half precision up; leave float32 and float64 alone."""
    return tensor.to(torch.promote_types(tensor.dtype, torch.float32))
