"""How large images of a batch are, and how large their smaller versions are."""
from __future__ import annotations

from typing import Any, Sequence

from torch import Tensor

from ..reader.sizes import Size, padded, scaled_size, size_with_short_edge

__all__ = ['Size', 'padded', 'scaled_size', 'size_with_short_edge', 'valid_sizes']


def valid_sizes(inputs: Tensor, data_samples: Sequence[Any] | None) -> list[Size]:
    """Height and width of each image without the padding of its batch.

    Args:
        inputs: The batch, shape (B, C, H, W); images stand at the top left.
        data_samples: B samples; those without ``img_shape`` fill the batch. None: all do.

    Raises:
        ValueError: If there is not one sample per image, or one is said to be larger than the
            batch.
    """
    canvas = inputs.shape[-2:]
    if data_samples is None:
        return [(canvas[0], canvas[1])] * len(inputs)
    if len(data_samples) != len(inputs):
        raise ValueError(f'{len(data_samples)} data samples for {len(inputs)} images')
    sizes = []
    for sample in data_samples:
        height, width = sample.metainfo.get('img_shape', canvas)[:2]
        if not (0 < height <= canvas[0] and 0 < width <= canvas[1]):
            raise ValueError(f'img_shape={(height, width)} of {sample.metainfo.get("img_path")!r} '
                             f'does not fit the batch of {tuple(canvas)} (height, width)')
        sizes.append((int(height), int(width)))
    return sizes
