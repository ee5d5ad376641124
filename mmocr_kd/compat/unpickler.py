"""``torch.load(..., weights_only=True)`` of PyTorch before 2.6, with more than tensors allowed.

Later versions take additions to the list of what may be loaded. The earlier ones have the same list
but their unpickler, written for tensors alone, builds no other object; so here is another one for
them. PyTorch uses this module the way it uses ``pickle``, by its ``Unpickler`` and ``load``.
"""
from __future__ import annotations

import _codecs
import collections
import pickle
import sys
from typing import Any, Sequence

import torch

_allowed: dict[str, Any] = {}


class Unpickler(pickle.Unpickler):
    """Finds nothing but what is allowed."""

    def find_class(self, module: str, name: str) -> Any:
        """Look up what a file asks for.

        Raises:
            pickle.UnpicklingError: If it is not allowed.
        """
        asked = f'{module}.{name}'.replace('__builtin__.', 'builtins.')  # as Python 2 called it
        if asked not in _allowed:
            raise pickle.UnpicklingError(f'Unsupported global: {asked} is not a part of weights')
        return _allowed[asked]


def load(file: Any, **kwargs: Any) -> Any:
    """Unpickle the next object of a file."""
    return Unpickler(file, **kwargs).load()


def install(safe: Sequence[Any]) -> None:
    """Let PyTorch use this module where it is asked for weights only.

    Args:
        safe: What may be loaded besides tensors, as for ``add_safe_globals`` of PyTorch 2.6: classes
            and functions, or pairs of one and the name it is written under.
    """
    from torch._weights_only_unpickler import _get_allowed_globals
    plain = (_codecs.encode, bytearray, set, collections.Counter)  # as PyTorch 2.6 allows
    _allowed.update(_get_allowed_globals())
    _allowed.update(_named(item) for item in (*plain, *safe))
    vars(torch.serialization)['_weights_only_unpickler'] = sys.modules[__name__]


def _named(item: Any) -> tuple[str, Any]:
    if isinstance(item, tuple):
        return item[1], item[0]
    return f'{item.__module__}.{item.__qualname__}', item
