"""Deformable convolution, version 1; arguments are those ``mmcv.ops.deform_conv2d`` passes.

Shapes: input (N, C, H, W), weight (O, C / group, kH, kW), offset (N, 2 * deformable_group * kH *
kW, h, w) as (y, x) pairs, output (N, O, h, w). torchvision reads both numbers of groups off the
shapes and takes whole batches, so those arguments, the buffers and im2col_step are not used.
"""
from __future__ import annotations

from typing import Any

import torchvision
from torch import Tensor

from .arithmetic import gradients, widened


def deform_conv_forward(input: Tensor, weight: Tensor, offset: Tensor, output: Tensor,
                        columns: Tensor, ones: Tensor, **geometry: Any) -> None:
    """Fill ``output``."""
    output.copy_(_deform_conv(input, offset, weight, **geometry))


def deform_conv_backward_input(input: Tensor, offset: Tensor, grad_output: Tensor,
                               grad_input: Tensor, grad_offset: Tensor, weight: Tensor,
                               columns: Tensor, **geometry: Any) -> None:
    """Fill ``grad_input`` and ``grad_offset``."""
    by_input, by_offset = gradients(
        lambda x, o: _deform_conv(x, o, weight, **geometry), [input, offset], grad_output)
    grad_input.copy_(by_input)
    grad_offset.copy_(by_offset)


def deform_conv_backward_parameters(input: Tensor, offset: Tensor, grad_output: Tensor,
                                    grad_weight: Tensor, columns: Tensor, ones: Tensor,
                                    scale: float, **geometry: Any) -> None:
    """Add the gradient, times ``scale``, to ``grad_weight``."""
    by_weight, = gradients(
        lambda w: _deform_conv(input, offset, w, **geometry), [grad_weight], grad_output)
    grad_weight.add_(by_weight, alpha=scale)


def _deform_conv(input: Tensor, offset: Tensor, weight: Tensor, dW: int, dH: int, padW: int,
                 padH: int, dilationW: int, dilationH: int, **_: Any) -> Tensor:
    return torchvision.ops.deform_conv2d(
        *widened(input, offset, weight), None, (dH, dW), (padH, padW), (dilationH, dilationW))
