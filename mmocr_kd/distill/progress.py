"""How far a training is, for what cannot see its runner: models."""
from __future__ import annotations

from typing import Callable, NamedTuple, TypeVar

import torch
from mmengine.logging import MessageHub

Function = TypeVar('Function', bound=Callable)


class Progress(NamedTuple):
    """Where a training stands.

    Args:
        epoch: Finished epochs.
        iteration: Finished iterations.
        max_epochs: Epochs in all; 1 in loops that count iterations.
    """

    epoch: int
    iteration: int
    max_epochs: int = 1


def training_progress() -> Progress | None:
    """Progress of the training that is running in this process.

    Returns:
        None if no runner trains (a loop of one's own).
    """
    hub = training_hub()
    if hub is None:
        return None
    return Progress(*(hub.get_info(name, 0) for name in ('epoch', 'iter', 'max_epochs')))


def training_hub() -> MessageHub | None:
    """Message hub of the training that is running in this process.

    MMEngine's runners tell it their message hubs. Of several, the one that trains counts: another
    runner that was built meanwhile, which MMEngine takes for the current one, does not.

    Returns:
        None if no runner trains.
    """
    # The list of all hubs is private; hubs are asked in public ways.
    training = [hub for hub in MessageHub._instance_dict.values()
                if hub.get_info('loop_stage') is not None]
    return training[-1] if training else None


def uncompiled(function: Function) -> Function:
    """Leave a function out of what ``torch.compile`` makes of a model; for use as a decorator.

    Args:
        function: Reads what changes from step to step. PyTorch 2.0 has no such mark.
    """
    compiler = getattr(torch, 'compiler', None)
    return compiler.disable(function) if compiler else function
