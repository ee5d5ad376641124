"""How what was recorded of student and teacher becomes what a loss compares."""
from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, Callable, Mapping, Sequence

import torch
from torch import Tensor, nn

from .errors import RecordingError, TeacherOutputError
from .recorder import SourceLike

# (inputs, data samples, teacher's recording) -> mask of where in the recording the loss looks.
MaskDrawer = Callable[[Tensor, Sequence[Any], Tensor], Tensor]


class Comparison(ABC):
    """What losses look at. Several losses may share one: it is made once for a batch.

    Attributes:
        student: Name -> what to record of the student.
        teacher: Name -> what to ask the teacher for.
        shared: Where the student's features are on which the task and the losses both hang, for
            ``loss_weight='auto'``.
        adaptor: Trainable map that it applies, if any.
    """

    student: Mapping[str, SourceLike]
    teacher: Mapping[str, SourceLike]
    shared: SourceLike
    adaptor: nn.Module | None = None

    def require_fitting(self) -> None:  # noqa: B027
        """Refuse a teacher that cannot be compared with the student, before training starts."""

    def before(self, inputs: Tensor, data_samples: Sequence[Any], theirs: Mapping[str, Any]) -> Any:
        """Look at a batch before the student runs, while its annotations are untouched.

        Args:
            inputs: The student's normalised batch.
            data_samples: N samples; only read.
            theirs: What the teacher knows; nothing for losses without a teacher.

        Returns:
            Whatever :meth:`after` needs: by default the samples.
        """
        return data_samples

    @abstractmethod
    def after(self, ours: Mapping[str, Any], theirs: Mapping[str, Any],
              noted: Any) -> tuple[Any, Any, Any]:
        """Make what the losses are called with.

        Args:
            ours: What was recorded of the student.
            theirs: What the teacher knows.
            noted: What :meth:`before` gave.

        Returns:
            The student's side, the teacher's, and the third argument: a mask, or labels.

        Raises:
            RecordingError, TeacherOutputError: If nothing can be learnt from it.
        """


class TensorComparison(Comparison):
    """One tensor of each, of the same size.

    Args:
        student: Where the student's is found.
        teacher: Where the teacher's is; by default likewise.
        draw_mask: Draws the mask from the data samples; None for losses without one.
        adaptor: Trainable map from the student's tensor to the teacher's space.
        shared: See :class:`Comparison`; by default the student's tensor itself.
        name: What messages call it.
    """

    def __init__(self,
                 student: SourceLike,
                 teacher: SourceLike | None = None,
                 draw_mask: MaskDrawer | None = None,
                 adaptor: nn.Module | None = None,
                 shared: SourceLike | None = None,
                 name: str = 'distill') -> None:
        self.student = {name: student}
        self.teacher = {name: student if teacher is None else teacher}
        self.draw_mask = draw_mask
        self.adaptor = adaptor
        self.shared = student if shared is None else shared
        self.name = name

    def before(self, inputs: Tensor, data_samples: Sequence[Any],
               theirs: Mapping[str, Any]) -> Tensor | None:
        """Draw the mask."""
        if self.name not in theirs:
            raise RecordingError(f'the teacher has nothing to say of {self.name!r}')
        return self.draw_mask and self.draw_mask(inputs, data_samples, theirs[self.name])

    def after(self, ours: Mapping[str, Any], theirs: Mapping[str, Any],
              noted: Any) -> tuple[Tensor, Tensor, Tensor | None]:
        """The tensors, the student's as its adaptor gives it, and the mask."""
        student, teacher = ours[self.name], theirs[self.name]
        if torch.is_grad_enabled() and not student.requires_grad:
            raise RecordingError(f'no gradient leaves the recording {self.name!r} of the student: '
                                 'all that leads to it is frozen or detached; record a later '
                                 'module')
        student = student if self.adaptor is None else self.adaptor(student)
        if student.shape != teacher.shape:
            raise TeacherOutputError(
                f'{self.name!r} has shape {tuple(student.shape)} in the student and '
                f'{tuple(teacher.shape)} in the teacher (N, [C,] H, W): use models with the same '
                'output stride, and an adaptor (DBNetDistiller) where channels differ')
        return student, teacher, noted
