"""The part of a model that finds text, run as cost counts want it."""
from __future__ import annotations

from contextlib import contextmanager
from typing import Any, Iterator, Sequence

import torch
from mmdet.structures import DetDataSample
from mmdet.structures.bbox import bbox2roi
from torch import Tensor

_HEADS = ('rpn_head', 'det_head', 'bbox_head')


class DetectionPart:
    """Backbone, neck and heads of a detector or of the detector within a spotter.

    Args:
        model: A detector of MMOCR or MMDetection, or a spotter with one.

    Raises:
        TypeError: If it has none of the known heads.
    """

    def __init__(self, model: Any) -> None:
        # Within an adapted spotter, a spotter, and MMOCR's wrapper of MMDetection.
        for name in ('model', 'detector', 'wrapped_model'):
            model = getattr(model, name, model)
        self.network = model
        heads = [name for name in _HEADS if getattr(self.network, name, None) is not None]
        if not heads:
            raise TypeError(f'{type(self.network).__name__} has none of {_HEADS}: it is no '
                            'detector whose cost can be counted')
        self.head = getattr(self.network, heads[0])

    @property
    def has_regions(self) -> bool:
        """Whether a second stage looks at proposals of the first."""
        return hasattr(self.network, 'rpn_head') and hasattr(self.network, 'roi_head')

    def raw(self, images: Tensor) -> Any:
        """Raw output of the dense head: what DLD's official count runs.

        Args:
            images: Normalised, shape (B, 3, H, W).
        """
        return self.head(self.network.extract_feat(images))

    def whole(self, images: Tensor, data_samples: Sequence[Any]) -> None:
        """The whole detector, without what only sorts out its results.

        A second stage rates as many proposals as the first has, and draws masks of the annotated
        words, as if it had found these.

        Args:
            images: Normalised, shape (B, 3, H, W).
            data_samples: B samples with ``gt_instances.bboxes``.
        """
        if not self.has_regions:
            self.raw(images)
            return
        features = self.network.extract_feat(images)
        proposals = self.network.rpn_head.predict(features, _bare(data_samples), rescale=False)
        regions = self.network.roi_head
        regions._bbox_forward(features, bbox2roi([one.bboxes for one in proposals]))
        boxes = bbox2roi([torch.as_tensor(one.gt_instances.bboxes).to(images)
                          for one in data_samples])
        if getattr(regions, 'with_mask', False) and len(boxes):
            regions._mask_forward(features, boxes)

    @contextmanager
    def features_once(self) -> Iterator[None]:
        """Compute the features of one batch only once, whoever asks: as prediction does."""
        compute = self.network.extract_feat
        features: list[Any] = []

        def once(images: Tensor) -> Any:
            if not features:
                features.append(compute(images))
            return features[0]

        self.network.extract_feat = once  # hides the method, for this object alone
        try:
            yield
        finally:
            del self.network.extract_feat


def _bare(data_samples: Sequence[Any]) -> list[DetDataSample]:
    return [DetDataSample(metainfo={**sample.metainfo, 'scale_factor': (1.0, 1.0)})
            for sample in data_samples]
