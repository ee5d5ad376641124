"""Cutting quads out of a batch of images and straightening them."""
from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

_EPS = 1e-6


def crop_quads(images: Tensor, quads: Tensor, image_index: Tensor, size: tuple[int, int],
               valid_sizes: Tensor | None = None, margin: float = 0.0,
               oversample: int = 1) -> Tensor:
    """Cut out quads of any number of images by perspective, with bilinear sampling.

    Differentiable with respect to the images; no gradient reaches the quads. Corners are points of
    the plane in which pixel i covers [i, i + 1], so that quads scaled with their image give the
    same part of it (``F.interpolate`` without aligned corners). Beyond an image's valid area its
    last pixels are repeated: what lies in the padding, and how much of it there is, does not
    matter.

    Args:
        images: Shape (B, C, H, W), floating point.
        quads: Top left, top right, bottom right and bottom left corner (x, y) of N words in
            pixels of the images, shape (N, 4, 2). Degenerate ones give finite crops.
        image_index: Which image each word is in, long, shape (N,), on the CPU.
        size: Height and width of the crops.
        valid_sizes: Height and width of each image without its padding, shape (B, 2); by default
            all of it.
        margin: Room to leave on each side, in heights of the quad, >= 0.
        oversample: Sample this many times as densely in both directions and average; > 1 against
            aliasing where words are much larger than crops.

    Returns:
        Shape (N, C, *size), in the words' order.
    """
    dense = (size[0] * oversample, size[1] * oversample)
    points = _sampling_points(quads.detach().double(), dense, margin)
    if valid_sizes is None:
        valid_sizes = torch.tensor([images.shape[-2:]] * len(images))
    crops = _sample(images, points, image_index, valid_sizes.to(points, non_blocking=True))
    return F.avg_pool2d(crops, oversample) if oversample > 1 else crops


def _sampling_points(quads: Tensor, size: tuple[int, int], margin: float) -> Tensor:
    """Where each pixel of the crops comes from, shape (N, h, w, 2)."""
    rows, columns = ((torch.arange(n, dtype=quads.dtype, device=quads.device) + 0.5) / n
                     for n in size)
    lengths = (quads.roll(-1, dims=1) - quads).norm(dim=-1).clamp(min=_EPS)
    widths, heights = (torch.maximum(lengths[:, i], lengths[:, i + 2]) for i in (0, 1))
    across = _widen(columns, margin * heights / widths)[:, None, :, None]
    down = _widen(rows, torch.full_like(heights, margin))[:, :, None, None]
    return _project(quads, across, down)


def _widen(positions: Tensor, room: Tensor) -> Tensor:
    """Stretch (n,) positions in [0, 1] to [-room, 1 + room] for each word, shape (N, n)."""
    return positions * (1 + 2 * room[:, None]) - room[:, None]


def _project(quads: Tensor, across: Tensor, down: Tensor) -> Tensor:
    """Map the unit square onto quads in closed form (Heckbert, 1989).

    Args:
        quads: Shape (N, 4, 2).
        across: Positions in the square's width, shape (N, 1, w, 1).
        down: Positions in its height, shape (N, h, 1, 1).
    """
    corners = quads[:, :, None, None]
    first, right, opposite, below = corners.unbind(1)  # each (N, 1, 1, 2)
    excess = first - right + opposite - below
    to_right, to_below = right - opposite, below - opposite
    area = _not_zero(_cross(to_right, to_below))
    tilt_x, tilt_y = _cross(excess, to_below) / area, _cross(to_right, excess) / area
    point = ((right - first + tilt_x * right) * across + (below - first + tilt_y * below) * down
             + first)
    # With a wide margin a steep quad could reach behind its horizon.
    return point / (tilt_x * across + tilt_y * down + 1).clamp(min=_EPS)


def _cross(a: Tensor, b: Tensor) -> Tensor:
    return a[..., :1] * b[..., 1:] - a[..., 1:] * b[..., :1]


def _not_zero(value: Tensor) -> Tensor:
    return torch.where(value.abs() < _EPS, torch.full_like(value, _EPS), value)


def _sample(images: Tensor, points: Tensor, image_index: Tensor, valid_sizes: Tensor) -> Tensor:
    """Loop over images, not words: no image is copied."""
    height, width = points.shape[1:3]
    canvas = torch.tensor(images.shape[:1:-1]).to(points, non_blocking=True)
    crops = [images.new_zeros(0, images.shape[1], height, width)]
    order = [image_index.new_zeros(0)]
    for i in image_index.unique().tolist():
        mine = (image_index == i).nonzero().flatten()
        order.append(mine)
        mine = mine.to(points.device, non_blocking=True)
        last = valid_sizes[i].flip(0) - 0.5  # centre of the last pixel, as (x, y)
        inside = points[mine].clamp(min=0.5).minimum(last)
        grid = (2 * inside / canvas - 1).to(images.dtype).view(1, -1, width, 2)
        sampled = F.grid_sample(images[i:i + 1], grid, padding_mode='border', align_corners=False)
        crops.append(sampled[0].unflatten(1, (len(mine), height)).transpose(0, 1))
    places = torch.cat(order).argsort().to(images.device, non_blocking=True)
    return torch.cat(crops)[places]
