"""How the student reads at every scale it could have been given."""
from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, Iterable, Iterator, Sequence

import torch
from torch import Tensor, nn

from ...distill.memory_format import fast_layout
from ...distill.precision import computing_in
from ...losses import Labels
from ..spotters import DistillableSpotter, ReadsAtSizes, Words
from ..spotters.spotter_protocol import Batch, Full
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
                    words: Words, scales: Sequence[float],
                    shrink: Shrinker | None = None,
                    dtype: torch.dtype | None = None) -> Candidates:
    """Read all annotated words at each of K scales, a whole batch at a time.

    The official code makes a pass per image and scale, with the student in training mode, where
    each pass moves the running statistics of batch normalisation: wrap this in
    :func:`evaluating`. Spotters that can (:class:`~mmocr_kd.models.spotters.ReadsAtSizes`) read
    several scales together, others one after the other. Images without words are left out.

    Args:
        spotter: The student.
        inputs: The batch at full resolution, shape (B, 3, H, W).
        data_samples: Its B samples.
        words: Its N words, N > 0, in pixels of these images.
        scales: K factors in (0, 1], K > 0.
        shrink: How to shrink; by default :class:`Shrinker` as it is.
        dtype: Compute in this type where autocast allows it; None: as the caller does.

    Returns:
        The readings, without gradient; logits of float32 if ``dtype`` is given.
    """
    images, samples, theirs = _with_words(inputs, data_samples, words)
    # Shrinking is twice as fast in this layout; what comes out has the usual one again.
    images = fast_layout(images)
    batches = _batches(images, samples, theirs, scales, shrink or Shrinker())
    with computing_in(dtype, inputs.device.type):
        logits, labels = _read(spotter, batches, (images, samples))
    return Candidates(logits if dtype is None else logits.float(), labels,
                      words.image_index.to(logits.device, non_blocking=True))


def _with_words(inputs: Tensor, data_samples: Sequence[Any],
                words: Words) -> tuple[Tensor, list[Any], Words]:
    """The images with words, and their samples without annotations, which words have got."""
    bare = [type(sample)(metainfo=sample.metainfo) for sample in data_samples]
    kept, image_index = words.image_index.unique(return_inverse=True)
    if len(kept) == len(inputs):
        return inputs, bare, words
    members = kept.tolist()
    return torch.stack([inputs[i] for i in members]), [bare[i] for i in members], replace(
        words, image_index=image_index)


def _batches(inputs: Tensor, data_samples: Sequence[Any], words: Words,
             scales: Sequence[float], shrink: Shrinker) -> Iterator[Batch]:
    for scale in scales:
        small = shrink(inputs, data_samples, [scale] * len(inputs))
        # At scale 1 these are the images as they came; not every spotter can do with their layout.
        yield small.inputs.contiguous(), small.data_samples, words.scaled(small.factors)


def _read(spotter: DistillableSpotter, batches: Iterable[Batch],
          full: Full) -> tuple[Tensor, Labels]:
    if isinstance(spotter, ReadsAtSizes):
        return spotter.read_at_sizes(batches, full)
    readings: list[Any] = [spotter.read_along(*batch, full) for batch in batches]
    return torch.stack([reading.logits[0] for reading in readings]), readings[0].labels


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
