"""One recogniser that reads along the labels, and what it shows while it does."""
from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any, Callable, Mapping, Sequence

from torch import Tensor

from ...distill import Recorder, Source
from ...losses import Reading
from .build_reading import build_reading
from .labels import labels_of, prepare_targets
from .reading_sources import reading_sources
from .scores import Scorer
from .teacher_forcing import teacher_forcing


class ReadingRecorder:
    """Records a recogniser while it reads; in training and in eval mode alike.

    Args:
        recognizer: A built recogniser; hooks are put on it at the first call.
        roi: Dotted path of the module whose output is the visual feature that DLD compares. By
            default the backbone; for recognisers without one, what suits the decoder.
        context: Likewise for the contextual feature. By default the encoder between backbone and
            decoder; without one what the classifier sees of each frame (CRNN: the output of its
            BiLSTMs) or character.
        valid_steps: See :func:`~mmocr_kd.adapters.recognition.labels_of`.
        time_first: Whether the encoder's output has shape (L, N, D), as ABCNet's.
    """

    def __init__(self, recognizer: Any, roi: str | None = None, context: str | None = None,
                 valid_steps: int | None = None, time_first: bool = False) -> None:
        self.recognizer = recognizer
        self.roi = roi
        self.context = context
        self.valid_steps = valid_steps
        self.time_first = time_first
        self._recorder: Recorder | None = None
        self._num_words = 0

    def __call__(self, crops: Tensor, data_samples: Sequence[Any],
                 with_loss: bool = False) -> tuple[dict[str, Any], Reading]:
        """Read words along their labels.

        Args:
            crops: Words as the recogniser takes them, shape (N, C, H, W), N > 0.
            data_samples: N samples with texts.
            with_loss: Whether to compute the recogniser's own losses too, from the same pass.

        Returns:
            The losses, none without ``with_loss``, and the reading with ``labels``, ``roi`` and
            ``context``. What reads in several orders (PARSeq) is noted of the first, from left to
            right.

        Raises:
            TypeError: If decoders of this type are not known.
            RecordingError: If a path does not exist.
            ValueError: If the encoder puts something else first than it should.
        """
        if self._recorder is None:
            self._recorder = Recorder(self.recognizer, self._sources())
        decoder, self._num_words = self.recognizer.decoder, len(crops)
        prepare_targets(decoder, data_samples)
        with self._recorder as heard, teacher_forcing(self.recognizer):
            output = self.recognizer(crops, data_samples, mode='loss' if with_loss else 'tensor')
        labels = labels_of(decoder, data_samples, heard['logits'], self.valid_steps)
        return output if with_loss else {}, self._reading(heard, data_samples, labels)

    def _reading(self, heard: Mapping[str, Any], data_samples: Sequence[Any],
                 labels: Any) -> Reading:
        # What scores repeats the decoder's inputs word by word.
        score = None if self.time_first else Scorer(
            self.recognizer.decoder, heard['logits'], heard['inputs'][:2], data_samples)
        return replace(_with_fitting_attention(heard, data_samples), roi=heard['roi'],
                       context=heard['context'], labels=labels, score=score)

    def _sources(self) -> dict[str, Source]:
        found, recognizer = reading_sources(self.recognizer.decoder), self.recognizer
        roi = self.roi or reading_roi(recognizer).path
        context = self.context or _encoder_behind(recognizer, roi)
        glimpses = _first_order(found.glimpses)
        turned = self._words_first if self.time_first else None
        sources = {'logits': _first_order(found.logits), 'glimpses': glimpses, 'roi': Source(roi),
                   'context': Source(context, pick=turned) if context else glimpses,
                   'inputs': Source('decoder', io='inputs')}
        if found.visual in dict(recognizer.named_modules()):
            sources['visual'] = Source(found.visual)
        if found.attention is not None:
            sources['attention'] = found.attention
        return sources

    def _words_first(self, encoded: Tensor) -> Tensor:
        """Checked before the decoder runs, whose error would say less."""
        if encoded.dim() != 3 or encoded.shape[1] != self._num_words:
            raise ValueError(
                f"the encoder's output has shape {tuple(encoded.shape)}, expected (steps, words, "
                f'channels) of {self._num_words} words, as of ABCNetRecEncoder')
        return encoded.transpose(0, 1)


def reading_roi(model: Any) -> Source:
    """Where a recogniser has the visual feature that DLD compares; see :class:`ReadingRecorder`."""
    return Source('backbone' if model.with_backbone else reading_sources(model.decoder).visual)


def reading_context(model: Any) -> Source:
    """Where a recogniser has the contextual feature that DLD compares; see there."""
    encoder = _encoder_behind(model, reading_roi(model).path)
    return Source(encoder) if encoder else _first_order(reading_sources(model.decoder).glimpses)


def _encoder_behind(recognizer: Any, roi: str) -> str | None:
    return 'encoder' if recognizer.with_encoder and roi != 'encoder' else None


def _with_fitting_attention(heard: Mapping[str, Any], data_samples: Sequence[Any]) -> Reading:
    """Attention over something else than the visual feature is left out: few losses want it."""
    try:
        return build_reading(heard, data_samples)
    except ValueError:
        return build_reading({name: value for name, value in heard.items() if name != 'attention'},
                             data_samples)


def _first_order(source: Source) -> Source:
    return replace(source, pick=partial(_first_of_orders, source.pick))


def _first_of_orders(pick: Callable[[Any], Any] | None, value: Any) -> Tensor:
    """PARSeq reads a batch in several orders, (P, N, T, D), the first from left to right."""
    recording = value if pick is None else pick(value)
    return recording[0] if recording.dim() == 4 else recording
