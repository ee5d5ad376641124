"""Operators of ``mmcv._ext`` through torchvision, with the signatures ``mmcv.ops`` calls.

Most fill tensors given to them, as the compiled ones do. ``mmcv.ops`` calls them inside its own
``autograd.Function``, so backward operators recompute the forward pass to differentiate it.
"""
from .deform_conv import (
                          deform_conv_backward_input,
                          deform_conv_backward_parameters,
                          deform_conv_forward,
)
from .focal_loss import sigmoid_focal_loss_backward, sigmoid_focal_loss_forward
from .modulated_deform_conv import modulated_deform_conv_backward, modulated_deform_conv_forward
from .nms import nms
from .roi_align import roi_align_backward, roi_align_forward

OPS = {
    op.__name__: op
    for op in (deform_conv_forward, deform_conv_backward_input, deform_conv_backward_parameters,
               modulated_deform_conv_forward, modulated_deform_conv_backward, nms,
               roi_align_forward, roi_align_backward, sigmoid_focal_loss_forward,
               sigmoid_focal_loss_backward)
}

__all__ = ['OPS']
