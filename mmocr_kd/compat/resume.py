"""Loading MMEngine's checkpoints with PyTorch's ``weights_only``, which unpickles what it knows.

MMEngine 0.10 writes its log history into checkpoints and cannot read it back where PyTorch (from
2.6 on) checks what it loads (open-mmlab/mmengine#1655). Exactly the classes it writes are declared
safe here; anything else in a checkpoint is still refused.
"""
from __future__ import annotations

import _codecs
import collections
import pickle
from typing import Any, Callable

import numpy as np
import torch
from mmengine.logging import HistoryBuffer

_SCALARS = (np.float16, np.float32, np.float64, np.int32, np.int64, np.bool_)
_STATISTICS = ('min', 'max', 'current', 'mean')


def allow_mmengine_checkpoints() -> None:
    """Declare what MMEngine writes as safe to load. May be called repeatedly."""
    if tuple(int(part) for part in torch.__version__.split('.')[:2]) >= (2, 6):
        torch.serialization.add_safe_globals(_safe_globals())
    else:
        _Unpickling.allow(_safe_globals())
        vars(torch.serialization)['_weights_only_unpickler'] = _Unpickling


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


class _Unpickling:
    """What ``weights_only`` unpickles with before PyTorch 2.6.

    Later versions take additions to the list of what may be loaded. The earlier ones have the same
    list, but their unpickler, written for tensors, builds no other object. PyTorch uses this class
    the way it uses the module ``pickle``.
    """

    allowed: dict[str, Any] = {}

    class Unpickler(pickle.Unpickler):
        """Finds what is allowed, nothing else."""

        def find_class(self, module: str, name: str) -> Any:
            asked = f'{module}.{name}'.replace('__builtin__.', 'builtins.')  # as Python 2 has it
            if asked not in _Unpickling.allowed:
                raise pickle.UnpicklingError(f'Unsupported global: {asked} is no part of weights')
            return _Unpickling.allowed[asked]

    @staticmethod
    def load(file: Any, **kwargs: Any) -> Any:
        return _Unpickling.Unpickler(file, **kwargs).load()

    @staticmethod
    def allow(safe: list[Any]) -> None:
        from torch._weights_only_unpickler import _get_allowed_globals
        plain = [_codecs.encode, bytearray, set, collections.Counter]  # as PyTorch 2.6 allows
        _Unpickling.allowed.update(_get_allowed_globals())
        _Unpickling.allowed.update(_named(item) for item in plain + safe)


def _named(item: Any) -> tuple[str, Any]:
    if isinstance(item, tuple):
        return item[1], item[0]
    return f'{item.__module__}.{item.__qualname__}', item
