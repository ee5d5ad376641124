"""A fixed part of a data set that is set aside to choose models by."""
from __future__ import annotations

import random
from dataclasses import dataclass


@dataclass(frozen=True)
class Holdout:
    """Which records are set aside: whole blocks of consecutive ones, drawn with a seed.

    Word data sets list the words of one photo one after the other. Drawn singly, nearly every
    word set aside would have neighbours of the same photo, font and blur in training; blocks have
    them at their ends only.

    Args:
        share: Part of the blocks to set aside, within (0, 1).
        block: Records per block, > 0.
        seed: Seed of the draw.

    Raises:
        ValueError: If a field is out of range.
    """

    share: float = 0.125
    block: int = 100
    seed: int = 0

    def __post_init__(self) -> None:
        if not 0 < self.share < 1:
            raise ValueError(f'holdout has share={self.share}, which must be within (0, 1)')
        if self.block < 1:
            raise ValueError(f'holdout has block={self.block}, which must be positive')

    def numbers(self, count: int, split: str) -> list[int]:
        """Zero-based numbers of the records in a split, ascending.

        Args:
            count: How many records there are.
            split: 'train' or 'val'; the second is what is set aside.

        Raises:
            ValueError: If there are fewer than two blocks, so that a split would be empty.
        """
        blocks = -(-count // self.block)
        if blocks < 2:
            raise ValueError(f'holdout has block={self.block}, but there are {count} records: '
                             'choose smaller blocks')
        aside = min(max(1, round(self.share * blocks)), blocks - 1)
        val = set(random.Random(self.seed).sample(range(blocks), aside))
        return [i for i in range(count) if (i // self.block in val) == (split == 'val')]
