"""The words of a batch: where they are and what they say."""
from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Callable, Iterator, Sequence

import numpy as np
import torch
from torch import Tensor

from ...adapters import ignored_flags
from .reading_quads import reading_quads


@dataclass(frozen=True)
class Words:
    """N words of a batch of B images; fixed once, at full resolution, and then only scaled.

    Args:
        quads: Corners (x, y) in reading order, in pixels of the batch's images, shape (N, 4, 2).
        image_index: Which image each is in, long, shape (N,), not decreasing; on the CPU, where
            it says what to loop over.
        texts: What they say; empty for words that were found, not annotated.
    """

    quads: Tensor
    image_index: Tensor
    texts: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.quads)

    def to(self, device: torch.device) -> Words:
        """The same with quads on another device."""
        return replace(self, quads=self.quads.to(device, non_blocking=True))

    def scaled(self, factors: Tensor) -> Words:
        """The same words in resized images.

        Args:
            factors: By how much each image's width and height grew, shape (B, 2).
        """
        factors = factors.to(self.quads)[self.image_index]
        return replace(self, quads=self.quads * factors[:, None])

    def chunks(self, size: int) -> Iterator[Words]:
        """The same words, at most ``size`` at a time; nothing if there are none."""
        for start in range(0, len(self), size):
            part = slice(start, start + size)
            yield Words(self.quads[part], self.image_index[part], self.texts[part])

    def jittered(self, amount: float) -> Words:
        """Move each corner by up to ``amount`` heights of its word in x and in y, at random.

        Detected boxes do not fit as well as annotated ones (our choice; none if 0).

        Args:
            amount: >= 0; quads stay convex below 0.2.
        """
        if not amount:
            return self
        sides = (self.quads.roll(-1, dims=1) - self.quads).norm(dim=-1)
        heights = torch.minimum(sides[:, 1], sides[:, 3])[:, None, None]
        shift = torch.rand_like(self.quads) * 2 - 1
        return replace(self, quads=self.quads + shift * amount * heights)


def readable_words(data_samples: Sequence[Any], accepts: Callable[[str, Any], bool],
                   corners: str = 'annotated', vertical_ratio: float = 1.5) -> Words:
    """The annotated words a recogniser can learn from.

    Detection losses may rewrite annotations (MMOCR's DB moves polygons and ignores small words in
    place): take the words before.

    Args:
        data_samples: B samples, whose ``gt_instances`` have polygons, texts and ignored.
        accepts: Called with the text and the sample of each word that is not ignored.
        corners: See :func:`~mmocr_kd.models.spotters.reading_quads`.
        vertical_ratio: See there.

    Raises:
        ValueError: If a sample has words but no texts.
    """
    polygons: list[np.ndarray] = []
    texts: list[str] = []
    image_index: list[int] = []
    for i, sample, polygon, text in annotated_words(data_samples):
        if accepts(text, sample):
            polygons.append(polygon)
            texts.append(text)
            image_index.append(i)
    quads = torch.from_numpy(reading_quads(polygons, corners, vertical_ratio))
    return Words(quads, torch.tensor(image_index, dtype=torch.long), tuple(texts))


def annotated_words(data_samples: Sequence[Any]) -> Iterator[tuple[int, Any, np.ndarray, str]]:
    """The words of a batch that are not ignored.

    Args:
        data_samples: B samples, whose ``gt_instances`` have polygons, texts and ignored.

    Yields:
        Of each word: number of its image, its sample, polygon and text.

    Raises:
        ValueError: If a sample has words but no texts or polygons.
    """
    for i, (sample, ignored) in enumerate(zip(data_samples, ignored_flags(data_samples))):
        _require_words(sample)
        instances = sample.gt_instances
        for j, ignore in enumerate(ignored):
            if not ignore:
                yield i, sample, instances.polygons[j], instances.texts[j]


def _require_words(sample: Any) -> None:
    instances = sample.gt_instances
    if not len(instances):
        return
    for name, fields in (('texts', 'with_text=True'), ('polygons', 'with_polygon=True')):
        if name not in instances:
            raise ValueError(f'{sample.get("img_path", "a sample")} has words without {name}: a '
                             f'spotter needs LoadOCRAnnotations with {fields}')
