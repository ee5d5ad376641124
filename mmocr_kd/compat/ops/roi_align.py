"""Average RoIAlign; arguments and their meaning are those of ``mmcv.ops.roi_align``."""
from __future__ import annotations

from typing import Any

import torchvision
from torch import Tensor

from .arithmetic import gradients, widened


def roi_align_forward(input: Tensor, rois: Tensor, output: Tensor, argmax_y: Tensor,
                      argmax_x: Tensor, **geometry: Any) -> None:
    """Fill ``output`` (K, C, h, w) from ``input`` (N, C, H, W) and ``rois`` (K, 5).

    Raises:
        NotImplementedError: For max pooling.
    """
    output.copy_(_roi_align(input, rois, **geometry))


def roi_align_backward(grad_output: Tensor, rois: Tensor, argmax_y: Tensor, argmax_x: Tensor,
                       grad_input: Tensor, **geometry: Any) -> None:
    """Fill ``grad_input`` (N, C, H, W) from ``grad_output`` (K, C, h, w)."""
    # The operator is linear, so its gradient is the same at every input of this shape.
    gradient, = gradients(lambda x: _roi_align(x, rois, **geometry), [grad_input], grad_output)
    grad_input.copy_(gradient)


def _roi_align(input: Tensor, rois: Tensor, aligned_height: int, aligned_width: int,
               spatial_scale: float, sampling_ratio: int, pool_mode: int, aligned: bool) -> Tensor:
    if pool_mode != 1:
        raise NotImplementedError("roi_align with pool_mode='max' needs compiled mmcv; "
                                  "pool_mode='avg' works without")
    # 0 means the same to both: as many points as fit.
    return torchvision.ops.roi_align(*widened(input, rois), (aligned_height, aligned_width),
                                     spatial_scale, sampling_ratio, aligned)
