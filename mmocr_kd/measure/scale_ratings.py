"""What was found in each image at each scale of it: rated once, used by many."""
from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Sequence

import numpy as np

from .ratings_file import ImageRating, RatingsHeader, read_ratings


@dataclass(frozen=True, eq=False)
class ScaleRatings:
    """Ratings of M images at K scales.

    All thresholds are in the file, so that one need not be known before; here it is chosen.

    Args:
        header: What was rated.
        images: Their ratings.
        threshold: One of the header's. None: the one with the best hmean at full resolution over
            these images, the lowest of equally good ones.

    Raises:
        ValueError: If there is no such threshold.
    """

    header: RatingsHeader
    images: Sequence[ImageRating]
    threshold: float | None = None

    def __post_init__(self) -> None:
        thresholds = list(self.header.thresholds)
        if self.threshold not in (None, *thresholds):
            raise ValueError(f'threshold={self.threshold} was not rated: use one of {thresholds}')

    @classmethod
    def load(cls, path: str | Path, threshold: float | None = None) -> ScaleRatings:
        """Read a file.

        Args:
            path: What ``mmocr-kd rate-scales`` wrote.
            threshold: See the class.

        Raises:
            FileNotFoundError: If there is none.
            ValueError: If it is another kind of file, or damaged, or its writer was stopped within
                a line.
        """
        header, images, sound = read_ratings(Path(path))
        if sound < Path(path).stat().st_size:
            raise ValueError(f'{path} ends within a line: mmocr-kd rate-scales was stopped there; '
                             'run the same command again, and it goes on')
        if header is None:
            raise ValueError(f'{path} is empty: run mmocr-kd rate-scales again')
        return cls(header, images, threshold)

    @property
    def scales(self) -> np.ndarray:
        """The scales, rising, the last one 1, shape (K,)."""
        return np.array(self.header.scales)

    @property
    def costs(self) -> np.ndarray:
        """Counted cost of a pass at each scale, 1 at full resolution, shape (K,)."""
        return np.array(self.header.macs) / self.header.macs[-1]

    @property
    def ms(self) -> np.ndarray:
        """Measured milliseconds of a pass at each scale, shape (K,)."""
        return np.array(self.header.ms)

    @property
    def used_threshold(self) -> float:
        """The score threshold that counts are of."""
        return self.header.thresholds[self._column]

    @cached_property
    def words(self) -> np.ndarray:
        """How many words each image has, shape (M,)."""
        return np.array([image.words for image in self.images], dtype=np.int64)

    @cached_property
    def hits(self) -> np.ndarray:
        """How many of them were found (and read), shape (M, K)."""
        return self._counts('hits')[..., self._column]

    @cached_property
    def false_alarms(self) -> np.ndarray:
        """How many predictions were none of them, shape (M, K)."""
        return self._counts('false_alarms')[..., self._column]

    @property
    def misses(self) -> np.ndarray:
        """How many words were not found (and read), shape (M, K)."""
        return self.words[:, None] - self.hits

    @cached_property
    def heights(self) -> np.ndarray:
        """Median height of the text found at the smallest scale, NaN for none, shape (M,)."""
        return np.array([image.height for image in self.images], dtype=float)

    @property
    def knows_texts(self) -> bool:
        """Whether the heights of the annotated texts are known."""
        return all(image.text_heights is not None for image in self.images)

    @cached_property
    def text_heights(self) -> list[np.ndarray]:
        """Of the annotated texts of each of the M images, in pixels of full resolution.

        Raises:
            ValueError: If a version before 0.11 rated them.
        """
        if not self.knows_texts:
            raise ValueError(f'the ratings of {self.header.config} ({self.header.split}) do not '
                             'say how high the texts are, as before version 0.11: rate again, into '
                             'a new file')
        return [np.asarray(image.text_heights, dtype=float) for image in self.images]

    @cached_property
    def index(self) -> dict[str, int]:
        """Path of an image -> its row."""
        return {image.img_path: row for row, image in enumerate(self.images)}

    def errors(self, false_alarm_weight: float = 0.5) -> np.ndarray:
        """Errors in words: misses, and false alarms at their weight.

        Of two choices with equally many errors the hmean F is the same if the weight is
        ``F / (2 - F)``: 0.5 suits F = 2/3, 1 suits F = 1.

        Args:
            false_alarm_weight: What a false alarm counts, beside a miss, >= 0.

        Returns:
            Shape (M, K).
        """
        return self.misses + false_alarm_weight * self.false_alarms

    @cached_property
    def _column(self) -> int:
        if self.threshold is not None:
            return list(self.header.thresholds).index(self.threshold)
        found, wrong = (self._counts(name)[:, -1].sum(0) for name in ('hits', 'false_alarms'))
        return int(np.argmax(found / np.maximum(self.words.sum() + found + wrong, 1)))

    def _counts(self, name: str) -> np.ndarray:
        shape = -1, len(self.header.scales), len(self.header.thresholds)
        return np.array([getattr(image, name) for image in self.images],
                        dtype=np.int64).reshape(shape)
