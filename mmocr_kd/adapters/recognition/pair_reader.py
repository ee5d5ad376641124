"""Reading a batch of words twice: small by the student, large by the teacher."""
from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from typing import Any, Iterator, Sequence

from torch import Tensor

from ...distill import FiniteCheck, Recorder, Source
from ...losses import Labels, Reading
from .kinds import is_autoregressive
from .labels import labels_of, prepare_targets, require_comparable
from .reading_teacher import RecognizerTeacher
from .readings import align_frames, build_reading, first_steps_of
from .sources import reading_sources


class PairReader:
    """Gives comparable readings of a student and its teacher.

    Nothing is built or hooked until it is needed, so copies of a model that was never trained
    carry no hooks.

    Args:
        teacher: Reads the large words.
        visual: Dotted path of the module that gives the visual feature; None for what suits the
            decoder.
        valid_steps: Later steps of an attention decoder are left out; MMOCR never trains the last
            step of its ABINet.
    """

    def __init__(self, teacher: RecognizerTeacher, visual: str | None = None,
                 valid_steps: int | None = None) -> None:
        self.teacher = teacher
        self.visual = visual
        self.valid_steps = valid_steps
        self._bound = False
        self._recorder: Recorder | None = None

    def bind(self, model: Any) -> Any:
        """Build the teacher, if that was not done yet.

        Args:
            model: The distiller, with a ``student`` and a ``data_preprocessor``.

        Returns:
            The teacher's network.

        Raises:
            ValueError: If student and teacher have different dictionaries, or one reads frames
                and the other characters.
            FileNotFoundError, CheckpointError: See ``ModelTeacher``.
        """
        teacher: Any = self.teacher.build()
        if not self._bound:
            require_comparable(model.student.decoder, teacher.decoder)
            self.teacher.bind(model, self._sources(teacher))
            self._bound = True
        return teacher

    def read_pair(self, model: Any, inputs: Tensor, hr_inputs: Tensor,
                  data_samples: Sequence[Any]) -> tuple[Reading, Reading, Labels]:
        """Read a batch with both.

        The teacher reads first: what it computes on the way is freed before the student starts.

        Args:
            model: See :meth:`bind`.
            inputs: Small words, shape (N, C, H, W).
            hr_inputs: Large words.
            data_samples: N samples with texts.

        Returns:
            The student's reading, the teacher's, and the labels.

        Raises:
            TeacherOutputError: If the teacher gave NaN or Inf.
        """
        teacher, student = self.bind(model), model.student
        prepare_targets(student.decoder, data_samples)
        with _same_orders(student.decoder, teacher.decoder, data_samples):
            recordings, finite = self.teacher(hr_inputs, data_samples), FiniteCheck()
            finite.watch_all(recordings, data_samples)
            theirs = build_reading(recordings, data_samples)
            ours = self._read_small(student, inputs, data_samples)
        finite.settle()
        labels = labels_of(student.decoder, data_samples, ours.logits[0], self.valid_steps)
        if labels.is_ctc:
            return align_frames(ours, theirs, labels)
        if is_autoregressive(teacher.decoder):
            labels = replace(labels, autoregressive=True)
        ours, theirs = (first_steps_of(reading, self.valid_steps) for reading in (ours, theirs))
        return ours, theirs, labels

    def read_alone(self, model: Any, inputs: Tensor,
                   data_samples: Sequence[Any]) -> tuple[Reading, Labels]:
        """Read a batch with the student only, for losses that need no teacher; as above."""
        prepare_targets(model.student.decoder, data_samples)
        reading = self._read_small(model.student, inputs, data_samples)
        return reading, labels_of(model.student.decoder, data_samples, reading.logits[0],
                                  self.valid_steps)

    def _read_small(self, student: Any, inputs: Tensor,
                    data_samples: Sequence[Any]) -> Reading:
        if self._recorder is None:
            self._recorder = Recorder(student, self._sources(student))
        recordings = self._recorder.record(
            lambda: student(inputs, data_samples, mode='tensor'))
        return build_reading(recordings, data_samples)

    def _sources(self, recognizer: Any) -> dict[str, Source]:
        found = reading_sources(recognizer.decoder)
        sources = {'logits': found.logits, 'glimpses': found.glimpses,
                   'visual': Source(self.visual or found.visual)}
        return sources if found.attention is None else {**sources, 'attention': found.attention}


@contextmanager
def _same_orders(student: Any, teacher: Any, data_samples: Sequence[Any]) -> Iterator[None]:
    """Let decoders that read in random orders (PARSeq) draw the same ones."""
    if not hasattr(student, 'draw_orders'):
        yield
        return
    student.orders = teacher.orders = student.draw_orders(data_samples)
    try:
        yield
    finally:
        student.orders = teacher.orders = None
