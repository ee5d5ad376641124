"""A student that teaches itself: the average of what it was."""
from __future__ import annotations

import copy
from typing import Any, Mapping, Sequence
from weakref import WeakSet

import torch
from mmengine.dist import all_reduce_params
from mmocr.registry import MODELS
from torch import Tensor, nn

from ..adapters.recognition import teacher_forcing
from ..distill import Recorder, SourceLike, Teacher, to_channels_last, training_progress

_BOUND: WeakSet[EMATeacher] = WeakSet()


@MODELS.register_module()
class EMATeacher(Teacher):
    """The exponential moving average of the student itself (self-distillation).

    After each step of the optimizer, ``theta' = m theta' + (1 - m) theta``, where ``theta`` are the
    student's weights and ``m = min(1 - 1 / (step + 1), momentum)``, the first step being 1:
    Tarvainen and Valpola, "Mean teachers are better role models" (NeurIPS 2017), as in their code.
    MMEngine's ``EMAHook`` calls ``1 - m`` the momentum. The teacher runs in eval mode; its floating
    buffers (BatchNorm's statistics) are averaged by the same formula, from their mean over all
    ranks, others are copied (our choice: theirs runs in training mode and needs none).

    :class:`~mmocr_kd.hooks.EMATeacherHook` has to stand in ``custom_hooks``: it starts the teacher
    as a copy of the student, calls :meth:`update`, and keeps the average in checkpoints beside the
    student's, so that a resumed training goes on equal to the bit. In a loop of one's own call
    :meth:`start`, once the student has its weights, and :meth:`update`.

    Args:
        momentum: m, from 0 (the student of the step before) to less than 1.

    Raises:
        ValueError: If ``momentum`` is outside its range.

    Map: steps and checkpoints ``hooks/ema_teacher_hook.py``; losses as of any other teacher.
    """

    follows_labels = True

    def __init__(self, momentum: float = 0.999) -> None:
        if not 0 <= momentum < 1:
            raise ValueError(f'momentum={momentum} must be at least 0 and less than 1: it is the '
                             'share of the average that stays')
        self.momentum = momentum
        self.steps = 0
        self.student: nn.Module | None = None
        self.model: Any = None
        self._source: Any = None
        self._started = False
        self._recorder: Recorder | None = None

    @property
    def evaluate(self) -> bool:
        """Whether it is judged before training: never, it has learnt nothing then."""
        return False

    @evaluate.setter
    def evaluate(self, wanted: bool) -> None:
        if wanted:
            raise ValueError('evaluate=True: before training an EMATeacher is a copy of the '
                             'student and has learnt nothing; judge the average with EMAHook')

    def bind(self, student: nn.Module, wanted: Mapping[str, SourceLike]) -> None:
        """Copy the student, unless that was done before, and listen to the copy."""
        if self.student is not student:
            self.student, self._source = student, taught(student)
            self.model = frozen_copy(self._source)
            self.steps, self._started = 0, False
            _BOUND.add(self)
        if self._recorder is not None:
            self._recorder.remove()
        self._recorder = Recorder(self.model, wanted)

    @property
    def networks(self) -> tuple[Any, ...]:
        """The average."""
        return () if self.model is None else (self.model, )

    @torch.no_grad()
    def start(self, state: Mapping[str, Any] | None = None) -> None:
        """Begin as a copy of the student, or where another training stopped.

        Args:
            state: From :meth:`state_dict`.

        Raises:
            RuntimeError: If there is no student yet, or the state is of another model.
        """
        self._require_student()
        self.steps, self._started = 0, True
        for theirs, ours in self._tensors():
            theirs.copy_(ours)
        if state is not None:
            self.steps = state['steps']
            self.model.load_state_dict(state['state_dict'])

    @torch.no_grad()
    def update(self) -> None:
        """Take the student's step into the average; once for each step of its optimizer."""
        self._require_student()
        self.steps += 1
        share = 1 - min(1 - 1 / (self.steps + 1), self.momentum)
        for theirs, ours in self._tensors():
            if theirs.is_floating_point():
                theirs.lerp_(ours, share)
            else:
                theirs.copy_(ours)

    def state_dict(self) -> dict[str, Any]:
        """The average and how many steps it has seen, for :meth:`start`."""
        return {'steps': self.steps, 'state_dict': self.model.state_dict()}

    @torch.no_grad()
    def __call__(self, inputs: Tensor, data_samples: Sequence[Any] | None) -> dict[str, Tensor]:
        """Run the average on the student's batch; see :meth:`Teacher.__call__`.

        Raises:
            RuntimeError: If a runner trains and nothing keeps the average.
        """
        if not self._started:
            self._require_keeper()
        assert self._recorder is not None
        images = inputs.contiguous(memory_format=torch.channels_last)
        with self._recorder as recorded:
            self._look(images, data_samples)
        return recorded

    def _look(self, images: Tensor, data_samples: Sequence[Any] | None) -> None:
        # Recognisers read along the labels; detectors would make targets of them.
        with teacher_forcing(self.model):
            self.model(images, data_samples if hasattr(self.model, 'decoder') else None,
                       mode='tensor')

    def _tensors(self) -> list[tuple[Tensor, Tensor]]:
        """What changes, and the student's."""
        buffers = [buffer.detach() for buffer in self._source.buffers()]
        floating = [buffer.clone() for buffer in buffers if buffer.is_floating_point()]
        if floating:  # unless synchronised, they differ between ranks
            all_reduce_params(floating, op='mean')
        means = iter(floating)
        buffers = [next(means) if buffer.is_floating_point() else buffer for buffer in buffers]
        return [*zip(self.model.parameters(), self._source.parameters()),
                *zip(self.model.buffers(), buffers)]

    def _require_student(self) -> None:
        if self.model is None:
            raise RuntimeError('the EMATeacher was not bound to a student yet')

    def _require_keeper(self) -> None:
        self._require_student()
        if training_progress() is not None:
            raise RuntimeError('nothing keeps the average of this EMATeacher: add '
                               "dict(type='EMATeacherHook') to custom_hooks")


def ema_teachers(model: nn.Module) -> list[EMATeacher]:
    """Those that are bound to a model or a part of it, in the order of their students' weights.

    Args:
        model: Unwrapped, with the students in it.
    """
    parts = list(model.modules())
    bound = [(parts.index(teacher.student), teacher) for teacher in _BOUND
             if teacher.student in parts]
    return [teacher for _, teacher in sorted(bound, key=lambda pair: (pair[0], pair[1].momentum))]


def taught(model: nn.Module) -> nn.Module:
    """The student in a distilling wrapper, or the model itself."""
    student = getattr(model, 'student', None)
    return student if isinstance(student, nn.Module) else model


def frozen_copy(model: nn.Module) -> nn.Module:
    """A copy for the forward pass alone, without what listens to the model's own."""
    copied = copy.deepcopy(model)
    copied._forward_hooks.clear()
    copied._forward_pre_hooks.clear()
    to_channels_last(copied)
    return copied.eval().requires_grad_(False)
