"""Operators that have no stand-in."""
from __future__ import annotations

from typing import Any, Callable

import torch


class UnsupportedOpError(NotImplementedError):
    """An operator of compiled mmcv was called that has no stand-in."""


def unsupported(name: str) -> Callable[..., Any]:
    """An operator that says what it needs.

    Args:
        name: Of the operator.
    """

    def op(*args: Any, **kwargs: Any) -> Any:
        raise UnsupportedOpError(
            f'the operator {name!r} needs compiled mmcv, and mmcv-lite is installed: '
            f'{compiled_mmcv(torch.__version__)}')

    op.__name__ = name
    return op


def compiled_mmcv(torch_version: str) -> str:
    """How to get a compiled mmcv.

    MMDetection 3.1, the last that MMOCR 1.0 accepts, accepts mmcv below 2.1, whose wheels are for
    PyTorch 2.0 at most; 2.1.0 is for PyTorch 2.1, and 2.2.0 for 2.2 to 2.4.

    Args:
        torch_version: The PyTorch it is for.
    """
    if tuple(int(part) for part in torch_version.split('.')[:2]) <= (2, 0):
        return 'run "pip uninstall mmcv-lite" and "mim install mmcv==2.0.1"'
    return ('compile one for it, as no wheel of an mmcv that MMDetection 3.1 accepts (below 2.1) '
            f'is for PyTorch later than 2.0, and yours is {torch_version}')
