"""The data sets inside wrappers."""
from __future__ import annotations

from typing import Any, Iterator

from mmengine.dataset import BaseDataset


def parts(dataset: Any) -> Iterator[BaseDataset]:
    """The data sets inside wrappers for concatenation and repetition.

    Args:
        dataset: A data set, or a wrapper with ``datasets`` or ``dataset``.
    """
    if hasattr(dataset, 'datasets'):
        for part in dataset.datasets:
            yield from parts(part)
    elif hasattr(dataset, 'dataset'):
        yield from parts(dataset.dataset)
    else:
        yield dataset
