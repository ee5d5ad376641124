"""Batches at the scales that were chosen for them."""
from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import Any, Callable, Mapping, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from ...adapters import rescale_batch
from ...adapters.image_sizes import Size, padded, scaled_size, valid_sizes

Predict = Callable[..., Sequence[Any]]
# Of the official code: limits of the longer edge, in pixels.
LONG_EDGES = {'train': 1600, 'test': 3000}


@dataclass(frozen=True)
class Shrunk:
    """A batch at lower resolution.

    Args:
        inputs: Shape (B, C, H', W').
        data_samples: Samples of these images; None if there were none.
        factors: By how much each image's width and height changed, shape (B, 2).
    """

    inputs: Tensor
    data_samples: Any
    factors: Tensor


@dataclass(frozen=True)
class Shrinker:
    """Shrinks the images of a batch, each by its own scale; see :func:`.rescale_batch`.

    Args:
        pad_divisor: Height and width of batches are multiples of this, >= 1.
        max_long_edge: Limit of the longer edge after shrinking, in pixels; None: none.
        antialias: Smooth before shrinking; the official code does not.

    Raises:
        ValueError: If a number is out of its range.
    """

    pad_divisor: int = 32
    max_long_edge: int | None = None
    antialias: bool = False

    def __post_init__(self) -> None:
        for name in ('pad_divisor', 'max_long_edge'):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ValueError(f'{name}={value} must be at least 1')

    def __call__(self, inputs: Tensor, data_samples: Sequence[Any] | None,
                 scales: Sequence[float]) -> Shrunk:
        """Shrink a batch.

        Args:
            inputs: Shape (B, C, H, W).
            data_samples: B samples, or None for images without padding; left untouched.
            scales: B factors in (0, 1].
        """
        before = valid_sizes(inputs, data_samples)
        small, samples = rescale_batch(inputs, data_samples, scales, self.pad_divisor,
                                       self.max_long_edge, self.antialias)
        after = self._sizes(before, scales)
        factors = [(new[1] / old[1], new[0] / old[0]) for old, new in zip(before, after)]
        return Shrunk(small, samples, torch.tensor(factors))

    def predict(self, predict: Predict, inputs: Tensor, data_samples: Sequence[Any],
                scales: Sequence[float], with_full: bool = False) -> list[Any]:
        """Predict at the given scales, with results that do not depend on an image's neighbours.

        Images whose shrunk and padded sizes are equal go through the model together, others
        apart, so that no image sees more padding than it has alone (our choice).

        Args:
            predict: Maps a batch and its samples to one result per image.
            inputs: Shape (B, C, H, W).
            data_samples: B samples. Their annotations, which test pipelines leave in coordinates
                of the original files, are passed on as they are.
            scales: B factors in (0, 1].
            with_full: Hand ``predict`` the same images at full resolution, too, as ``full``: a pair
                of images and samples.

        Returns:
            B results in the order of the batch.
        """
        bare = [type(sample)(metainfo=sample.metainfo) for sample in data_samples]
        results: list[Any] = [None] * len(inputs)
        sizes = self._sizes(valid_sizes(inputs, data_samples), scales)
        for canvas, members in self._by_canvas(sizes).items():
            full = inputs[members], [bare[i] for i in members]
            small = self(*full, [scales[i] for i in members])
            images = _onto(small.inputs, canvas)
            found = predict(images, small.data_samples, **({'full': full} if with_full else {}))
            for i, result in zip(members, found):
                results[i] = _with_annotations(result, data_samples[i])
        return results

    def _sizes(self, sizes: Sequence[Size], scales: Sequence[float]) -> list[Size]:
        return [scaled_size(size, scale, self.max_long_edge)
                for size, scale in zip(sizes, scales, strict=True)]

    def _by_canvas(self, sizes: Sequence[Size]) -> dict[Size, list[int]]:
        """Which images have the same size once they are padded."""
        groups: dict[Size, list[int]] = defaultdict(list)
        for i, (height, width) in enumerate(sizes):
            canvas = padded(height, self.pad_divisor), padded(width, self.pad_divisor)
            groups[canvas].append(i)
        return groups


def shrinkers(max_long_edge: Mapping[str, int | None] | None, pad_divisor: int,
              antialias: bool) -> dict[str, Shrinker]:
    """How images shrink in training and in prediction.

    Args:
        max_long_edge: Limits of the longer edge in 'train' and 'test'; what is left out is as in
            the official code, 1600 and 3000.
        pad_divisor: See :class:`Shrinker`.
        antialias: Likewise.

    Returns:
        'train' and 'test'.

    Raises:
        ValueError: If there are limits of anything else, or a number is out of its range.
    """
    edges = {**LONG_EDGES, **(max_long_edge or {})}
    if unknown := set(edges) - set(LONG_EDGES):
        raise ValueError(f"max_long_edge has {sorted(unknown)}: it takes 'train' and 'test'")
    return {mode: Shrinker(pad_divisor, edge, antialias) for mode, edge in edges.items()}


def _onto(images: Tensor, canvas: Size) -> Tensor:
    """Cut or pad at the right and bottom: what was not shrunk has the padding of its old batch."""
    return F.pad(images, (0, canvas[1] - images.shape[3], 0, canvas[0] - images.shape[2]))


def _with_annotations(result: Any, data_sample: Any) -> Any:
    for field, value in data_sample.items():
        if field not in result:
            setattr(result, field, value)
    return result
