"""The losses of a spotter's parts: of any detector, and side by side in one log."""
from __future__ import annotations

from typing import Any, Iterable, Mapping, Sequence

import numpy as np
import torch
from mmdet.structures import DetDataSample
from mmdet.structures.mask import PolygonMasks
from mmengine.structures import InstanceData
from mmocr.models.textdet.detectors.mmdet_wrapper import MMDetWrapper
from numpy.typing import NDArray
from torch import Tensor, nn

from ...adapters import ignored_flags, on_canvas


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


def name_losses(part: str, losses: Mapping[str, Any], weight: float = 1.0) -> dict[str, Any]:
    """Put a part's name before what it calls its losses, and weigh them.

    Args:
        part: Name of the part.
        losses: What MMEngine sums and logs: tensors or lists of them; those with 'loss' in their
            name are losses.
        weight: Factor of the losses.
    """
    return {f'{part}.{name}': _times(value, weight) if 'loss' in name else value
            for name, value in losses.items()}


def idle_loss(modules: Iterable[nn.Module], like: Tensor) -> Tensor:
    """A loss of zero that reaches all parameters: DDP wants each to take part in each step.

    Args:
        modules: Parts that had nothing to do.
        like: Gives device and type.
    """
    parameters = (p for module in modules for p in module.parameters() if p.requires_grad)
    return sum((p.sum() * 0 for p in parameters), like.new_zeros(()))


def _times(value: Any, weight: float) -> Any:
    return [item * weight for item in value] if isinstance(value, list) else value * weight
