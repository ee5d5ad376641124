"""Running a detector of MMDetection, and keeping the feature map its words are read from."""
from __future__ import annotations

from operator import itemgetter
from typing import Any, Sequence

import cv2
import numpy as np
from mmdet.structures import DetDataSample
from numpy.typing import NDArray
from torch import Tensor

from ....distill import Recorder, Source
from ..detector_losses import mmdet_samples
from ..spotter_protocol import Detected

REPRESENTATIONS = ('poly', 'quad')


class DetectorPass:
    """Passes of a two-stage detector in which its backbone runs once, also for the recogniser.

    A plain object: the detector stays where its owner keeps it in the module tree.

    Args:
        detector: One of MMDetection's with a neck, a box head and a mask head.
        level: Which map of the neck to keep.
        kind: See :func:`.mask_outline`.
        tolerance: See there.

    Raises:
        ValueError: If ``kind`` is unknown.
    """

    def __init__(self, detector: Any, level: int, kind: str, tolerance: float) -> None:
        if kind not in REPRESENTATIONS:
            raise ValueError(f'text_repr_type={kind!r} is unknown: use one of {REPRESENTATIONS}')
        self.detector = detector
        self.level = level
        self.kind = kind
        self.tolerance = tolerance
        self._recorder = Recorder(detector, {'map': Source('neck', pick=itemgetter(level))})

    def losses(self, inputs: Tensor,
               data_samples: Sequence[Any]) -> tuple[dict[str, Any], Tensor]:
        """The detector's losses, and the map.

        Args:
            inputs: Normalised, shape (B, 3, H, W).
            data_samples: B samples with polygons and ignored words; left untouched.
        """
        with self._recorder as recorded:
            losses = self.detector.loss(inputs, mmdet_samples(data_samples))
        return losses, recorded['map']

    def feature(self, inputs: Tensor) -> Tensor:
        """The map alone: backbone and neck, none of the heads."""
        return self.detector.extract_feat(inputs)[self.level]

    def find(self, inputs: Tensor, data_samples: Sequence[Any]) -> tuple[list[Detected], Tensor]:
        """Detect.

        Args:
            inputs: Normalised, shape (B, 3, H, W).
            data_samples: B samples; only their sizes count.

        Returns:
            What was found in each image, outlines in pixels of the batch; and the map.
        """
        with self._recorder as recorded:
            detected = self.detector.predict(inputs, _in_input_frame(data_samples), rescale=False)
        return [self._found(one.pred_instances) for one in detected], recorded['map']

    def _found(self, instances: Any) -> Detected:
        masks = instances.masks.cpu().numpy()
        boxes = instances.bboxes.detach().cpu().numpy()
        polygons = [mask_outline(mask, box, self.kind, self.tolerance)
                    for mask, box in zip(masks, boxes)]
        return polygons, instances.scores.detach().cpu()


def _in_input_frame(data_samples: Sequence[Any]) -> list[DetDataSample]:
    """Samples that let MMDetection predict in pixels of its input."""
    return [DetDataSample(metainfo={**sample.metainfo, 'ori_shape': sample.img_shape,
                                    'pad_shape': sample.img_shape, 'scale_factor': (1.0, 1.0)})
            for sample in data_samples]


def mask_outline(mask: NDArray[Any], box: NDArray[Any], kind: str = 'poly',
                 tolerance: float = 1.0) -> NDArray[np.float32]:
    """Outline of the largest connected part of a mask.

    Args:
        mask: Whole image, bool, shape (H, W).
        box: The detected box (x1, y1, x2, y2); what is given back if the mask is empty or has no
            area (our choice, so that no detection is lost).
        kind: 'poly', or 'quad' for the smallest rectangle around it.
        tolerance: How far the polygon may be from the mask's contour, in pixels.

    Returns:
        Points (x, y), at least three, shape (P, 2).
    """
    contours, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_EXTERNAL,
                                   cv2.CHAIN_APPROX_SIMPLE)
    largest = max(contours, key=cv2.contourArea, default=None)
    if largest is None or not cv2.contourArea(largest):
        return np.asarray(box, np.float32)[[[0, 1], [2, 1], [2, 3], [0, 3]]]
    if kind == 'quad':
        outline = cv2.boxPoints(cv2.minAreaRect(largest))
    else:
        simpler = cv2.approxPolyDP(largest, tolerance, closed=True)
        outline = (simpler if len(simpler) > 2 else largest)[:, 0]
    return outline.astype(np.float32) + 0.5  # contours run through the middle of pixels
