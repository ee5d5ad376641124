"""The memory layout in which convolutions are fast."""
from __future__ import annotations

import torch
from torch import Tensor, nn


def fast_layout(images: Tensor, *readers: nn.Module) -> Tensor:
    """Images or feature maps as CPUs convolve them fastest: channels last.

    PyTorch's convolutions follow the layout of their input, whatever that of their weights is, so
    that no parameter has to be touched. Only where no gradient is wanted, and on a CPU; results
    differ by rounding.

    Args:
        images: Shape (N, C, H, W).
        readers: The networks they are for. An STN among their parts (``preprocessor`` of ASTER and
            SVTR) views what its convolutions put out, which fails with channels last; MMCV's
            operators (deformable convolution) take any layout for the usual one.

    Returns:
        The same values.
    """
    if torch.is_grad_enabled() or images.device.type != 'cpu':
        return images
    if any(_insists(part) for reader in readers for part in reader.modules()):
        return images
    # Not contiguous(): grey images are contiguous in both layouts, and keep the slower strides.
    return torch.empty_like(images, memory_format=torch.channels_last).copy_(images)


def _insists(part: nn.Module) -> bool:
    """Whether a module is wrong with channels last."""
    rectifies = getattr(part, 'preprocessor', None) is not None
    return rectifies or type(part).__module__.startswith('mmcv.ops')
