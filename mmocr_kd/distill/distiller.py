"""One distillation step: what every hook and wrapper does around a student's forward pass."""
from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Callable, Mapping, Sequence

import torch
from torch import Tensor, nn

from .errors import RecordingError, TeacherOutputError
from .finite import FiniteCheck
from .recorder import Recorder, SourceLike
from .teacher import Teacher

# (inputs, data samples, teacher's recording) -> mask of where in the recording the loss looks.
MaskDrawer = Callable[[Tensor, Sequence[Any], Tensor], Tensor]


@dataclass(frozen=True)
class Term:
    """One comparison of student and teacher.

    Args:
        loss: ``loss(student, teacher, mask) -> dict`` of scalar losses.
        student: Where the student's tensor is found.
        teacher: Where the teacher's is.
        draw_mask: Draws the mask from the data samples; None for losses without one.
        adaptor: Trainable map from the student's tensor to the teacher's space.
    """

    loss: nn.Module
    student: SourceLike
    teacher: SourceLike
    draw_mask: MaskDrawer | None = None
    adaptor: nn.Module | None = None


class Distiller:
    """Compares a student with a teacher, batch by batch.

    :meth:`begin` comes before the student's forward pass and :meth:`end` after it. The teacher
    runs first because its activations are freed at once (lower peak memory) and because the
    annotations are still untouched then: MMOCR's DB loss moves polygons in place.

    Args:
        teacher: Gives the teacher's recordings.
        terms: Name -> comparison.
    """

    def __init__(self, teacher: Teacher, terms: Mapping[str, Term]) -> None:
        self.teacher = teacher
        self.terms = dict(terms)
        self._recorder: Recorder | None = None
        self._targets: dict[str, tuple[Tensor, Tensor | None]] = {}
        self._finite = FiniteCheck()

    @property
    def attached(self) -> bool:
        """Whether a student is being listened to."""
        return self._recorder is not None

    def attach(self, student: nn.Module) -> None:
        """Listen to ``student`` and bind the teacher to it.

        Args:
            student: The unwrapped model (no DDP around it).

        Raises:
            RecordingError: If a module to record does not exist.
        """
        self.detach()
        recorder = Recorder(student, {name: t.student for name, t in self.terms.items()})
        try:
            self.teacher.bind(student, {name: t.teacher for name, t in self.terms.items()})
        except BaseException:
            recorder.remove()
            raise
        self._recorder = recorder

    def prepare_data(self, dataset: Any) -> bool:
        """See :meth:`Teacher.prepare_data`."""
        return self.teacher.prepare_data(dataset)

    def detach(self) -> None:
        """Take all hooks off the student. May be called repeatedly."""
        if self._recorder is not None:
            self._recorder.remove()
        self._recorder = None
        self._targets.clear()

    def begin(self, inputs: Tensor, data_samples: Sequence[Any]) -> None:
        """Run the teacher and draw the masks.

        Args:
            inputs: The student's normalised batch, shape (N, 3, H, W).
            data_samples: N samples with ground truth; only read.

        Raises:
            TeacherOutputError: If a recording holds NaN or Inf; on a GPU :meth:`end` says so.
        """
        assert self._recorder is not None, 'attach() comes before begin()'
        self._finite = FiniteCheck()
        recordings = self.teacher(inputs, data_samples)
        for name, term in self.terms.items():
            teacher = recordings[name]
            self._finite.watch(name, teacher, data_samples)
            mask = term.draw_mask(inputs, data_samples, teacher) if term.draw_mask else None
            self._targets[name] = teacher, mask
        self._recorder.start()

    def end(self, weight: float = 1.0) -> dict[str, Tensor]:
        """Compute the losses.

        Args:
            weight: Factor for all of them, from the schedule.

        Returns:
            Loss name -> scalar. Names get the term's name as prefix where two terms share them.

        Raises:
            TeacherOutputError: If student and teacher recordings differ in size, or the teacher's
                holds NaN or Inf (see :class:`.FiniteCheck`).
            RecordingError: If the student did not run, or nothing of it that learns led to what was
                recorded.
        """
        assert self._recorder is not None, 'attach() comes before end()'
        recordings = self._recorder.stop()
        targets, self._targets = self._targets, {}
        losses: dict[str, Tensor] = {}
        for name, term in self.terms.items():
            student = recordings[name]
            _check_learns(name, student)
            if term.adaptor is not None:
                student = term.adaptor(student)
            _check_same_size(name, student, targets[name][0])
            for key, value in term.loss(student, *targets[name]).items():
                losses[f'{name}.{key}' if key in losses else key] = value * weight
        self._finite.settle()
        return losses


def merge_losses(own: Mapping[str, Tensor], added: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Put distillation losses beside the student's own.

    Args:
        own: Losses of the student.
        added: Losses of :meth:`Distiller.end`.

    Raises:
        ValueError: If a name occurs in both: one would silently replace the other.
    """
    shared = sorted(set(own) & set(added))
    if shared:
        raise ValueError(f'the student already has losses named {shared}: take either the hook or '
                         'the wrapper (which has several terms), or several hooks')
    return {**own, **added}


def _check_learns(name: str, student: Tensor) -> None:
    if torch.is_grad_enabled() and not student.requires_grad:
        raise RecordingError(f'no gradient leaves the recording {name!r} of the student: all that '
                             'leads to it is frozen or detached; record a later module')


def _check_same_size(name: str, student: Tensor, teacher: Tensor) -> None:
    if student.shape != teacher.shape:
        raise TeacherOutputError(
            f'{name!r} has shape {tuple(student.shape)} in the student and {tuple(teacher.shape)} '
            'in the teacher (N, [C,] H, W): use models with the same output stride, and an '
            'adaptor (DBNetDistiller) where channels differ')
