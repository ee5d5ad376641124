"""Comparing how a student reads small words with what its teacher makes of the large ones."""
from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from typing import Any, Iterator, Mapping, Sequence

from torch import nn

from ...distill import Comparison, Source, SourceLike, Teacher
from ...losses import Hypotheses, Labels, Reading
from .build_reading import align_frames, build_reading, first_steps_of
from .hypotheses import Speller, hypotheses
from .kinds import is_autoregressive
from .labels import labels_of, require_comparable, word_weights
from .reading_sources import (
    reading_attention,
    reading_glimpses,
    reading_logits,
    reading_visual,
)
from .scores import Scorer


class ReadingComparison(Comparison):
    """Two readings of the same words, step by step, and their labels.

    Args:
        student: The recogniser; its samples went through
            :func:`~mmocr_kd.adapters.recognition.prepare_targets`.
        teacher: Who reads with it; None for losses that need nobody: they get the student's reading
            twice.
        visual: Dotted path of the module that gives the visual feature; None for what suits the
            decoder.
        valid_steps: Later steps of an attention decoder are left out; MMOCR never trains the last
            step of its ABINet.
    """

    def __init__(self, student: nn.Module, teacher: Teacher | None = None,
                 visual: str | None = None, valid_steps: int | None = None) -> None:
        self._student: Any = student
        self._teacher = teacher
        self.valid_steps = valid_steps
        self.shared: SourceLike = Source(visual) if visual else reading_visual
        self.student: Mapping[str, SourceLike] = {
            'logits': reading_logits, 'glimpses': reading_glimpses, 'visual': self.shared,
            'attention': reading_attention}
        self.teacher = {} if teacher is None else self.student

    def require_fitting(self) -> None:
        """Refuse a teacher whose steps do not belong to the student's.

        Raises:
            TypeError: If it does not read along the labels.
            ValueError: If dictionaries differ, or one reads frames and the other characters.
        """
        if self._teacher is None:
            return
        if not self._teacher.follows_labels:
            raise TypeError(
                f'a {type(self._teacher).__name__} cannot be compared step by step, because it '
                'does not read along the labels: take a RecognizerTeacher, or losses that want '
                'hypotheses (NBestLoss)')
        for decoder in self._decoders:
            require_comparable(self._student.decoder, decoder)

    def after(self, ours: Mapping[str, Any], theirs: Mapping[str, Any],
              noted: Any) -> tuple[Reading, Reading, Labels]:
        """The student's reading, the teacher's, and the labels.

        Args:
            ours: What was recorded of the student.
            theirs: Of the teacher; a part that it does not know is left out.
            noted: N samples.
        """
        student = build_reading(ours, noted)
        labels = labels_of(self._student.decoder, noted, student.logits[0], self.valid_steps)
        return self.pair(student, labels, theirs, noted)

    def pair(self, student: Reading, labels: Labels, theirs: Mapping[str, Any],
             data_samples: Sequence[Any]) -> tuple[Reading, Reading, Labels]:
        """See :meth:`after`; of a student whose reading and labels are known."""
        # Frames are read without a label; what follows one that is not there means nothing.
        unlabelled = labels.is_ctc and self._teacher is not None
        weights = word_weights(data_samples, labels.lengths.device, unlabelled)
        labels = replace(labels, weights=weights)
        if self._teacher is None:
            return student, student, labels
        teacher = build_reading(theirs, data_samples)
        if labels.is_ctc:
            return align_frames(student, teacher, labels)
        if any(map(is_autoregressive, self._decoders)):
            labels = replace(labels, autoregressive=True)
        student, teacher = (first_steps_of(reading, self.valid_steps)
                            for reading in (student, teacher))
        return student, teacher, labels

    @property
    def _decoders(self) -> list[Any]:
        """Those of the networks that teach."""
        return [] if self._teacher is None else [
            network.decoder for network in self._teacher.networks]


class HypothesesComparison(Comparison):
    """What a teacher of any kind may have read, and how probable the student finds each of it.

    Args:
        student: The recogniser.
        visual: See :class:`ReadingComparison`; for ``loss_weight='auto'`` alone.
        normalize: See :class:`~mmocr_kd.losses.NBestLoss`.
    """

    teacher = {'hypotheses': hypotheses}
    student = {'logits': reading_logits, 'inputs': Source('decoder', io='inputs')}

    def __init__(self, student: nn.Module, visual: str | None = None,
                 normalize: Any = 'NFKC') -> None:
        self._decoder: Any = student.decoder
        self.shared = Source(visual) if visual else reading_visual
        self.speller = Speller(self._decoder, normalize)

    def after(self, ours: Mapping[str, Any], theirs: Mapping[str, Any],
              noted: Any) -> tuple[Reading, Hypotheses, Labels]:
        """The student's reading, which can score; the hypotheses as it spells them; the labels."""
        logits = build_reading(ours, noted).logits
        scorer = Scorer(self._decoder, logits[0], ours['inputs'][:2], noted)
        labels = labels_of(self._decoder, noted, logits[0])
        weights = word_weights(noted, logits[0].device, unlabelled=True)
        return (Reading(logits, score=scorer), self.speller(theirs['hypotheses']),
                replace(labels, weights=weights))


@contextmanager
def same_orders(student: Any, teachers: Sequence[Teacher],
                data_samples: Sequence[Any]) -> Iterator[None]:
    """Let decoders that read in random orders (PARSeq) draw the same ones.

    Args:
        student: The recogniser.
        teachers: Whose networks read with it.
        data_samples: The batch, with encoded texts.
    """
    decoders = [student.decoder] if hasattr(student.decoder, 'draw_orders') else []
    if decoders:
        decoders += [network.decoder for teacher in teachers for network in teacher.networks]
        orders = student.decoder.draw_orders(data_samples)
    for decoder in decoders:
        decoder.orders = orders
    try:
        yield
    finally:
        for decoder in decoders:
            decoder.orders = None
