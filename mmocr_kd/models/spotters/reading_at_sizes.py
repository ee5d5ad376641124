"""The same words, cut out of images of several sizes, read together."""
from __future__ import annotations

from dataclasses import replace
from typing import Any, Iterable, Iterator, Sequence

import torch
from torch import Tensor

from ...distill.memory_format import fast_layout
from ...losses import Labels
from .rec_taps import RecTapReader

Cut = tuple[Tensor, Sequence[Any]]  # what was cut out for N words, and their samples


def read_at_sizes(cuts: Iterable[Cut], recognizer: Any, taps: RecTapReader,
                  chunk_size: int) -> tuple[Tensor, Labels]:
    """Read the same N words as often as they were cut out.

    As many whole sets of words go through the recogniser at a time as have ``chunk_size`` words
    or less, but at least one; more are no faster once a processor is busy, and take more memory.

    Args:
        cuts: K sets of crops or features of one size, shape (N, C, h, w).
        recognizer: What reads.
        taps: Its recorder.
        chunk_size: See above.

    Returns:
        Logits of shape (K, N, T, V), and the labels of the N words.
    """
    logits = []
    for crops, samples in _chunks(cuts, chunk_size):
        images = fast_layout(torch.cat(crops), recognizer)
        numbers = torch.arange(len(images))  # of images, which nobody asks for
        found = taps.read(recognizer, images, list(samples) * len(crops), numbers,
                          with_loss=False)[1]
        logits.append(found.logits.unflatten(0, (len(crops), len(samples))))
    return torch.cat(logits), _first(found.labels, len(samples))


def _chunks(cuts: Iterable[Cut], chunk_size: int) -> Iterator[tuple[list[Tensor], Sequence[Any]]]:
    crops: list[Tensor] = []
    for words, samples in cuts:
        crops.append(words)
        if (len(crops) + 1) * len(samples) > chunk_size:
            yield crops, samples
            crops = []
    if crops:
        yield crops, samples


def _first(labels: Labels, count: int) -> Labels:
    frames, aligned = (None if rows is None else rows[:count]
                       for rows in (labels.frames, labels.aligned))
    return replace(labels, indexes=labels.indexes[:count], lengths=labels.lengths[:count],
                   frames=frames, aligned=aligned)
