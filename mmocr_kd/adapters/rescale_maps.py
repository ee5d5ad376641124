"""What a teacher said of large images, as if it were said of the small ones."""
from __future__ import annotations

from typing import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from .image_sizes import Size

NO_TEXT = -6.2  # logit of padding: of the least that a store of 8 bits tells


def rescale_maps(maps: Tensor, canvas: Size, old: Sequence[Size], new: Sequence[Size],
                 new_canvas: Size, text: bool) -> Tensor:
    """Shrink the maps of a batch, each with its image; see :func:`.rescale_batch`.

    Bilinear, and smoothed so that every value counts (images are not smoothed by default, but text
    of few pixels must not vanish between samples). Text is averaged as probabilities, of text and
    of none alike, so that logits of any size are exact: the result is the logit of the mean.

    Args:
        maps: Logits (B, h, w) or features (B, C, h, w) of a batch, floating point.
        canvas: Height and width of that batch.
        old: Height and width of each of its images, without padding.
        new: Likewise, after shrinking.
        new_canvas: Height and width of the new batch.
        text: Whether these are logits of text.

    Returns:
        float32; as wide and high compared to the new batch as ``maps`` to theirs. Padding has no
        text, and features of 0. Images that keep their size keep their values to the bit.
    """
    height, width = maps.shape[-2:]
    strides = canvas[0] / height, canvas[1] / width
    size = _in_map(new_canvas, strides)
    shrunk = []
    for image, before, after in zip(maps.float(), old, new, strict=True):
        rows, columns = _in_map(before, strides)
        image = _resized(image[..., :rows, :columns], _in_map(after, strides), text)
        margins = 0, size[1] - image.shape[-1], 0, size[0] - image.shape[-2]
        shrunk.append(F.pad(image, margins, value=NO_TEXT if text else 0.))
    return torch.stack(shrunk)


def _in_map(size: Size, strides: tuple[float, float]) -> Size:
    """How much of a map an image takes, begun values included."""
    rows, columns = (-int(-length // stride) for length, stride in zip(size, strides))
    return rows, columns


def _resized(values: Tensor, size: Size, text: bool) -> Tensor:
    """Values (h, w) or (C, h, w)."""
    if values.shape[-2:] == size:
        return values
    if not text:
        planes = _smaller(values.reshape(-1, *values.shape[-2:]), size)
        return planes.reshape(*values.shape[:-2], *size)
    # 1 - p of a p near 1 has no digits left, and its logarithm neither.
    both = _smaller(torch.stack([values, -values]).sigmoid(), size)
    yes, no = both.clamp(min=torch.finfo(both.dtype).tiny).log()
    return yes - no


def _smaller(planes: Tensor, size: Size) -> Tensor:
    # One axis after the other: with both, PyTorch (2.14) smooths wrongly what becomes 1 wide.
    rows = F.interpolate(planes[None], (size[0], planes.shape[-1]), mode='bilinear', antialias=True)
    return F.interpolate(rows, size, mode='bilinear', antialias=True)[0]
