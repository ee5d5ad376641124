"""How the student reads at every scale it could have been given."""
from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Iterator, Sequence

import torch
from torch import Tensor, nn

from ...losses import Labels
from ..spotters import DistillableSpotter, SpottedWords
from .shrinking import Shrinker


@dataclass(frozen=True)
class Candidates:
    """How N words were read at each of K scales.

    Args:
        logits: Raw logits, shape (K, N, T, V).
        labels: The ground truth.
        image_index: Image of each word, long, shape (N,).
    """

    logits: Tensor
    labels: Labels
    image_index: Tensor


def candidate_logits(*args: Any, **kwargs: Any) -> Tensor:
    """The logits of :func:`read_candidates`, shape (K, N, T, V)."""
    return read_candidates(*args, **kwargs).logits


@torch.no_grad()
def read_candidates(spotter: DistillableSpotter, inputs: Tensor, data_samples: Sequence[Any],
                    words: SpottedWords, scales: Sequence[float],
                    shrink: Shrinker | None = None) -> Candidates:
    """Read all annotated words at each of K scales: one pass of the whole batch per scale.

    The official code makes a pass per image and scale, with the student in training mode, where
    each pass moves the running statistics of batch normalisation: wrap this in
    :func:`evaluating`.

    Args:
        spotter: The student.
        inputs: The batch at full resolution, shape (B, 3, H, W).
        data_samples: Its B samples.
        words: Its N words, N > 0, in pixels of these images.
        scales: K factors in (0, 1].
        shrink: How to shrink; by default :class:`Shrinker` as it is.

    Returns:
        The readings, without gradient.
    """
    shrink = shrink or Shrinker()
    logits = []
    for scale in scales:
        small = shrink(inputs, data_samples, [scale] * len(inputs))
        taps = spotter.rec_taps(small.inputs, small.data_samples, words.scaled(small.factors))
        assert taps is not None, 'no words: there is nothing to read'
        logits.append(taps.logits)
    assert taps is not None, 'no scales: there is nothing to read at'
    return Candidates(torch.stack(logits), taps.labels, taps.image_index)


@contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """Put a model into eval mode for a while; every module gets its own mode back.

    Nothing of it is left in autocast's cache: PyTorch up to 2.9 keeps weights cast without gradient
    there, and a training pass that follows under the same autocast would train none of them.

    Args:
        model: The model, parts of which may be in eval mode for good (frozen stages).
    """
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        yield
    finally:
        for module, mode in modes:
            module.training = mode
        torch.clear_autocast_cache()
