"""Words outlined by polygons."""
from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Iterator, Sequence

import numpy as np
import torch
from mmengine.structures import LabelData
from mmocr.structures import TextRecogDataSample
from torch import Tensor


@dataclass(frozen=True)
class PolygonWords:
    """N words of a batch of B images; fixed once, at full resolution, and then only scaled.

    Args:
        polygons: Points (x, y) in pixels of the batch's images, shape (N, P, 2); those with fewer
            points repeat their last one.
        image_index: Which image each is in, long, shape (N,), not decreasing.
        vertical: Which are read downwards, bool, shape (N,). Decided before any scaling: the
            official code decides after rounding to cells, and HR and LR may differ.
        texts: What they say; empty for words that were found, not annotated.
    """

    polygons: Tensor
    image_index: Tensor
    vertical: Tensor
    texts: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.polygons)

    @property
    def boxes(self) -> Tensor:
        """The upright boxes around them (x1, y1, x2, y2), shape (N, 4)."""
        return torch.cat([self.polygons.amin(1), self.polygons.amax(1)], dim=1)

    def to(self, device: torch.device) -> PolygonWords:
        """The same on another device."""
        polygons, image_index, vertical = (
            part.to(device, non_blocking=True)
            for part in (self.polygons, self.image_index, self.vertical))
        return PolygonWords(polygons, image_index, vertical, self.texts)

    def scaled(self, factors: Tensor) -> PolygonWords:
        """The same words in resized images.

        Args:
            factors: By how much each image's width and height grew, shape (B, 2).
        """
        factors = factors.to(self.polygons)[self.image_index]
        return replace(self, polygons=self.polygons * factors[:, None])

    def chunks(self, size: int) -> Iterator[PolygonWords]:
        """The same words, at most ``size`` at a time; nothing if there are none."""
        for start in range(0, len(self), size):
            part = slice(start, start + size)
            yield PolygonWords(self.polygons[part], self.image_index[part], self.vertical[part],
                               self.texts[part])

    def samples(self) -> list[TextRecogDataSample]:
        """A recogniser's data sample for each word, with its text if it is known."""
        samples = [TextRecogDataSample(metainfo=dict(valid_ratio=1.0)) for _ in range(len(self))]
        for sample, text in zip(samples, self.texts):
            sample.gt_text = LabelData(item=text)
        return samples


def polygon_words(polygons: Sequence[Any], image_index: Sequence[int], texts: Sequence[str] = (),
                  vertical_ratio: float = 1.5) -> PolygonWords:
    """Collect words.

    Args:
        polygons: N polygons of at least one point, flat (x1, y1, ...) or of shape (P, 2).
        image_index: Which image each is in.
        texts: What they say.
        vertical_ratio: Words whose box is more than this many times as high as wide are vertical.
    """
    points = [np.asarray(polygon, np.float32).reshape(-1, 2) for polygon in polygons]
    longest = max(map(len, points), default=1)
    padded = [np.pad(each, ((0, longest - len(each)), (0, 0)), mode='edge') for each in points]
    stacked = torch.from_numpy(np.array(padded, np.float32).reshape(-1, longest, 2))
    width, height = (stacked.amax(1) - stacked.amin(1)).unbind(-1)
    return PolygonWords(stacked, torch.tensor(image_index, dtype=torch.long),
                        height > vertical_ratio * width, tuple(texts))
