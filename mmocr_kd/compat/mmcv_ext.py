"""A stand-in for mmcv's compiled operators where there are none.

mmcv-lite contains ``mmcv/ops/*.py`` but not the extension ``mmcv._ext`` they call, so neither
they nor MMOCR can be imported. The stand-in answers for every operator name; the operators that
MMOCR's detectors need run through torchvision, the others raise when they are called.
"""
from __future__ import annotations

import sys
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from types import ModuleType
from typing import Any, Callable

_NAME = 'mmcv._ext'


class UnsupportedOpError(NotImplementedError):
    """An operator of compiled mmcv was called that has no stand-in."""


class FallbackExt(ModuleType):
    """Module in which every operator exists, see :class:`UnsupportedOpError`."""

    def __init__(self) -> None:
        super().__init__(_NAME, 'Operators of mmcv through torchvision.')
        self.__spec__ = ModuleSpec(_NAME, loader=None)  # mmengine calls pkgutil.find_loader
        from .ops import OPS
        self.__dict__.update(OPS)

    def __getattr__(self, name: str) -> Callable[..., Any]:
        # inspect and pickle probe for dunder names and have to see that there are none.
        if name.startswith('__'):
            raise AttributeError(name)
        return _unsupported(name)


def install_mmcv_ext() -> bool:
    """Register the stand-in, unless a compiled extension is there.

    Returns:
        Whether the stand-in is in use.

    Raises:
        ImportError: If neither mmcv nor mmcv-lite is installed.
    """
    if isinstance(sys.modules.get(_NAME), FallbackExt):
        return True
    if find_spec('mmcv') is None:
        raise ImportError('mmocr_kd needs mmcv: run "pip install mmocr_kd[lite]" (no compiler '
                          'needed), or install compiled mmcv 2.0 from OpenMMLab')
    if _NAME in sys.modules or find_spec(_NAME) is not None:
        return False
    sys.modules[_NAME] = FallbackExt()
    return True


def _unsupported(name: str) -> Callable[..., Any]:

    def op(*args: Any, **kwargs: Any) -> Any:
        raise UnsupportedOpError(
            f'the operator {name!r} needs compiled mmcv, and mmcv-lite is installed. Get it with '
            '"pip uninstall mmcv-lite && mim install mmcv==2.0.1" on PyTorch 2.0 or older, or '
            'build it from source')

    op.__name__ = name
    return op
