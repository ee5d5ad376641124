"""What losses look at where a spotter reads words in an image, and a teacher the same words."""
from __future__ import annotations

from dataclasses import replace
from operator import itemgetter
from types import SimpleNamespace
from typing import Any, Mapping

from torch import Tensor

from ...adapters.recognition import (
    ReadingComparison,
    Speller,
    hypotheses,
    reading_context,
    reading_roi,
    word_weights,
)
from ...distill import Comparison, RecordingError, Source, Teacher
from ...losses import Hypotheses, Labels, Reading
from .spotter_teacher import SpotterTeacher


def _visual(told: tuple[Reading]) -> Tensor | None:
    return told[0].roi if told[0].visual is None else told[0].visual


# The spotter tells how it read to a module, which is listened to as others are.
HEARD = {'reading': Source('', io='inputs', pick=itemgetter(0))}
SHARED = Source('', io='inputs', pick=_visual)


class SpottedReadings(ReadingComparison):
    """Two readings, step by step; see :class:`ReadingComparison`.

    Args:
        decoder: The student's.
        by: Who teaches; None for losses that need nobody.
    """

    def __init__(self, decoder: Any, by: Teacher | None, _: Any = None) -> None:
        super().__init__(SimpleNamespace(decoder=decoder), by)  # type: ignore[arg-type]
        self.student, self.shared = HEARD, SHARED

    def after(self, ours: Mapping[str, Any], theirs: Mapping[str, Any],
              noted: Any) -> tuple[Reading, Reading, Labels]:
        """See :meth:`ReadingComparison.after`; the student's labels are those it read along."""
        reading: Reading = ours['reading']
        assert reading.labels is not None  # a spotter's has them
        student, teacher, labels = self.pair(reading, reading.labels, theirs, noted)
        # Spotters tell the first order only, from left to right, of decoders with several (PARSeq).
        first = replace(teacher, logits=teacher.logits[:1], glimpses=teacher.glimpses[:1])
        return student, first, labels

    @property
    def _decoders(self) -> list[Any]:
        if isinstance(self._teacher, SpotterTeacher):
            return [self._teacher.spotter.rec_decoder]
        return super()._decoders


class SpottedHypotheses(Comparison):
    """What a teacher may have read, and how probable the student finds each of it.

    Args:
        decoder: The student's.
        by: Who teaches.
        normalize: See :class:`~mmocr_kd.losses.NBestLoss`.
    """

    student, shared = HEARD, SHARED
    teacher = {'hypotheses': hypotheses}

    def __init__(self, decoder: Any, by: Teacher | None, normalize: Any) -> None:
        self.speller = Speller(decoder, normalize)

    def after(self, ours: Mapping[str, Any], theirs: Mapping[str, Any],
              noted: Any) -> tuple[Reading, Hypotheses, Labels]:
        """The student's reading, the hypotheses as it spells them, and the labels."""
        reading: Reading = ours['reading']
        assert reading.labels is not None  # a spotter's has them
        weights = word_weights(noted, reading.logits[0].device, unlabelled=True)
        return (reading, self.speller(theirs['hypotheses']),
                replace(reading.labels, weights=weights))


class SpottedFeatures(Comparison):
    """One feature of each word, of the same size in both; DLD's 'roi' and 'context'.

    Args:
        name: Which.
        source: Where a recogniser that teaches has it.
    """

    student, shared = HEARD, SHARED

    def __init__(self, name: str, source: Any) -> None:
        self.name = name
        self.teacher = {name: source}

    def after(self, ours: Mapping[str, Any], theirs: Mapping[str, Any],
              noted: Any) -> tuple[Tensor, Tensor, None]:
        """The two features.

        Raises:
            RecordingError: If the teacher has no such feature.
        """
        if self.name not in theirs:
            raise RecordingError(f'the teacher has no {self.name!r}: it takes a SpotterTeacher or '
                                 'a RecognizerTeacher')
        return getattr(ours['reading'], self.name), theirs[self.name], None


def _roi(decoder: Any, by: Teacher | None, _: Any) -> Comparison:
    return SpottedFeatures('roi', reading_roi)


def _context(decoder: Any, by: Teacher | None, _: Any) -> Comparison:
    return SpottedFeatures('context', reading_context)


# What a loss wants, or its name -> what it looks at.
KINDS: dict[Any, Any] = {None: SpottedReadings, 'reading': SpottedReadings,
                         'hypotheses': SpottedHypotheses, 'roi': _roi, 'context': _context}
