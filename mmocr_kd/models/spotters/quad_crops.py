"""Words as quads: their corners, and cutting them out of a batch of images, straightened."""
from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Iterator, Sequence

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from ...adapters.image_sizes import Size
from ...reader.cutting import ENOUGH, MOST, SAMPLES
from ...reader.quads import corner_areas, extent, laid, smallest_rectangle
from .part_inputs import PartInputs
from .words import Outline, Words

Quads = NDArray[np.float32]
CORNERS = ('annotated', 'upright')
_EPS = 1e-6
_AT_ONCE = 256  # words at a time that are sampled as densely as the crop; less of others


@dataclass(frozen=True)
class QuadCut:
    """Cuts words out of raw images, for a recogniser of images.

    Args:
        normalize: What the recogniser wants crops to go through.
        size: Height and width of the crops; words are stretched to it.
        margin: Room to leave on each side, in heights of the word, in [0, 1].
        jitter: In training, by how much corners of annotated words move at most, in heights of
            the word, in [0, 0.2].
        oversample: Sample this many times as densely in both directions as the crop has pixels, and
            average; from 1 (words much larger than crops are aliased) to 8. 'auto': for each word
            and direction what :func:`oversampling` says (our choice).
        corners: Of annotated words, see :func:`reading_quads`; found words are always taken
            'upright'.
        vertical_ratio: See there.

    Raises:
        ValueError: If a field is out of range.
    """

    normalize: PartInputs
    size: Sequence[int]
    margin: float = 0.0
    jitter: float = 0.0
    oversample: int | str = 'auto'
    corners: str = 'annotated'
    vertical_ratio: float = 1.5

    of_features = False

    def __post_init__(self) -> None:
        if len(self.size) != 2 or min(self.size) < 1:
            raise ValueError(f'size={self.size!r} must be a height and a width, both positive')
        if self.corners not in CORNERS:
            raise ValueError(f'corners={self.corners!r} is unknown: use one of {CORNERS}')
        for name, low, high in (('margin', 0, 1), ('jitter', 0, 0.2),
                                ('vertical_ratio', 1, float('inf'))):
            if not low <= getattr(self, name) <= high:
                raise ValueError(f'{name}={getattr(self, name)!r} must be within '
                                 f'[{low}, {high}]')
        if self.oversample not in ('auto', *range(1, MOST + 1)):
            raise ValueError(f"oversample={self.oversample!r} must be 'auto', or a whole number "
                             f'within [1, {MOST}]')

    def outline(self, polygon: Any, annotated: bool) -> Outline:
        """Corners of a word in reading order; see :meth:`.Cut.outline`."""
        corners = self.corners if annotated else 'upright'
        return reading_quads([polygon], corners, self.vertical_ratio)[0], False

    def prepare(self, source: Tensor) -> Tensor:
        """Raw images as they are."""
        return source

    def __call__(self, source: Tensor, sizes: Sequence[Size], words: Words) -> Tensor:
        """Normalised crops; see :meth:`.Cut.__call__`."""
        size, valid = (self.size[0], self.size[1]), torch.tensor(sizes)
        crops = [source.new_zeros(0, source.shape[1], *size)]
        order = [words.image_index.new_zeros(0)]
        for times, mine in self._parts(words):
            order.append(mine)
            quads = words.points[mine].to(source.device, non_blocking=True)
            crops.append(crop_quads(source, quads, words.image_index[mine], size, valid,
                                    self.margin, times))
        places = torch.cat(order).argsort().to(source.device, non_blocking=True)
        return self.normalize(torch.cat(crops)[places])

    def _parts(self, words: Words) -> Iterator[tuple[tuple[int, int], Tensor]]:
        """Words to sample as densely: how densely, and which; few at a time if it takes much."""
        needed = oversampling(words.points, self.size, self.margin)
        if not isinstance(self.oversample, str):
            needed.fill_(self.oversample)
        for rows, columns in needed.unique(dim=0).tolist():
            mine = (needed == torch.tensor([rows, columns])).all(1).nonzero().flatten()
            for few in mine.split(_AT_ONCE // (rows * columns)):
                yield (rows, columns), few


def oversampling(quads: Tensor, size: Sequence[int], margin: float = 0.0) -> Tensor:
    """How densely to sample words, so that little of them is passed over and little blurred.

    Bilinear sampling sees the two nearest pixels. Where several pixels of the image fall on one of
    the crop, it passes over others and aliases; where it samples more often than there are pixels,
    it blurs. Measured against exact means over areas (grey levels of 255, lines of text 32 to 256
    pixels high with some noise, crops of 32): 8.7 off on average with one sample per pixel of the
    crop, .7 by this rule, and at most 1.3 from 56 pixels on. No network computes more by it; on one
    core of a CPU cutting a word of 100 pixels out takes some 3 ms instead of 0.2.

    Args:
        quads: Corners of N words, shape (N, 4, 2), on the CPU.
        size: Height and width of the crops.
        margin: See :func:`crop_quads`.

    Returns:
        Samples per pixel of the crop in its height and width, of 1, 2, 3, 4 and 8, long, shape
        (N, 2).
    """
    widths, heights = _extents(quads.double())
    room = 2 * margin * heights
    ratios = torch.stack([(heights + room) / size[0], (widths + room) / size[1]], dim=1)
    return torch.tensor(SAMPLES)[torch.bucketize(ratios, ratios.new_tensor(ENOUGH))]


def crop_quads(images: Tensor, quads: Tensor, image_index: Tensor, size: tuple[int, int],
               valid_sizes: Tensor | None = None, margin: float = 0.0,
               oversample: int | tuple[int, int] = 1) -> Tensor:
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
        oversample: Sample this many times as densely in both directions, or in height and width,
            and average; > 1 against aliasing where words are much larger than crops.

    Returns:
        Shape (N, C, *size), in the words' order.
    """
    rows, columns = (oversample, oversample) if isinstance(oversample, int) else oversample
    dense = (size[0] * rows, size[1] * columns)
    points = _sampling_points(quads.detach().double(), dense, margin)
    if valid_sizes is None:
        valid_sizes = torch.tensor([images.shape[-2:]] * len(images))
    return _sample(images, points, image_index, valid_sizes.to(points, non_blocking=True),
                   (rows, columns))


def _sampling_points(quads: Tensor, size: tuple[int, int], margin: float) -> Tensor:
    """Where each pixel of the crops comes from, shape (N, h, w, 2)."""
    rows, columns = ((torch.arange(n, dtype=quads.dtype, device=quads.device) + 0.5) / n
                     for n in size)
    widths, heights = _extents(quads)
    across = _widen(columns, margin * heights / widths)[:, None, :, None]
    down = _widen(rows, torch.full_like(heights, margin))[:, :, None, None]
    return _project(quads, across, down)


def _extents(quads: Tensor) -> tuple[Tensor, Tensor]:
    """Width and height of quads: the longer of two opposite sides each, shape (N,)."""
    lengths = (quads.roll(-1, dims=1) - quads).norm(dim=-1).clamp(min=_EPS)
    return (torch.maximum(lengths[:, 0], lengths[:, 2]),
            torch.maximum(lengths[:, 1], lengths[:, 3]))


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


def _sample(images: Tensor, points: Tensor, image_index: Tensor, valid_sizes: Tensor,
            pool: tuple[int, int]) -> Tensor:
    """Loop over images, not words: no image is copied."""
    height, width = points.shape[1:3]
    canvas = torch.tensor(images.shape[:1:-1]).to(points, non_blocking=True)
    crops = [images.new_zeros(0, images.shape[1], height // pool[0], width // pool[1])]
    order = [image_index.new_zeros(0)]
    for i in image_index.unique().tolist():
        mine = (image_index == i).nonzero().flatten()
        order.append(mine)
        mine = mine.to(points.device, non_blocking=True)
        last = valid_sizes[i].flip(0) - 0.5  # centre of the last pixel, as (x, y)
        inside = points[mine].clamp(min=0.5).minimum(last)
        grid = (2 * inside / canvas - 1).to(images.dtype).view(1, -1, width, 2)
        sampled = F.grid_sample(images[i:i + 1], grid, padding_mode='border', align_corners=False)
        if pool != (1, 1):
            sampled = F.avg_pool2d(sampled, pool)
        crops.append(sampled[0].unflatten(1, (len(mine), -1)).transpose(0, 1))
    places = torch.cat(order).argsort().to(images.device, non_blocking=True)
    return torch.cat(crops)[places]


def reading_quads(polygons: Sequence[Any], corners: str = 'upright',
                  vertical_ratio: float = 1.5) -> Quads:
    """Corners of words, in the order in which the words are read.

    Call it once for each word, at full resolution, and scale what it returns: rounding at another
    resolution could decide otherwise whether a word is vertical (as in DLD's official code).

    Args:
        polygons: N polygons of at least three points, flat (x1, y1, ...) or of shape (P, 2).
        corners: 'annotated' believes polygons of four points that the first is the top left of
            the word, as data sets have it; 'upright' takes the smallest rectangle around each
            polygon, the way up in which it is tilted least. Polygons with more points always get
            the rectangle, and so do quads that are not convex.
        vertical_ratio: Words more than this many times as high as wide are turned a quarter,
            counter-clockwise (DLD transposes them): read downwards, they become readable.

    Returns:
        Shape (N, 4, 2), pixels: top left, top right, bottom right, bottom left. All convex, and
        at least one pixel wide and high.

    Raises:
        ValueError: If ``corners`` is unknown, or a polygon is none.
    """
    if corners not in CORNERS:
        raise ValueError(f'corners={corners!r} is unknown: use one of {CORNERS}')
    quads = [_reading_quad(_points(polygon), corners, vertical_ratio) for polygon in polygons]
    return np.stack(quads) if quads else np.zeros((0, 4, 2), np.float32)


def _reading_quad(points: Quads, corners: str, vertical_ratio: float) -> Quads:
    quad = _as_annotated(points) if corners == 'annotated' else None
    return laid(smallest_rectangle(points) if quad is None else quad, vertical_ratio)


def _points(polygon: Any) -> Quads:
    points = np.asarray(polygon, np.float32).reshape(-1)
    if len(points) < 6 or len(points) % 2 or not np.isfinite(points).all():
        raise ValueError(f'{polygon!r} is no polygon: it takes the x and y of at least three '
                         'points, all finite')
    return points.reshape(-1, 2)


def _as_annotated(points: Quads) -> Quads | None:
    """The points themselves, clockwise; None unless they are a convex quad."""
    if len(points) != 4 or min(extent(points)) < 1:
        return None
    turns = corner_areas(points)
    if (turns < 0).all():
        points, turns = points[[0, 3, 2, 1]], -turns
    return points if (turns > 0).all() else None
