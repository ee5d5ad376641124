"""How large smaller versions of images are; plain numbers, as a reader and a training need them."""
from __future__ import annotations

Size = tuple[int, int]  # height, width


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
