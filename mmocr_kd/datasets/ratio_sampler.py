"""Batches with a fixed share of each part of a data set."""
from __future__ import annotations

import math
from itertools import count, cycle
from typing import Iterator, Sequence

import numpy as np
from mmengine.dataset import ConcatDataset
from mmengine.dist import get_dist_info, sync_random_seed
from mmocr.registry import DATA_SAMPLERS
from torch.utils.data import Sampler


@DATA_SAMPLERS.register_module()
class RatioSampler(Sampler):
    """Draws from the parts of a ``ConcatDataset`` in a ratio, whatever their sizes.

    Indices come in groups of ``sum(ratios)``, with ``ratios[p]`` of each part p: a batch size that
    is a multiple of that gives every batch the same share of each. An epoch is once through the
    first part, or so many ``groups``, where few labels would make it too short. The others, or all,
    go on where the last epoch stopped, each of their samples as often as any other. All is a
    function of seed and epoch, so that ranks, workers and resumed runs agree; for loops that count
    epochs or iterations.

    Args:
        dataset: A ``ConcatDataset``.
        ratios: Samples of each part in a group, integers >= 1.
        shuffle: Whether each pass through a part has an order of its own.
        seed: Of the shuffling; None: one that all ranks agree on.
        groups: In an epoch, of all ranks together, >= 1; None: once through the first part.

    Raises:
        TypeError: If ``dataset`` has no parts.
        ValueError: If ``ratios`` does not fit them, one is empty, or ``groups`` is none.
    """

    def __init__(self, dataset: ConcatDataset, ratios: Sequence[int], shuffle: bool = True,
                 seed: int | None = None, groups: int | None = None) -> None:
        if not isinstance(dataset, ConcatDataset):
            raise TypeError(f'RatioSampler mixes the parts of a ConcatDataset, this is a '
                            f'{type(dataset).__name__}')
        self.sizes = [len(part) for part in dataset.datasets]
        if len(ratios) != len(self.sizes) or not all(
                isinstance(ratio, int) and ratio >= 1 for ratio in ratios):
            raise ValueError(f'ratios={ratios!r} must be an integer >= 1 for each of the '
                             f'{len(self.sizes)} parts of the data set')
        if not all(self.sizes):
            raise ValueError(f'the parts of the data set have {self.sizes} samples: an empty one '
                             'cannot be mixed in')
        if groups is not None and not (isinstance(groups, int) and groups >= 1):
            raise ValueError(f'groups={groups!r} must be an integer >= 1, or None: once through '
                             'the first part')
        self.ratios = list(ratios)
        self.shuffle = shuffle
        self.seed = sync_random_seed() if seed is None else seed
        self.rank, self.world_size = get_dist_info()
        self.epoch = 0
        self.by_first_part = groups is None
        self.groups = math.ceil((groups or self.sizes[0] / ratios[0]) / self.world_size)

    def __iter__(self) -> Iterator[int]:
        """Indices of this rank."""
        drawn = [iter(self._drawn(part)) for part in range(len(self.sizes))]
        for group in range(self.groups * self.world_size):
            indices = [next(drawn[part]) for part, ratio in enumerate(self.ratios)
                       for _ in range(ratio)]
            if group % self.world_size == self.rank:
                yield from indices

    def __len__(self) -> int:
        """How many indices this rank draws in an epoch."""
        return self.groups * sum(self.ratios)

    def set_epoch(self, epoch: int) -> None:
        """Set the epoch, from 0 on."""
        self.epoch = epoch

    def _drawn(self, part: int) -> Iterator[int]:
        """What all ranks together draw of a part in this epoch, without end."""
        if part == 0 and self.by_first_part:  # what fills the last groups is of the same pass
            yield from cycle(self._order(part, self.epoch))
        start = self.epoch * self.groups * self.world_size * self.ratios[part]
        turn, skipped = divmod(start, self.sizes[part])
        yield from self._order(part, turn)[skipped:]
        for later in count(turn + 1):
            yield from self._order(part, later)

    def _order(self, part: int, turn: int) -> list[int]:
        first = sum(self.sizes[:part])
        indices = np.arange(first, first + self.sizes[part])
        if self.shuffle:
            np.random.default_rng([self.seed, part, turn]).shuffle(indices)
        return indices.tolist()
