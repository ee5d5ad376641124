"""The losses of any detector on a batch of images of several sizes."""
from __future__ import annotations

from typing import Any, Sequence

from mmdet.structures import DetDataSample
from mmocr.models.textdet.detectors.mmdet_wrapper import MMDetWrapper
from torch import Tensor

from ...adapters import on_canvas
from .mmdet_samples import mmdet_samples


def detector_losses(detector: Any, images: Tensor, data_samples: Sequence[Any]) -> dict[str, Any]:
    """What a detector's own training minimises.

    Args:
        detector: A detector of MMOCR, or an ``MMDetWrapper``.
        images: Normalised, shape (B, 3, H, W).
        data_samples: B annotated samples, left untouched; of an ``MMDetWrapper`` either MMOCR's
            or MMDetection's own.

    Returns:
        Loss name -> scalar, or list of scalars.
    """
    return detector(images, _loss_samples(detector, images, data_samples), mode='loss')


def _loss_samples(detector: Any, images: Tensor, data_samples: Sequence[Any]) -> list[Any]:
    # Copies, because DB rewrites annotations, and on the canvas, because it wants equal sizes.
    samples = on_canvas(images, data_samples)
    foreign = isinstance(detector, MMDetWrapper) and not any(
        isinstance(sample, DetDataSample) for sample in samples)
    return mmdet_samples(samples) if foreign else samples
