"""MMOCR 1.0.1 on the maintained fork of its stack (onedl-mmengine, -mmcv and -mmdetection).

The fork has the modules and the interfaces that MMOCR needs, but its versions have gone on, and
MMOCR refuses them when it is imported. So meanwhile they say the latest that MMOCR accepts.
"""
from __future__ import annotations

import functools
from contextlib import contextmanager
from importlib import import_module
from importlib.machinery import ModuleSpec, PathFinder
from importlib.metadata import PackageNotFoundError, distribution
from types import ModuleType
from typing import Any, Callable, Iterator

# The fork's package -> its module, and the latest version of it that MMOCR 1.0.1 accepts.
_SHOWN = {'onedl-mmcv': ('mmcv', '2.1.0'), 'onedl-mmdetection': ('mmdet', '3.1.0')}


def find_mmocr() -> ModuleSpec | None:
    """Find MMOCR, and have it loaded while the fork's versions are acceptable to it."""
    spec = PathFinder.find_spec('mmocr')
    loader: Any = spec.loader if spec else None
    if loader is not None:
        loader.exec_module = functools.partial(_load, loader.exec_module)
    return spec


def _load(exec_module: Callable[[ModuleType], None], module: ModuleType) -> None:
    with accepted_versions():
        exec_module(module)


@contextmanager
def accepted_versions() -> Iterator[None]:
    """Meanwhile ``mmcv`` and ``mmdet``, where they are the fork's, say what MMOCR accepts."""
    real: dict[Any, str] = {}
    for package, (name, shown) in _SHOWN.items():
        if _installed(package):
            module: Any = import_module(name)
            real[module] = module.__version__
            module.__version__ = shown
    try:
        yield
    finally:
        for module, version in real.items():
            module.__version__ = version


def _installed(package: str) -> bool:
    try:
        return bool(distribution(package))
    except PackageNotFoundError:
        return False
