"""Masks of the text in a batch, drawn from its ground truth."""
from __future__ import annotations

from typing import Sequence

import cv2
import numpy as np
import torch
from mmocr.structures import TextDetDataSample
from mmocr.utils import offset_polygon
from torch import Tensor

from .det_targets import prepared_mask
from .ignored import ignored_flags

_SHRINK_RATIO = 0.4  # of DB's probability targets
_FAR = 2**14  # cv2 overflows on coordinates beyond 16 bits


def draw_text_mask(data_samples: Sequence[TextDetDataSample],
                   logits: Tensor,
                   input_size: tuple[int, int],
                   kind: str = 'text',
                   include_ignored: bool = False) -> Tensor:
    """Rasterise the text polygons at the size of the logits (MaskET, eq. 3).

    Polygons are drawn at that size, not resized as a map, so that small text survives. Instances
    that are ignored, have fewer than three corners, no area, or NaN or Inf coordinates are left
    out; parts outside the image are cut off. The annotations are only read. Where
    :class:`~mmocr_kd.datasets.transforms.DBTargets` drew the mask in a worker of the data loader,
    that is what is returned, and the host neither draws nor waits. Photos without labels
    (``labelled=False``) have no text to draw.

    Args:
        data_samples: N samples with ``gt_instances.polygons`` (lists of x, y, x, y, ... in pixels
            of the input image) and ``gt_instances.ignored``.
        logits: Shape (N, h, w); gives size and device.
        input_size: Height and width of the input batch.
        kind: 'text' (full polygons) or 'kernel' (shrunk as DB's target is, ratio 0.4).
        include_ignored: Draw ignored instances as well.

    Returns:
        Bool mask of shape (N, h, w) on the device of ``logits``.
    """
    height, width = logits.shape[-2:]
    if input_size == (height, width):
        drawn = prepared_mask(data_samples, input_size, kind, include_ignored)
        if drawn is not None:
            return drawn
    scale = np.array([width / input_size[1], height / input_size[0]])
    # One pixel larger on each side: cv2 draws what lies outside onto the border of the canvas.
    canvas = np.zeros((len(data_samples), height + 2, width + 2), np.uint8)
    for image, sample, ignored in zip(canvas, data_samples, ignored_flags(data_samples)):
        for polygon in _polygons(sample, ignored, include_ignored):
            corners = _shrink(polygon) if kind == 'kernel' else polygon
            _fill(image, corners * scale)
    masks = torch.from_numpy(canvas)[:, 1:-1, 1:-1].contiguous()
    if logits.is_cuda:
        masks = masks.pin_memory()  # the copy does not wait for the teacher, who is at work
    return masks.to(logits.device, non_blocking=True).bool()


def _polygons(sample: TextDetDataSample, ignored: Sequence[bool],
              include_ignored: bool) -> list[np.ndarray]:
    if not sample.get('labelled', True):
        return []
    polygons = [
        np.array(polygon, dtype=np.float64).reshape(-1, 2)
        for polygon, ignore in zip(sample.gt_instances.polygons, ignored)
        if include_ignored or not ignore
    ]
    return [p for p in polygons if _is_drawable(p)]


def _is_drawable(polygon: np.ndarray) -> bool:
    if len(polygon) < 3 or not np.isfinite(polygon).all():
        return False
    return cv2.contourArea(polygon.astype(np.float32)) > 0


def _shrink(polygon: np.ndarray) -> np.ndarray:
    contour = polygon.astype(np.float32)
    area, perimeter = cv2.contourArea(contour), cv2.arcLength(contour, closed=True)
    distance = area * (1 - _SHRINK_RATIO**2) / perimeter
    return np.asarray(offset_polygon(polygon.flatten(), -distance)).reshape(-1, 2)


def _fill(mask: np.ndarray, corners: np.ndarray) -> None:
    if len(corners):
        corners = (corners.clip(-_FAR, _FAR).round() + 1).astype(np.int32)  # the margin
        cv2.fillPoly(mask, [corners], [1])
