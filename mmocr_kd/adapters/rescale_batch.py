"""The low-resolution copy of a batch, each image at a scale of its own."""
from __future__ import annotations

import copy
from typing import Any, Sequence

import torch
import torch.nn.functional as F
from mmengine.structures import InstanceData, PixelData
from torch import Tensor

from .image_sizes import Size, padded, scaled_size, valid_sizes
from .rescale_instances import Rescaling, rescale_instances

MAPS = 'teacher_maps'  # of the whole image, large, and shrunk by rescale_maps where somebody asks


def rescale_batch(inputs: Tensor,
                  data_samples: Sequence[Any] | None,
                  scales: Sequence[float],
                  pad_divisor: int = 32,
                  max_long_edge: int | None = None,
                  antialias: bool = False,
                  pad_value: float = 0.0) -> tuple[Tensor, list[Any] | None]:
    """Shrink each image of a batch, and its annotations with it.

    The geometry of DLD's official code (bilinear, corners not aligned, from the unpadded image),
    with sizes that are exact whole numbers (see :func:`.image_sizes.scaled_size`). Nothing that
    is passed in is changed; the copies share nothing with it. If no image changes its size, the
    very same ``inputs`` are returned.

    Args:
        inputs: Normalised images at the top left of a padded batch, floating, (B, C, H, W).
        data_samples: B samples. ``img_shape`` tells where padding begins; annotations follow the
            image (see :func:`.rescale_instances.rescale_instances`), predictions, which are in
            coordinates of the original file, are copied. What a store says of the whole image
            (``teacher_maps``) stays behind. None: no padding, no annotations.
        scales: Factor of each image, in (0, 1].
        pad_divisor: Height and width of the new batch are multiples of this.
        max_long_edge: Limit of the longer edge after shrinking; 1600 in training and 3000 in
            testing in the official code. None: no limit.
        antialias: Smooth before shrinking. The official code does not.
        pad_value: What the new batch is padded with.

    Returns:
        Images of shape (B, C, H', W') and their samples with ``img_shape``, ``pad_shape``,
        ``batch_input_shape`` (height, width), ``scale_factor`` (width, height; if there was one)
        of the new image and ``dld_scale``. Results divided by ``scale_factor`` are in the
        coordinates of the original file.

    Raises:
        ValueError: If there is not one scale and one sample per image, a scale is out of range,
            or a sample has annotations that cannot follow.
        TypeError: If images are not floating, or annotations have an unknown type.
    """
    _check(inputs, scales)
    old = valid_sizes(inputs, data_samples)
    new = [scaled_size(size, scale, max_long_edge) for size, scale in zip(old, scales)]
    resized = inputs
    if new != old:
        resized = _resize(inputs, old, new, pad_divisor, antialias, pad_value)
    if data_samples is None:
        return resized, None
    canvas = resized.shape[-2], resized.shape[-1]
    changes = [Rescaling(*sizes, canvas) for sizes in zip(old, new)]
    return resized, [_rescale_sample(*each) for each in zip(data_samples, changes, scales)]


def on_canvas(inputs: Tensor, data_samples: Sequence[Any]) -> list[Any]:
    """Copies of samples that say their image fills the padded batch: for losses of detectors.

    MMOCR's segmentation losses (DB, PAN, PSE, FCE, DRRG) draw targets at each sample's
    ``img_shape`` and compare them with predictions for the whole batch: images of several sizes
    fail or, with PAN, are compared out of place. Images stand at the top left, so nothing else
    changes. These losses also write into the annotations; here they write into copies.

    Args:
        inputs: The padded batch, shape (B, C, H, W).
        data_samples: Its samples.
    """
    copies = [copy.deepcopy(sample) for sample in data_samples]
    for sample in copies:
        sample.set_metainfo({'img_shape': (inputs.shape[-2], inputs.shape[-1])})
    return copies


def _check(inputs: Tensor, scales: Sequence[float]) -> None:
    if not inputs.is_floating_point():
        raise TypeError(f'inputs are {inputs.dtype}: rescale what the data preprocessor returns, '
                        'floating and normalised')
    if len(scales) != len(inputs):
        raise ValueError(f'{len(scales)} scales for {len(inputs)} images: give one for each')
    if not all(0 < scale <= 1 for scale in scales):
        raise ValueError(f'scales={list(scales)} must lie in (0, 1]: images only shrink')


def _resize(inputs: Tensor, old: list[Size], new: list[Size], pad_divisor: int, antialias: bool,
            pad_value: float) -> Tensor:
    canvas = [padded(max(edges), pad_divisor) for edges in zip(*new)]
    resized = []
    for image, before, after in zip(inputs, old, new):
        image = image[:, :before[0], :before[1]]
        if before != after:
            image = F.interpolate(image[None], after, mode='bilinear', antialias=antialias)[0]
        margins = 0, canvas[1] - after[1], 0, canvas[0] - after[0]
        resized.append(F.pad(image, margins, value=pad_value))
    return torch.stack(resized)  # not written into: graphs for ONNX lose what is


def _rescale_sample(sample: Any, rescaling: Rescaling, scale: float) -> Any:
    moved = type(sample)(metainfo=dict(sample.metainfo_items()))
    for field, value in sample.items():
        if field != MAPS:
            setattr(moved, field, _rescale_field(field, value, rescaling))
    meta = {'img_shape': rescaling.new, 'pad_shape': rescaling.canvas,
            'batch_input_shape': rescaling.canvas, 'dld_scale': float(scale)}
    if 'scale_factor' in sample:
        factors = zip(sample.scale_factor, rescaling.factors)  # MMOCR's order: width, height
        meta['scale_factor'] = tuple(float(before) * factor for before, factor in factors)
    moved.set_metainfo(meta)
    return moved


def _rescale_field(field: str, value: Any, rescaling: Rescaling) -> Any:
    if field.startswith('pred'):
        return copy.deepcopy(value)
    if isinstance(value, InstanceData):
        return rescale_instances(value, rescaling)
    if isinstance(value, PixelData):
        raise ValueError(f'{field} is a map of pixels, which rescale_batch does not resize: drop '
                         'it from the data samples')
    return copy.deepcopy(value)
