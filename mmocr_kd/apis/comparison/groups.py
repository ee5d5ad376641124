"""Kinds of images, whose scores a comparison tells besides."""
from __future__ import annotations

from pathlib import Path
from typing import Any, Callable, Sequence

from mmengine.config import Config

from ...datasets.parts import parts
from .table import GROUPS


def group_names(cfg: Config, split: str, dataset: Any, heights: Sequence[int],
                groups: str | None) -> list[str] | None:
    """The kind of each image.

    Args:
        cfg: The config.
        split: 'val' or 'test'.
        dataset: Its images, in order.
        heights: Of them, in pixels.
        groups: See ``GROUPS``; None: the data sets, if there are several.
    """
    sources = list(parts(dataset))
    if groups is None:
        groups = 'dataset' if len(sources) > 1 else ''
    kinds: dict[str, Callable[[], list[str]]] = {
        'dataset': lambda: _repeated(_prefixes(cfg, split, sources), sources),
        'source': lambda: _repeated([_source(part) for part in sources], sources),
        'height': lambda: [_height_class(height) for height in heights]}
    assert set(kinds) == set(GROUPS)
    return kinds[groups]() if groups else None


def _prefixes(cfg: Config, split: str, sources: Sequence[Any]) -> list[str]:
    """Names that the evaluator gives the data sets."""
    evaluator = cfg[f'{split}_evaluator']
    names = evaluator.get('dataset_prefixes') if isinstance(evaluator, dict) else None
    return list(names) if names and len(names) == len(sources) else list(map(_source, sources))


def _source(part: Any) -> str:
    """Where a data set's labels come from."""
    return Path(part.ann_file).stem or type(part).__name__


def _repeated(names: Sequence[str], sources: Sequence[Any]) -> list[str]:
    return [name for name, part in zip(names, sources) for _ in range(len(part))]


def _height_class(height: int) -> str:
    """Sizes that designs of small words tell apart: up to 12, 13 to 16, and larger."""
    return '<=12' if height <= 12 else '13-16' if height <= 16 else '>16'
