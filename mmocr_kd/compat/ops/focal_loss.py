"""Sigmoid focal loss; arguments are those ``mmcv.ops.sigmoid_focal_loss`` passes."""
from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from .arithmetic import gradients, widened


def sigmoid_focal_loss_forward(input: Tensor, target: Tensor, weight: Tensor, output: Tensor,
                               gamma: float, alpha: float) -> None:
    """Fill ``output``.

    Args:
        input: Logits, shape (N, C).
        target: Class of each row, shape (N,); C stands for background.
        weight: Per class, shape (C,), or empty.
        output: Loss of each element, shape (N, C).
        gamma: Focusing exponent.
        alpha: Weight of the positive class; ``1 - alpha`` is that of the negative one.
    """
    output.copy_(_focal_loss(input, target, weight, gamma, alpha))


def sigmoid_focal_loss_backward(input: Tensor, target: Tensor, weight: Tensor, grad_input: Tensor,
                                gamma: float, alpha: float) -> None:
    """Fill ``grad_input`` with the derivative of each element's loss."""
    gradient, = gradients(lambda x: _focal_loss(x, target, weight, gamma, alpha), [input],
                          torch.ones_like(input))
    grad_input.copy_(gradient)


def _focal_loss(input: Tensor, target: Tensor, weight: Tensor, gamma: float,
                alpha: float) -> Tensor:
    input, weight = widened(input, weight)
    positive = F.one_hot(target, input.size(1) + 1)[:, :-1].bool()
    logits = torch.where(positive, input, -input)  # of the right answer, in both cases
    loss = -(-logits).sigmoid()**gamma * F.logsigmoid(logits)
    loss = loss * torch.where(positive, alpha, 1 - alpha)
    if weight.numel():
        # Background has no weight of its own.
        loss = loss * torch.cat([weight, weight.new_ones(1)])[target][:, None]
    return loss
