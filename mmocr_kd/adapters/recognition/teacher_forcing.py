"""Making a recogniser in eval mode read the ground truth along."""
from __future__ import annotations

from contextlib import contextmanager
from typing import Iterator

from mmocr.models.textrecog.decoders import BaseDecoder
from torch import nn


@contextmanager
def teacher_forcing(model: nn.Module) -> Iterator[None]:
    """Let the decoders of ``model`` take their training path, and nothing else.

    MMOCR's decoders branch on their own ``training`` flag: in eval mode they read freely and
    return probabilities. Setting the flag of the decoders alone, nested ones included, gives raw
    logits that follow the labels, while dropout and batch normalisation below stay in eval mode.

    Args:
        model: A recogniser.
    """
    decoders = [module for module in model.modules() if isinstance(module, BaseDecoder)]
    before = [decoder.training for decoder in decoders]
    for decoder in decoders:
        decoder.training = True
    try:
        yield
    finally:
        for decoder, training in zip(decoders, before):
            decoder.training = training
