"""Deformable convolution, version 2; arguments are those ``modulated_deform_conv2d`` passes.

Shapes as in :mod:`.deform_conv`, plus mask (N, deformable_group * kH * kW, h, w) and bias (O,) or
empty. Buffers and group numbers are not used, see there.
"""
from __future__ import annotations

from typing import Any

import torchvision
from torch import Tensor

from .arithmetic import gradients, widened


def modulated_deform_conv_forward(input: Tensor, weight: Tensor, bias: Tensor, ones: Tensor,
                                  offset: Tensor, mask: Tensor, output: Tensor, columns: Tensor,
                                  with_bias: bool, **geometry: Any) -> None:
    """Fill ``output``."""
    tensors = [input, weight, offset, mask] + [bias] * with_bias
    output.copy_(_modulated_deform_conv(*tensors, **geometry))


def modulated_deform_conv_backward(input: Tensor, weight: Tensor, bias: Tensor, ones: Tensor,
                                   offset: Tensor, mask: Tensor, columns: Tensor,
                                   grad_input: Tensor, grad_weight: Tensor, grad_bias: Tensor,
                                   grad_offset: Tensor, grad_mask: Tensor, grad_output: Tensor,
                                   with_bias: bool, **geometry: Any) -> None:
    """Fill all the ``grad_`` tensors but ``grad_output``."""
    inputs = [input, weight, offset, mask] + [bias] * with_bias
    grads = [grad_input, grad_weight, grad_offset, grad_mask] + [grad_bias] * with_bias
    computed = gradients(lambda *tensors: _modulated_deform_conv(*tensors, **geometry), inputs,
                         grad_output)
    for grad, value in zip(grads, computed):
        grad.copy_(value)


def _modulated_deform_conv(*tensors: Tensor, stride_h: int, stride_w: int, pad_h: int, pad_w: int,
                           dilation_h: int, dilation_w: int, **_: Any) -> Tensor:
    input, weight, offset, mask, *bias = widened(*tensors)
    return torchvision.ops.deform_conv2d(
        input, offset, weight, bias[0] if bias else None, (stride_h, stride_w), (pad_h, pad_w),
        (dilation_h, dilation_w), mask)
