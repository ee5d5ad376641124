"""The losses of a spotter's parts, side by side in one log."""
from __future__ import annotations

from typing import Any, Iterable, Mapping

from torch import Tensor, nn


def name_losses(part: str, losses: Mapping[str, Any], weight: float = 1.0) -> dict[str, Any]:
    """Put a part's name before what it calls its losses, and weigh them.

    Args:
        part: Name of the part.
        losses: What MMEngine sums and logs: tensors or lists of them; those with 'loss' in their
            name are losses.
        weight: Factor of the losses.
    """
    return {f'{part}.{name}': _times(value, weight) if 'loss' in name else value
            for name, value in losses.items()}


def idle_loss(modules: Iterable[nn.Module], like: Tensor) -> Tensor:
    """A loss of zero that reaches all parameters: DDP wants each to take part in each step.

    Args:
        modules: Parts that had nothing to do.
        like: Gives device and type.
    """
    parameters = (p for module in modules for p in module.parameters() if p.requires_grad)
    return sum((p.sum() * 0 for p in parameters), like.new_zeros(()))


def _times(value: Any, weight: float) -> Any:
    return [item * weight for item in value] if isinstance(value, list) else value * weight
