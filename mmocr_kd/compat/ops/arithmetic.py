"""Precision of operators, and gradients for those that are called outside of autograd."""
from __future__ import annotations

from typing import Callable, Sequence

import torch
from torch import Tensor


def gradients(function: Callable[..., Tensor], inputs: Sequence[Tensor],
              grad_output: Tensor) -> Sequence[Tensor]:
    """Vector-Jacobian product of ``function`` at ``inputs``.

    Args:
        function: Of as many tensors as there are inputs.
        inputs: Where to differentiate.
        grad_output: Gradient with respect to the function's value, of its shape and any type.

    Returns:
        Gradient with respect to each input.
    """
    with torch.enable_grad():
        leaves = [tensor.detach().requires_grad_() for tensor in inputs]
        output = function(*leaves)
        return torch.autograd.grad(output, leaves, grad_output.to(output.dtype))


def widened(*tensors: Tensor) -> list[Tensor]:
    """Tensors of one type, the widest among them and float32.

    torchvision has no half precision on CPUs and wants one type; autocast mixes them. Operators
    compute in this type and round what they give, which is never worse than mmcv's half precision.

    Args:
        tensors: Floating point.
    """
    dtype = torch.float32
    for tensor in tensors:
        dtype = torch.promote_types(dtype, tensor.dtype)
    return [tensor.to(dtype) for tensor in tensors]
