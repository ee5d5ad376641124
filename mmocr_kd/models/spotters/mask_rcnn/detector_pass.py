"""Running a detector of MMDetection, and keeping the feature map its words are read from."""
from __future__ import annotations

from dataclasses import dataclass
from operator import itemgetter
from typing import Any, Sequence

import numpy as np
from mmdet.structures import DetDataSample
from numpy.typing import NDArray
from torch import Tensor

from ....distill import Recorder, Source
from ..mmdet_samples import mmdet_samples
from .mask_outline import REPRESENTATIONS, mask_outline


@dataclass(frozen=True)
class Found:
    """What was found in one image.

    Args:
        polygons: N outlines in pixels of the batch, shape (P, 2) each.
        scores: Shape (N,).
    """

    polygons: list[NDArray[np.float32]]
    scores: Tensor


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
        self._recorder.start()
        losses = self.detector.loss(inputs, mmdet_samples(data_samples))
        return losses, self._recorder.stop()['map']

    def feature(self, inputs: Tensor) -> Tensor:
        """The map alone: backbone and neck, none of the heads."""
        return self.detector.extract_feat(inputs)[self.level]

    def find(self, inputs: Tensor, data_samples: Sequence[Any]) -> tuple[list[Found], Tensor]:
        """Detect.

        Args:
            inputs: Normalised, shape (B, 3, H, W).
            data_samples: B samples; only their sizes count.

        Returns:
            What was found in each image, and the map.
        """
        self._recorder.start()
        detected = self.detector.predict(inputs, _in_input_frame(data_samples), rescale=False)
        feature = self._recorder.stop()['map']
        return [self._found(one.pred_instances) for one in detected], feature

    def _found(self, instances: Any) -> Found:
        masks = instances.masks.cpu().numpy()
        boxes = instances.bboxes.detach().cpu().numpy()
        polygons = [mask_outline(mask, box, self.kind, self.tolerance)
                    for mask, box in zip(masks, boxes)]
        return Found(polygons, instances.scores.detach().cpu())


def _in_input_frame(data_samples: Sequence[Any]) -> list[DetDataSample]:
    """Samples that let MMDetection predict in pixels of its input."""
    return [DetDataSample(metainfo={**sample.metainfo, 'ori_shape': sample.img_shape,
                                    'pad_shape': sample.img_shape, 'scale_factor': (1.0, 1.0)})
            for sample in data_samples]
