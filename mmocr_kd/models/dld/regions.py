"""Low text is looked at again: regions of an image that is otherwise seen small."""
from __future__ import annotations

from dataclasses import dataclass
from numbers import Real
from typing import Any, NamedTuple, Sequence

import cv2
import numpy as np
import torch
from mmengine.structures import InstanceData
from mmocr.utils import poly2shapely, poly_intersection, poly_make_valid
from numpy.typing import NDArray
from torch import Tensor

from ...adapters.image_sizes import Size, padded, scaled_size, valid_sizes
from ...adapters.rescale_instances import POINTS
from ..spotters.spotting_samples import polygons_of, scale_factor
from .shrinking import Predict, Shrinker

Points = NDArray[np.float32]
# Two rectangles become one if that takes at most so many times their pixels: a pass over one
# image costs less than over two that make up the same area.
_SLACK = 1.25
# What ends so near to where a region was cut, in pixels, is part of something larger.
_SEAM = 2.0
# What the small pass found is looked for in a region if it lies so many heights inside: its outline
# may be off by that much.
_INSIDE = 0.25


class Box(NamedTuple):
    """A rectangle of whole pixels; ``right`` and ``bottom`` are outside."""

    left: int
    top: int
    right: int
    bottom: int

    @property
    def area(self) -> int:
        """Pixels in it."""
        return (self.right - self.left) * (self.bottom - self.top)

    def joined(self, other: Box) -> Box:
        """The smallest rectangle with both in it."""
        return Box(min(self.left, other.left), min(self.top, other.top),
                   max(self.right, other.right), max(self.bottom, other.bottom))

    def meets(self, other: Box) -> bool:
        """Whether they share a pixel."""
        return (self.left < other.right and other.left < self.right
                and self.top < other.bottom and other.top < self.bottom)


