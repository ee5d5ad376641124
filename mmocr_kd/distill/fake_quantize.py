"""Rounding to 8 bits while a network trains, as a file in 8 bits will round."""
from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from .checkpoint import OF_TRAINING, PEER

_LAYERS = (nn.Conv1d, nn.Conv2d, nn.ConvTranspose1d, nn.ConvTranspose2d, nn.Linear)
_TRANSPOSED = (nn.ConvTranspose1d, nn.ConvTranspose2d)
# What is in front of these is rounded by itself; in front of a ReLU it is not, only after it.
_CURVES = (nn.GELU, nn.Hardsigmoid, nn.Hardswish, nn.Sigmoid, nn.SiLU, nn.Tanh)
_CURVES_OF_MMCV = ('HSigmoid', 'Swish')
_NOT_DEPLOYED = tuple(part for part in OF_TRAINING if part != PEER)
_SMALLEST = torch.finfo(torch.float32).tiny


def quantize_fake(model: nn.Module) -> list[Any]:
    """Let convolutions and linear layers compute with what 8 bits can hold, until they are let go.

    Numbers stay floating, and gradients pass as if nothing was rounded. Rounded are weights, with a
    scale for each output channel and no offset, what goes into each such layer, and what goes into
    activations other than ReLUs, both with one scale and offset for a batch: as ONNX Runtime's
    static quantisation does. That also folds normalisation into weights; with a scale for each
    channel their rounding is the same before and after. Ranges of activations are the batch's
    smallest and largest number; a file has those of its calibration.

    PyTorch's own operators round. Its quantisation of whole models, torchao's since, replaces a
    model by a graph drawn of it, in which nothing is left that a distilling hook could listen to.

    Parameters, their names, and all who know them (optimizer, EMA, DDP, checkpoints) never notice,
    and copies of the model (the averages of EMA) compute in full precision. Left out are parts that
    no student keeps (adaptors, projectors, selectors), products of two activations, recurrent
    layers, and deformable convolutions.

    Args:
        model: Gets hooks; in evaluation, too.

    Returns:
        Handles of these hooks.

    Raises:
        ValueError: If there is no such layer.
    """
    handles: list[Any] = []
    for name, part in model.named_modules():
        if f'{name}.'.startswith(_NOT_DEPLOYED):
            continue
        if isinstance(part, _LAYERS) and part._parameters.get('weight') is not None:
            handles += _Layer(part).attach()
        elif isinstance(part, _CURVES) or type(part).__name__ in _CURVES_OF_MMCV:
            handles += _Rounded(part).attach()
    if not handles:
        raise ValueError(f'{type(model).__name__} has no convolution or linear layer to train for '
                         '8 bits')
    return handles


def rounded(values: Tensor) -> Tensor:
    """Nearest numbers of 256 that stand between the smallest and the largest, zero among them.

    Args:
        values: Floating, any shape; not empty.

    Returns:
        The same shape and type. Its gradient is that of ``values``.
    """
    low, high = values.detach().float().aminmax()
    low, high = low.clamp(max=0), high.clamp(min=0)
    scale = ((high - low) / 255).clamp(min=_SMALLEST)
    zero = (-low / scale).round().to(torch.int32)
    return torch.fake_quantize_per_tensor_affine(values.float(), scale, zero, 0, 255).to(
        values.dtype)


def rounded_weight(weight: Tensor, axis: int) -> Tensor:
    """Nearest of 255 numbers between minus and plus the largest magnitude of a channel.

    Args:
        weight: Of a layer.
        axis: Of its output channels.

    Returns:
        The same shape and type. Its gradient is that of ``weight``.
    """
    others = [place for place in range(weight.dim()) if place != axis]
    scale = (weight.detach().float().abs().amax(others) / 127).clamp(min=_SMALLEST)
    return torch.fake_quantize_per_channel_affine(
        weight.float(), scale, torch.zeros_like(scale, dtype=torch.int32), axis, -127, 127).to(
            weight.dtype)


class _Rounded:
    """Rounds what goes into one module, but not into its copies."""

    def __init__(self, module: nn.Module) -> None:
        self.module = module

    def __deepcopy__(self, memo: dict[int, Any]) -> _Rounded:
        return self

    def attach(self) -> list[Any]:
        """Hooks' handles."""
        return [self.module.register_forward_pre_hook(self.before)]

    def before(self, module: nn.Module, args: tuple[Any, ...]) -> Any:
        """Other arguments for the module."""
        if module is not self.module or not args[0].numel():
            return None
        return (rounded(args[0]), *args[1:])


class _Layer(_Rounded):
    """The same of a layer, whose weight is rounded, too."""

    def attach(self) -> list[Any]:
        """Hooks' handles."""
        return [*super().attach(), self.module.register_forward_hook(self.after)]

    def before(self, module: nn.Module, args: tuple[Any, ...]) -> Any:
        """Let the layer see another weight: one beside its parameter, which is found first."""
        if module is self.module:
            axis = 1 if isinstance(module, _TRANSPOSED) else 0
            weight: Any = module._parameters['weight']
            module.__dict__['weight'] = rounded_weight(weight, axis)
        return super().before(module, args)

    def after(self, module: nn.Module, args: tuple[Any, ...], output: Any) -> None:
        """Let it see its own again."""
        module.__dict__.pop('weight', None)
