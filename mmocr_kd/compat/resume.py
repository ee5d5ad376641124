"""Loading MMEngine's checkpoints with PyTorch's ``weights_only``, which unpickles what it knows.

MMEngine 0.10 writes into checkpoints what it cannot read back where PyTorch (from 2.6 on) checks
what it loads (open-mmlab/mmengine#1655): its log history, with methods in it; parts of configs, as
in ``metainfo``; numbers, texts and arrays of NumPy; the annealing function of OneCycleLR. Exactly
these are declared safe here; anything else in a checkpoint is still refused, also objects of lazy
configs, which import what they name.
"""
from __future__ import annotations

import _codecs
import collections
import pickle
from typing import Any, Callable

import numpy as np
import torch
from mmengine.config import Config, ConfigDict
from mmengine.logging import HistoryBuffer
from mmengine.optim.scheduler.param_scheduler import OneCycleParamScheduler

_NUMPY_TYPES = np.typecodes['AllInteger'] + np.typecodes['AllFloat'] + '?SU'
_METHODS = {HistoryBuffer: ('min', 'max', 'current', 'mean'),
            OneCycleParamScheduler: ('_annealing_cos', '_annealing_linear')}


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
    named: list[Any] = [(_method, 'builtins.getattr'), (_plain_dtype, 'numpy.dtype')]
    for core in ('numpy.core', 'numpy._core'):  # NumPy 1 and 2 write different names
        named += [(reconstruct, f'{core}.multiarray._reconstruct'),
                  (scalar, f'{core}.multiarray.scalar')]
    dtypes = {type(np.dtype(kind)) for kind in _NUMPY_TYPES}
    return [*_METHODS, Config, ConfigDict, np.ndarray, *dtypes, *named]


def _method(owner: type, name: str) -> Callable[..., Any]:
    """Stands for ``getattr`` while unpickling: gives the methods MMEngine writes, nothing else."""
    if not isinstance(owner, type) or name not in _METHODS.get(owner, ()):
        raise ValueError(f'a checkpoint asks for {owner!r}.{name}, which MMEngine never writes')
    method: Callable[..., Any] = getattr(owner, name)
    return method


def _plain_dtype(*args: Any) -> np.dtype[Any]:
    """Stands for ``np.dtype`` while unpickling: arrays of objects would take memory for them."""
    dtype: np.dtype[Any] = np.dtype(*args)
    if dtype.char not in _NUMPY_TYPES:
        raise ValueError(f"a checkpoint asks for NumPy's {dtype!r}, which MMEngine never writes")
    return dtype


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
