"""The eight operations by name, and the check of their fields."""
from __future__ import annotations

import inspect
from typing import Any, Callable

from ...embedded.arrays import Image
from .blurs import average_blur, bilateral_blur, gaussian_blur, median_blur, motion_blur
from .noise import gaussian_noise
from .regions import mean_shift_blur, superpixels

OPERATIONS: dict[str, Callable[..., Image]] = dict(
    gaussian_blur=gaussian_blur,
    average_blur=average_blur,
    median_blur=median_blur,
    bilateral_blur=bilateral_blur,
    motion_blur=motion_blur,
    mean_shift_blur=mean_shift_blur,
    superpixels=superpixels,
    gaussian_noise=gaussian_noise)


def checked_operations(operations: dict[str, dict[str, Any]] | None) -> dict[str, dict[str, Any]]:
    """Fields of the operations to use, completed by defaults.

    Args:
        operations: Name -> fields that differ from their defaults. None: all, with defaults.

    Raises:
        ValueError: If an operation or a field is unknown, or a range is none.
    """
    if operations is None:
        operations = {name: {} for name in OPERATIONS}
    return {name: _checked_fields(name, fields) for name, fields in operations.items()}


def _checked_fields(name: str, fields: dict[str, Any]) -> dict[str, Any]:
    if name not in OPERATIONS:
        raise ValueError(f'operation {name!r} is unknown: use some of {tuple(OPERATIONS)}')
    defaults = {field: parameter.default
                for field, parameter in inspect.signature(OPERATIONS[name]).parameters.items()
                if parameter.kind is parameter.KEYWORD_ONLY}
    for field in fields:
        if field not in defaults:
            raise ValueError(f'{name} has no field {field!r}: it has {tuple(defaults)}')
    return {field: _checked_value(f'{name}.{field}', fields.get(field, default), default)
            for field, default in defaults.items()}


def _checked_value(field: str, value: Any, default: Any) -> Any:
    """A number stays one, or becomes the range that holds just it."""
    if not isinstance(default, tuple):
        return float(value)
    low, high = (value, value) if isinstance(value, (int, float)) else value
    if low > high:
        raise ValueError(f'{field}={value!r} must be a number or (smallest, largest)')
    return low, high
