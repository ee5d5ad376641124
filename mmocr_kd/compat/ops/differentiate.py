"""Gradients for operators that are called outside of autograd."""
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
        grad_output: Gradient with respect to the function's value, of its shape.

    Returns:
        Gradient with respect to each input.
    """
    with torch.enable_grad():
        leaves = [tensor.detach().requires_grad_() for tensor in inputs]
        return torch.autograd.grad(function(*leaves), leaves, grad_output)
