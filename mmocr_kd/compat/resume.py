"""Loading MMEngine's checkpoints with PyTorch's ``weights_only``, which unpickles what it knows.

MMEngine 0.10 writes its log history into checkpoints and cannot read it back where PyTorch (from
2.6 on) checks what it loads (open-mmlab/mmengine#1655). Exactly the classes it writes are declared
safe here; anything else in a checkpoint is still refused.
"""
from __future__ import annotations

from typing import Any, Callable

import numpy as np
import torch
from mmengine.logging import HistoryBuffer

from . import unpickler

_SCALARS = (np.float16, np.float32, np.float64, np.int32, np.int64, np.bool_)
_STATISTICS = ('min', 'max', 'current', 'mean')


def allow_mmengine_checkpoints() -> None:
    """Declare what MMEngine writes as safe to load. May be called repeatedly."""
    if tuple(int(part) for part in torch.__version__.split('.')[:2]) >= (2, 6):
        torch.serialization.add_safe_globals(_safe_globals())
    else:
        unpickler.install(_safe_globals())


def _safe_globals() -> list[Any]:
    reconstruct = np.zeros(1).__reduce__()[0]
    scalar = np.float64(1).__reduce__()[0]
    named: list[Any] = [(_statistic, 'builtins.getattr')]
    for core in ('numpy.core', 'numpy._core'):  # NumPy 1 and 2 write different names
        named += [(reconstruct, f'{core}.multiarray._reconstruct'),
                  (scalar, f'{core}.multiarray.scalar')]
    dtypes = [type(np.dtype(kind)) for kind in _SCALARS]
    return [HistoryBuffer, np.ndarray, np.dtype, *dtypes, *named]


def _statistic(owner: type, name: str) -> Callable[..., Any]:
    """Stands for ``getattr`` while unpickling: gives methods of HistoryBuffer, nothing else."""
    if owner is not HistoryBuffer or name not in _STATISTICS:
        raise ValueError(f'a checkpoint asks for {owner!r}.{name}, which MMEngine never writes')
    return getattr(HistoryBuffer, name)