@dataclass(frozen=True)
class Regions:
    """Looks again, at full resolution, at the regions of low text in images that were seen small.

    Our extension of DLD: of a page with one line of small print only that line is worth the full
    resolution. Text that the pass over the shrunk image did find, but that is low there, is
    grouped into few rectangles with a margin; these are cut out of the full image, and what is
    found in them takes the place of what was found there before. Text that the small pass missed
    altogether comes back only near such text. Results do not depend on other images of a batch.

    Args:
        below: Text lower than so many pixels in the shrunk image is low, > 0.
        margin: How much is cut out around it, in heights of the text, >= 0.5.

    Raises:
        ValueError: If a number is out of its range.
    """

    below: float = 16.0
    margin: float = 2.0

    def __post_init__(self) -> None:
        if not self.below > 0:
            raise ValueError(f'regions: below={self.below} must be positive, the height in pixels '
                             'of the shrunk image under which text is low')
        if not self.margin >= 0.5:
            raise ValueError(f'regions: margin={self.margin} must be at least 0.5 heights of the '
                             'text: nearer to an edge it is taken for a piece of something larger')

    def repeat(self, predict: Predict, inputs: Tensor, data_samples: Sequence[Any],
               results: Sequence[Any], shrinker: Shrinker, scales: Sequence[float]) -> None:
        """Replace what was found in regions of low text; adds what that costs to ``dld_cost``.

        Args:
            predict: Maps a batch and its samples to one result per image.
            inputs: The batch at full resolution, shape (B, C, H, W).
            data_samples: B samples with ``img_shape`` and ``scale_factor``.
            results: B predictions in coordinates of the original images, changed in place: their
                ``pred_instances``, and in their metainfo ``dld_regions``, the rectangles in pixels
                of ``inputs``, and ``dld_cost``, if it is there.
            shrinker: What the images were shrunk by. Rectangles begin and end at multiples of its
                ``pad_divisor``, or where the image does.
            scales: B factors, which they were shrunk to.
        """
        sizes = valid_sizes(inputs, data_samples)
        for i, (sample, result, size) in enumerate(zip(data_samples, results, sizes)):
            small = scaled_size(size, scales[i], shrinker.max_long_edge)
            found = _in_pixels(result, sample)
            low = self._low(found, small[0] / size[0]) if small != size else []
            boxes = self.around(low, size, shrinker.pad_divisor)
            again = [self._look(predict, inputs[i], sample, box, shrinker) for box in boxes]
            _replace(result, found, boxes, again, sample, size)
            _note(result, boxes, size, shrinker.pad_divisor)

    def around(self, texts: Sequence[Points], size: Size, divisor: int) -> list[Box]:
        """Few rectangles around texts.

        Args:
            texts: N outlines in pixels, each of shape (P, 2).
            size: Height and width of the image.
            divisor: Rectangles begin and end at multiples of this, or where the image does.

        Returns:
            At most N rectangles inside the image that do not overlap; each text is in one of them,
            with its margin.
        """
        return _merged([self._box(points, size, divisor) for points in texts])

    def _low(self, found: Sequence[Points], factor: float) -> list[Points]:
        return [points for points in found if _height(points) * factor < self.below]

    def _box(self, points: Points, size: Size, divisor: int) -> Box:
        """A text with its margin, rounded outwards, inside the image."""
        margin = self.margin * _height(points)
        last = np.array(size[::-1])
        # In multiples of the divisor; even of text outside of the image there is one inside.
        low = np.floor((points.min(0) - margin) / divisor).clip(0, (last - 1) // divisor)
        high = np.ceil((points.max(0) + margin) / divisor).clip(low + 1)
        left, top = (low * divisor).astype(int).tolist()
        right, bottom = np.minimum(high * divisor, last).astype(int).tolist()
        return Box(left, top, right, bottom)

    @staticmethod
    def _look(predict: Predict, image: Tensor, sample: Any, box: Box, shrinker: Shrinker) -> Any:
        """What is found in one rectangle, in original pixels from its left top corner on."""
        crop = image[None, :, box.top:box.bottom, box.left:box.right]
        width, height = scale_factor(sample)
        part = type(sample)(metainfo={
            **sample.metainfo, 'img_shape': (crop.shape[2], crop.shape[3]),
            'ori_shape': (round(crop.shape[2] / height), round(crop.shape[3] / width))})
        return shrinker.predict(predict, crop, [part], [1.0])[0]


def _replace(result: Any, found: Sequence[Points], boxes: Sequence[Box], again: Sequence[Any],
             sample: Any, size: Size) -> None:
    """Put what was found in the regions in the place of what lay inside of them."""
    kept = [not any(_lies_in(box, points, size, _SEAM + _INSIDE * _height(points))
                    for box in boxes) for points in found]
    others = [points for points, stays in zip(found, kept) if stays]
    parts = [_chosen(result.pred_instances, kept)] if boxes else []
    for box, seen in zip(boxes, again):
        new = [points + (box.left, box.top) for points in _in_pixels(seen, sample)]
        whole = [_lies_in(box, points, size, _SEAM) and not _part_of_any(points, others)
                 for points in new]
        parts.append(_shifted(_chosen(seen.pred_instances, whole), _corner(box, sample)))
    # Without text some models tell fewer fields, or other types.
    if parts := [part for part in parts if len(part)] or parts[:1]:
        result.pred_instances = InstanceData.cat(parts)


def _note(result: Any, boxes: Sequence[Box], size: Size, divisor: int) -> None:
    """Write down what was looked at again, and at what cost relative to the full image."""
    pixels = sum(_padded_area((box.bottom - box.top, box.right - box.left), divisor)
                 for box in boxes)
    result.set_metainfo({'dld_regions': [list(box) for box in boxes]})
    if 'dld_cost' in result:
        result.set_metainfo({
            'dld_cost': result.dld_cost + pixels / _padded_area(size, divisor)})


def _merged(boxes: Sequence[Box]) -> list[Box]:
    """Rectangles that overlap, or are as good as one, become one."""
    apart: list[Box] = []
    for box in boxes:
        # One that has grown may reach others.
        while near := [other for other in apart if _belong_together(box, other)]:
            apart.remove(near[0])
            box = box.joined(near[0])
        apart.append(box)
    return apart


def _belong_together(one: Box, other: Box) -> bool:
    return one.meets(other) or one.joined(other).area <= _SLACK * (one.area + other.area)


def _lies_in(box: Box, points: Points, size: Size, inset: float) -> bool:
    """Whether a text is so far inside of a rectangle's edges; those of the image do not count."""
    low, high = points.min(0), points.max(0)
    return bool((box.left == 0 or low[0] >= box.left + inset)
                and (box.top == 0 or low[1] >= box.top + inset)
                and (box.right == size[1] or high[0] <= box.right - inset)
                and (box.bottom == size[0] or high[1] <= box.bottom - inset))


def _part_of_any(points: Points, others: Sequence[Points]) -> bool:
    """Whether most of a text is in one that is kept: then it is a piece of it."""
    shape = _polygon(points)
    return any(poly_intersection(shape, _polygon(other)) > 0.5 * shape.area for other in others)


def _polygon(points: Points) -> Any:
    return poly_make_valid(poly2shapely(points.ravel()))


def _height(points: Points) -> float:
    """Of text however it is turned: the shorter side of the narrowest rectangle around it."""
    return float(min(cv2.minAreaRect(points)[1]))


def _in_pixels(result: Any, sample: Any) -> list[Points]:
    """Outlines of what was found, in pixels of the model's input at full resolution."""
    return [points * np.array(scale_factor(sample), np.float32) for points in polygons_of(result)]


def _corner(box: Box, sample: Any) -> NDArray[np.float32]:
    """The left top corner of a rectangle in the original image: x and y."""
    return np.array(box[:2], np.float32) / np.array(scale_factor(sample), np.float32)


def _chosen(instances: InstanceData, flags: Sequence[bool]) -> InstanceData:
    return instances[torch.tensor(flags, dtype=torch.bool)]


def _shifted(instances: InstanceData, offset: NDArray[np.float32]) -> InstanceData:
    """The same instances elsewhere: all their points move by x and y."""
    for field in POINTS:
        if field in instances:
            setattr(instances, field, _moved(instances[field], offset))
    return instances


def _moved(points: Any, offset: NDArray[np.float32]) -> Any:
    if isinstance(points, (list, tuple)):
        if not (points and isinstance(points[0], Real)):
            return [_moved(entry, offset) for entry in points]
        points = np.array(points, np.float32)
    steps = np.tile(offset, points.shape[-1] // 2)
    return points + (points.new_tensor(steps) if isinstance(points, Tensor) else steps)


def _padded_area(size: Size, divisor: int) -> int:
    return padded(size[0], divisor) * padded(size[1], divisor)
