"""A stand-in for ``mmcv._ext``, mmcv's compiled operators, and loaded under that name.

It answers for every operator name, with the signatures ``mmcv.ops`` calls: the operators that
MMOCR's detectors need run through torchvision and NumPy, the others raise when they are called.
Most fill tensors given to them, as the compiled ones do. ``mmcv.ops`` calls them inside its own
``autograd.Function``, so backward operators recompute the forward pass to differentiate it.
"""
from typing import Any, Callable

from .deform_conv import (
    deform_conv_backward_input,
    deform_conv_backward_parameters,
    deform_conv_forward,
)
from .environment import get_compiler_version, get_compiling_cuda_version
from .focal_loss import sigmoid_focal_loss_backward, sigmoid_focal_loss_forward
from .grow_regions import contour_expand, pixel_group
from .modulated_deform_conv import modulated_deform_conv_backward, modulated_deform_conv_forward
from .nms import nms
from .roi_align import roi_align_backward, roi_align_forward
from .unsupported import unsupported as _unsupported

__all__ = [
    'contour_expand', 'deform_conv_backward_input', 'deform_conv_backward_parameters',
    'deform_conv_forward', 'get_compiler_version', 'get_compiling_cuda_version',
    'modulated_deform_conv_backward', 'modulated_deform_conv_forward', 'nms', 'pixel_group',
    'roi_align_backward', 'roi_align_forward', 'sigmoid_focal_loss_backward',
    'sigmoid_focal_loss_forward'
]


def __getattr__(name: str) -> Callable[..., Any]:
    # inspect and pickle probe for dunder names and have to see that there are none.
    if name.startswith('__'):
        raise AttributeError(name)
    return _unsupported(name)
