"""How many multiply-accumulate operations a network needs, by the rules of ptflops."""
from __future__ import annotations

from collections import Counter
from functools import partial
from typing import Any, Callable

from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.conv import _ConvNd


def layer_macs(model: nn.Module, run: Callable[[], Any]) -> Counter[str]:
    """Operations of the convolutions, linear layers, batch normalisations and ReLUs of a model.

    These are the rules of ptflops, by which KD-LTR and many others state "FLOPs": a product and
    its sum are one operation, a convolution's bias adds one for each value it puts out, a linear
    layer's one for each of its outputs (however many vectors it maps), an affine normalisation
    has two for each value and a ReLU one. Only modules that run are seen. Products outside of
    modules are not, nor are the projections within :class:`torch.nn.MultiheadAttention`: of an
    attention layer nothing counts, which flatters transformers; see
    :func:`~mmocr_kd.measure.product_macs`.

    Args:
        model: The model; it is left as it was.
        run: Runs it once, for example ``lambda: model(image)``, on one image.

    Returns:
        Name of the module -> operations. ``total()`` is the sum. A module that runs several times
        counts as often.
    """
    counts: Counter[str] = Counter()
    handles = [module.register_forward_hook(partial(_count, counts, name))
               for name, module in model.named_modules() if isinstance(module, _COUNTED)]
    try:
        run()
    finally:
        for handle in handles:
            handle.remove()
    return counts


_COUNTED = (_ConvNd, nn.Linear, _BatchNorm, nn.ReLU)


def _count(counts: Counter[str], name: str, module: nn.Module, inputs: tuple[Tensor, ...],
           output: Tensor) -> None:
    counts[name] += _operations(module, inputs[0], output)


def _operations(module: nn.Module, given: Tensor, output: Tensor) -> int:
    if isinstance(module, _ConvNd):
        # Of a transposed convolution, each value that goes in is multiplied by the whole kernel.
        values = given if module.transposed else output
        per_value = module.weight.numel() // module.weight.shape[0]
        return values.numel() * per_value + (0 if module.bias is None else output.numel())
    if isinstance(module, nn.Linear):
        bias = 0 if module.bias is None else module.out_features
        return given.numel() * module.out_features + bias
    if isinstance(module, _BatchNorm):
        return output.numel() * (2 if module.affine else 1)
    return output.numel()
