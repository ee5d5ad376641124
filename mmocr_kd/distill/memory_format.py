"""The memory layout in which convolutions are fast, and the modules that cannot do with it."""
from __future__ import annotations

from typing import Any

import torch
from mmengine.utils import apply_to
from torch import Tensor, nn

# Compiled mmcv's operators take whatever layout they get for the usual one, unchecked and without
# an error (all but DCN of version 1, which raises); MMOCR's STN views what its convolutions put
# out, which raises.
_CONTIGUOUS_ONLY = ('mmcv.ops.', 'mmocr.models.textrecog.preprocessors.')


def to_channels_last(model: nn.Module) -> None:
    """Let a frozen network run channels last, but for the parts of it that need the usual layout.

    Those keep contiguous weights, and a hook makes their inputs contiguous, so that all they
    compute is. The convolutions after them go on channels last, as their own weights are.

    Args:
        model: Changed in place.
    """
    model.to(memory_format=torch.channels_last)
    for part in filter(needs_contiguous, model.modules()):
        part.to(memory_format=torch.contiguous_format)
        part.register_forward_pre_hook(_contiguous_inputs, with_kwargs=True)


def feed_channels_last(model: nn.Module) -> list[Any]:
    """Let a network train channels last, with no parameter touched: its convolutions follow inputs.

    Optimizer, DDP, EMA and checkpoints never notice. (Weights of another layout would gain nothing
    and break DDP: its first step would take gradients apart in the order that weights had before.)
    Outside training mode inputs stay as they are.

    Args:
        model: Gets hooks.

    Returns:
        Handles of these hooks.
    """
    handles = [model.register_forward_pre_hook(_channels_last_inputs, with_kwargs=True)]
    for part in filter(needs_contiguous, model.modules()):
        handles.append(part.register_forward_pre_hook(_contiguous_inputs, with_kwargs=True))
    return handles


def fast_layout(images: Tensor, *readers: nn.Module) -> Tensor:
    """Images or feature maps as CPUs convolve them fastest: channels last.

    For networks that are trained elsewhere: PyTorch's convolutions follow the layout of their
    input, whatever that of their weights is, so that no parameter has to be touched. Only where no
    gradient is wanted, and on a CPU; results differ by rounding.

    Args:
        images: Shape (N, C, H, W).
        readers: All the networks they, or what becomes of them, go through. If one has a part
            that needs the usual layout, images get that one.

    Returns:
        The same values.
    """
    if torch.is_grad_enabled() or images.device.type != 'cpu':
        return images
    if any(needs_contiguous(part) for reader in readers for part in reader.modules()):
        return images.contiguous()
    return _channels_last(images)


def needs_contiguous(part: nn.Module) -> bool:
    """Whether a module, or a class it derives from, is wrong with channels last.

    Args:
        part: Looked at alone, without its children.
    """
    return any(kind.__module__.startswith(_CONTIGUOUS_ONLY) for kind in type(part).__mro__)


def _channels_last(images: Tensor) -> Tensor:
    # Not contiguous(): grey images are contiguous in both layouts, and keep the slower strides.
    return torch.empty_like(images, memory_format=torch.channels_last).copy_(images)


def _channels_last_inputs(model: nn.Module, args: Any, kwargs: Any) -> tuple[Any, Any] | None:
    return apply_to((args, kwargs), _is_batch, _channels_last) if model.training else None


def _is_batch(value: Any) -> bool:
    return torch.is_tensor(value) and value.dim() == 4


def _contiguous_inputs(part: nn.Module, args: Any, kwargs: Any) -> tuple[Any, Any]:
    return apply_to((args, kwargs), torch.is_tensor, Tensor.contiguous)
