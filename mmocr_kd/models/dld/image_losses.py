"""How well a detector does on each image of a batch, at a scale."""
from __future__ import annotations

from collections import defaultdict
from typing import Any, Iterator, Sequence

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from mmocr.models.textdet.detectors import SingleStageTextDetector
from torch import Tensor

from ...adapters import on_canvas
from ...adapters.image_sizes import Size, padded, valid_sizes
from ..spotters.detector_losses import detector_losses


def image_losses(detector: Any, images: Tensor, data_samples: Sequence[Any],
                 pad_divisor: int) -> Tensor:
    """The detector's training loss of each image, as it would be in a batch of its own.

    Images of one size go through the detector together, without the padding of larger ones. MMOCR's
    single-stage detectors compute the features of all and then one loss after the other; others
    (``MMDetWrapper``) see one image at a time. Put the detector into eval mode: in training mode
    images depend on each other.

    Args:
        detector: A detector of MMOCR, or an ``MMDetWrapper``.
        images: Normalised, shape (B, 3, H, W).
        data_samples: B annotated samples, left untouched.
        pad_divisor: What an image alone is padded to multiples of.

    Returns:
        Sums of all its losses, shape (B,).
    """
    losses: list[Any] = [None] * len(images)
    sizes = valid_sizes(images, data_samples)
    for members, alike in _of_one_size(images, sizes, pad_divisor):
        samples = [data_samples[i] for i in members]
        for i, loss in zip(members, _losses(detector, alike, samples)):
            losses[i] = detector.parse_losses(loss)[0]
    return torch.stack(losses)


def lost_share(sample: Any, ignored: Sequence[bool], min_side: float) -> float:
    """Share of an image's words, ignored ones apart, whose shorter side is too short.

    Args:
        sample: Annotated, at the scale in question: polygons or, without them, boxes.
        ignored: Its words that do not count, see :func:`~mmocr_kd.adapters.ignored_flags`.
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
    counted = [side < min_side for side, skip in zip(sides, ignored) if not skip]
    return sum(counted) / len(counted) if counted else 0.0


def _of_one_size(images: Tensor, sizes: Sequence[Size],
                 pad_divisor: int) -> Iterator[tuple[list[int], Tensor]]:
    """Indexes of equally large images, and these images with no more padding than they need."""
    groups: dict[Size, list[int]] = defaultdict(list)
    for i, size in enumerate(sizes):
        groups[size].append(i)
    for (height, width), members in groups.items():
        below = padded(height, pad_divisor) - images.shape[2]
        right = padded(width, pad_divisor) - images.shape[3]
        alike = torch.stack([images[i] for i in members])
        yield members, F.pad(alike, (0, right, 0, below))


def _losses(detector: Any, images: Tensor, data_samples: Sequence[Any]) -> Iterator[Any]:
    """The losses of each image, by name."""
    if not isinstance(detector, SingleStageTextDetector):
        for image, sample in zip(images, data_samples):
            yield detector_losses(detector, image[None], [sample])
        return
    features = detector.extract_feat(images)
    for i, sample in enumerate(on_canvas(images, data_samples)):
        yield detector.det_head.loss(_of_image(features, i), [sample])


def _of_image(features: Any, index: int) -> Any:
    """The part of feature maps, or of a nest of them, that belongs to one image."""
    if isinstance(features, (tuple, list)):
        return type(features)(_of_image(feature, index) for feature in features)
    return features[index:index + 1]


def _shorter_side(polygon: Any) -> float:
    return min(cv2.minAreaRect(np.asarray(polygon, np.float32).reshape(-1, 2))[1])
