"""How probable a recogniser finds given texts, exactly, whatever its decoder is."""
from __future__ import annotations

from contextlib import contextmanager
from typing import Any, Callable, Iterator, Sequence

import torch
from mmengine.structures import LabelData
from mmocr.models.textrecog.decoders import BaseDecoder
from mmocr.structures import TextRecogDataSample
from torch import Tensor

from ...losses import Hypotheses
from ...losses.checks import at_least_float32
from ...losses.ctc import ReadLabels
from ...losses.hypotheses import score_labels, score_paths
from ...losses.k_best import Paths
from .kinds import end_class, is_ctc, is_parallel
from .labels import prepare_targets, valid_frames
from .reading_sources import reading_sources
from .teacher_forcing import teacher_forcing

Score = Callable[[Hypotheses], Tensor]


class Scorer:
    """Scores hypotheses of the words that a recogniser has just read.

    CTC decoders and those that read all characters at once have said all they know in one pass.
    Others (and PARSeq, from left to right) read again along each hypothesis: only the decoder
    runs, on the features of that pass, repeated.

        with listen(student.decoder) as inputs:
            student(images, samples, mode='tensor')
        scorer = Scorer(student.decoder, logits, inputs, samples)
        scorer(hypotheses)  # log-likelihoods (N, K), with gradient

    Args:
        decoder: Of the recogniser.
        logits: Raw logits of the pass, shape (N, T, C).
        inputs: What the decoder got in that pass: feature map and encoder's output.
        data_samples: N samples, for their ``valid_ratio``.
    """

    def __init__(self, decoder: BaseDecoder, logits: Tensor, inputs: Sequence[Tensor | None],
                 data_samples: Sequence[Any]) -> None:
        self.decoder = decoder
        self.logits = logits
        self.inputs = inputs
        self.data_samples = data_samples

    def __call__(self, hypotheses: Hypotheses) -> Tensor:
        """Score hypotheses.

        Args:
            hypotheses: Of the N words, K each; texts no longer than the decoder can read.

        Returns:
            Log-likelihoods, shape (N, K); -inf where CTC has too few frames. What is said of a
            slot without a hypothesis means nothing.
        """
        if len(hypotheses.lengths) != len(self.logits):
            raise ValueError(f'{len(hypotheses.lengths)} words have hypotheses, '
                             f'{len(self.logits)} were read')
        if is_ctc(self.decoder):
            return self._frames(hypotheses)
        if is_parallel(self.decoder):
            return _steps(self.logits, self._paths(hypotheses))
        return self._along(hypotheses)

    def _frames(self, hypotheses: Hypotheses) -> Tensor:
        frames = valid_frames(self.data_samples, self.logits.shape[1])
        *labels, frames = _on(self.logits.device, hypotheses.indexes, hypotheses.lengths,
                              hypotheses.log_probs, frames)
        log_probs = at_least_float32(self.logits).log_softmax(2)
        return score_labels(log_probs, ReadLabels(*labels), frames,
                            self.decoder.dictionary.padding_idx)

    def _along(self, hypotheses: Hypotheses) -> Tensor:
        """Read along each hypothesis: N x K words, one hypothesis each."""
        shape = hypotheses.lengths.shape
        samples = [_sample(text, sample) for texts, sample in zip(hypotheses.texts,
                                                                  self.data_samples)
                   for text in texts]
        prepare_targets(self.decoder, samples)
        features = [None if each is None else each.repeat_interleave(shape[1], 0)
                    for each in self.inputs]
        with teacher_forcing(self.decoder), _left_to_right(self.decoder, hypotheses):
            output = self.decoder(*features, samples)
        pick = reading_sources(self.decoder).logits.pick
        logits = output if pick is None else pick(output)
        logits = logits[0] if logits.dim() == 4 else logits
        return _steps(logits, _one_each(self._paths(hypotheses))).view(shape)

    def _paths(self, hypotheses: Hypotheses) -> Paths:
        """Characters and end tokens, on the device."""
        end, lengths = end_class(self.decoder), hypotheses.lengths
        assert end is not None  # else it were a CTC decoder
        longest = max(len(text) for texts in hypotheses.texts for text in texts)
        classes = torch.nn.functional.pad(hypotheses.indexes, (0, 1))[:, :, :longest + 1]
        ends = torch.arange(classes.shape[2]) >= lengths[:, :, None]
        classes = classes.masked_fill(ends, end)
        return Paths(*_on(self.logits.device, classes, lengths + 1, hypotheses.log_probs))


@contextmanager
def listen(decoder: BaseDecoder) -> Iterator[list[Tensor | None]]:
    """Note what a decoder gets, feature map and encoder's output, in one pass.

    Args:
        decoder: Of a recogniser.

    Yields:
        A list that is filled when the decoder runs.
    """
    inputs: list[Tensor | None] = []

    def note(module: Any, args: tuple) -> None:
        inputs[:] = args[:2]

    handle = decoder.register_forward_pre_hook(note)
    try:
        yield inputs
    finally:
        handle.remove()


@contextmanager
def _left_to_right(decoder: Any, hypotheses: Hypotheses) -> Iterator[None]:
    """Let decoders that learn to read in random orders (PARSeq) read as they will in the end."""
    if not hasattr(decoder, 'draw_orders'):
        yield
        return
    before = decoder.orders
    longest = max(len(text) for texts in hypotheses.texts for text in texts)
    decoder.orders = torch.arange(longest + 2)[None]
    try:
        yield
    finally:
        decoder.orders = before


def _steps(logits: Tensor, paths: Paths) -> Tensor:
    steps = paths.classes.shape[2]
    if steps > logits.shape[1]:
        raise ValueError(f'the longest hypothesis has {steps} characters, its end included, and '
                         f'the decoder gave {logits.shape[1]} steps')
    log_probs = at_least_float32(logits[:, :steps]).log_softmax(2)
    return score_paths(log_probs, paths, None)


def _one_each(paths: Paths) -> Paths:
    return Paths(*(field.flatten(0, 1).unsqueeze(1) for field in vars(paths).values()))


def _sample(text: str, sample: Any) -> TextRecogDataSample:
    meta = {'valid_ratio': sample.get('valid_ratio', 1.0)}
    return TextRecogDataSample(gt_text=LabelData(item=text), metainfo=meta)


def _on(device: torch.device, *tensors: Tensor) -> tuple[Tensor, ...]:
    return tuple(tensor.to(device, non_blocking=True) for tensor in tensors)
