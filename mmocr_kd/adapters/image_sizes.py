"""How large images of a batch are, and how large their smaller versions are."""
from __future__ import annotations

from typing import Any, Sequence

from torch import Tensor

Size = tuple[int, int]  # height, width


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


def padded(length: int, divisor: int) -> int:
    """Smallest multiple of ``divisor`` that is not less than ``length``."""
    return -(-length // divisor) * divisor


def scaled_size(size: Size, scale: float, max_long_edge: int | None = None) -> Size:
    """Size of an image whose shorter edge shrinks to ``scale`` of itself.

    The official code of DLD floors ``edge * (short' / short)`` in floating point, which misses
    ``short'`` by one for many sizes, and lets 0.7 of 330 be 230. Here the edges are whole numbers
    from the start: 231, and the other edge to the nearest pixel.

    Args:
        size: Height and width.
        scale: Factor, in (0, 1].
        max_long_edge: The longer edge never exceeds this; the shorter one shrinks with it.

    Returns:
        Height and width, each at least 1.
    """
    return size_with_short_edge(size, max(int(scale * min(size) + 1e-6), 1), max_long_edge)


def size_with_short_edge(size: Size, short_edge: int, max_long_edge: int | None = None) -> Size:
    """Size of an image whose shorter edge becomes ``short_edge``, its proportions kept.

    Args:
        size: Height and width.
        short_edge: New length of the shorter edge in pixels.
        max_long_edge: See :func:`scaled_size`.
    """
    short, long = min(size), max(size)
    new_short, new_long = short_edge, _proportional(long, short_edge, short)
    if max_long_edge is not None and new_long > max_long_edge:
        new_short, new_long = _proportional(short, max_long_edge, long), max_long_edge
    return (new_short, new_long) if size[0] <= size[1] else (new_long, new_short)


def _proportional(length: int, numerator: int, denominator: int) -> int:
    """``length * numerator / denominator`` to the nearest whole number, halves up, at least 1."""
    return max((2 * length * numerator + denominator) // (2 * denominator), 1)
