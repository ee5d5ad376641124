"""Which instances of a batch nobody cares about."""
from __future__ import annotations

from itertools import islice
from typing import Any, Iterator, Sequence

import torch
from torch import Tensor


def ignored_flags(data_samples: Sequence[Any]) -> list[list[bool]]:
    """Read ``gt_instances.ignored``, wherever it is.

    Data preprocessors take the annotations' tensors to the GPU, where plain Python and NumPy cannot
    look. They come back together, which costs one wait for a whole batch.

    Args:
        data_samples: B samples with ``gt_instances``; without ``ignored`` all count.

    Returns:
        One flag for each instance of each sample.
    """
    given = [sample.gt_instances.get('ignored') for sample in data_samples]
    tensors = [flags for flags in given if isinstance(flags, Tensor)]
    read = iter(torch.cat(tensors).tolist() if tensors else ())
    return [_plain(sample, flags, read) for sample, flags in zip(data_samples, given)]


def _plain(sample: Any, flags: Any, read: Iterator[bool]) -> list[bool]:
    if flags is None:
        return [False] * len(sample.gt_instances)
    if isinstance(flags, Tensor):
        flags = islice(read, len(flags))
    return [bool(flag) for flag in flags]
