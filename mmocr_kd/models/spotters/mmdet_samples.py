"""Samples as the losses of MMDetection's detectors want them."""
from __future__ import annotations

from typing import Any, Sequence

import numpy as np
import torch
from mmdet.structures import DetDataSample
from mmdet.structures.mask import PolygonMasks
from mmengine.structures import InstanceData
from numpy.typing import NDArray

from ...adapters import ignored_flags


def mmdet_samples(data_samples: Sequence[Any]) -> list[DetDataSample]:
    """Turn samples of text detection into MMDetection's, for ``MMDetWrapper``.

    Boxes and masks are drawn around the polygons; ignored instances are set apart, and so are
    those whose box has no width or height: detectors take the logarithm of both.

    Args:
        data_samples: B samples with polygons, labels and ignored instances, whose ``img_shape`` is
            the padded batch's.
    """
    return [_mmdet_sample(sample, ignored)
            for sample, ignored in zip(data_samples, ignored_flags(data_samples))]


def _mmdet_sample(sample: Any, flags: Sequence[bool]) -> DetDataSample:
    instances = sample.gt_instances
    ignored = [flag or _is_flat(polygon) for flag, polygon in zip(flags, instances.polygons)]
    metainfo = {**sample.metainfo, 'pad_shape': sample.img_shape,
                'batch_input_shape': sample.img_shape}
    return DetDataSample(
        metainfo=metainfo,
        gt_instances=_instances(sample, [i for i, skip in enumerate(ignored) if not skip]),
        ignored_instances=_instances(sample, [i for i, skip in enumerate(ignored) if skip]))


def _is_flat(polygon: Any) -> bool:
    return not np.ptp(_points(polygon), axis=0).all()


def _instances(sample: Any, chosen: list[int]) -> InstanceData:
    instances = sample.gt_instances
    polygons = [_points(instances.polygons[i]) for i in chosen]
    boxes = [[*points.min(0), *points.max(0)] for points in polygons]
    device = instances.labels.device
    bboxes = torch.tensor(np.array(boxes), dtype=torch.float32).view(-1, 4)
    index = torch.tensor(chosen, dtype=torch.long).to(device, non_blocking=True)
    return InstanceData(
        bboxes=bboxes.to(device, non_blocking=True),
        labels=instances.labels[index],
        masks=PolygonMasks([[points.ravel()] for points in polygons], *sample.img_shape))


def _points(polygon: Any) -> NDArray[np.float32]:
    return np.asarray(polygon, np.float32).reshape(-1, 2)
