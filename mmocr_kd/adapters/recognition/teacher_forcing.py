"""Making a recogniser in eval mode read the ground truth along."""
from __future__ import annotations

from contextlib import contextmanager
from typing import Any, Iterator

from mmocr.models.textrecog.decoders import BaseDecoder
from torch import nn

# Despite its name, teach_prob is the probability of the decoder's own guess.
_FORCED = {'training': True, 'teach_prob': 0.0}


@contextmanager
def teacher_forcing(model: nn.Module) -> Iterator[None]:
    """Let the decoders of ``model`` take their training path, and nothing else.

    MMOCR's decoders branch on their own ``training`` flag: in eval mode they read freely and
    return probabilities. Setting the flag of the decoders alone, nested ones included, gives raw
    logits that follow the labels, while dropout and batch normalisation below stay in eval mode.
    Decoders that toss a coin between the label and their own guess (ABCNet) take the label.

    Args:
        model: A recogniser.
    """
    decoders: list[Any] = [part for part in model.modules() if isinstance(part, BaseDecoder)]
    before = [(decoder, name, getattr(decoder, name)) for decoder in decoders
              for name in _FORCED if hasattr(decoder, name)]
    for decoder, name, _ in before:
        setattr(decoder, name, _FORCED[name])
    try:
        yield
    finally:
        for decoder, name, value in before:
            setattr(decoder, name, value)
