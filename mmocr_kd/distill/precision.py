"""In which precision a network runs that is only asked."""
from __future__ import annotations

from contextlib import nullcontext
from typing import Any, ContextManager

import torch

_DTYPES = {None: None, 'float32': torch.float32, 'bfloat16': torch.bfloat16,
           'float16': torch.float16}


def precision(name: str | None, field: str = 'dtype') -> torch.dtype | None:
    """The type that a config names.

    Args:
        name: 'bfloat16', 'float16', 'float32', or None: as the caller computes.
        field: Where the config names it.

    Raises:
        ValueError: If it is another one.
    """
    if name not in _DTYPES:
        raise ValueError(f'{field}={name!r} is unknown: use one of {list(_DTYPES)}')
    return _DTYPES[name]


def computing_in(dtype: torch.dtype | None, device: str) -> ContextManager[Any]:
    """Where autocast allows it, compute in ``dtype``; weights stay what they are.

    Args:
        dtype: Of :func:`precision`.
        device: Type of the device.
    """
    if dtype is None:
        return nullcontext()
    # Without a cache: weights cast here would have no gradient in a student's own pass.
    return torch.autocast(device, dtype, enabled=dtype != torch.float32, cache_enabled=False)
