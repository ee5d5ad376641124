"""How well a detector does on each image of a batch, at a scale."""
from __future__ import annotations

from typing import Any, Sequence

import cv2
import numpy as np
import torch
from mmocr.models.textdet.detectors import SingleStageTextDetector
from torch import Tensor

from ...adapters import on_canvas
from ..spotters.detector_losses import detector_losses


def image_losses(detector: Any, images: Tensor, data_samples: Sequence[Any]) -> Tensor:
    """The detector's training loss of each image, as it would be in a batch of its own.

    MMOCR's single-stage detectors compute features once for the batch and the loss image by
    image; others (``MMDetWrapper``) see one image at a time. Put the detector into eval mode: in
    training mode images depend on each other.

    Args:
        detector: A detector of MMOCR, or an ``MMDetWrapper``.
        images: Normalised, shape (B, 3, H, W).
        data_samples: B annotated samples, left untouched.

    Returns:
        Sums of all its losses, shape (B,).
    """
    if isinstance(detector, SingleStageTextDetector):
        features = detector.extract_feat(images)
        losses = [detector.det_head.loss(_of_image(features, i), [sample])
                  for i, sample in enumerate(on_canvas(images, data_samples))]
    else:
        losses = [detector_losses(detector, images[i:i + 1], [sample])
                  for i, sample in enumerate(data_samples)]
    return torch.stack([detector.parse_losses(loss)[0] for loss in losses])


def lost_share(sample: Any, min_side: float) -> float:
    """Share of an image's words, ignored ones apart, whose shorter side is too short.

    Args:
        sample: Annotated, at the scale in question: polygons or, without them, boxes.
        min_side: What is long enough, in pixels.

    Returns:
        From 0 to 1; 0 without words.
    """
    instances = sample.gt_instances
    polygons = instances.get('polygons')
    if polygons is not None:
        sides = [_shorter_side(polygon) for polygon in polygons]
    else:
        boxes = instances.bboxes.numpy(force=True)
        sides = np.minimum(*(boxes[:, 2:] - boxes[:, :2]).T).tolist()
    ignored = instances.get('ignored', [False] * len(sides))
    counted = [side < min_side for side, skip in zip(sides, ignored) if not skip]
    return sum(counted) / len(counted) if counted else 0.0


def _of_image(features: Any, index: int) -> Any:
    """The part of feature maps, or of a nest of them, that belongs to one image."""
    if isinstance(features, (tuple, list)):
        return type(features)(_of_image(feature, index) for feature in features)
    return features[index:index + 1]


def _shorter_side(polygon: Any) -> float:
    return min(cv2.minAreaRect(np.asarray(polygon, np.float32).reshape(-1, 2))[1])
