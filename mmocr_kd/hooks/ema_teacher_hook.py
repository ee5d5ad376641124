"""Keeps the averages of students that teach themselves."""
from __future__ import annotations

from typing import Any

from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper
from mmengine.optim import OptimWrapperDict
from mmengine.runner import Runner
from mmocr.registry import HOOKS

from ..teachers.ema_teacher import EMATeacher, ema_teachers

KEY = 'ema_teachers'


@HOOKS.register_module()
class EMATeacherHook(Hook):
    """Takes every step of the optimizer into each :class:`~mmocr_kd.teachers.EMATeacher`.

    Steps are the optimizer's own: none while gradients accumulate, none that automatic mixed
    precision skips because of an overflow. All ranks step alike, so their averages are equal. The
    averages are saved under the key ``ema_teachers`` of a checkpoint, beside ``state_dict``, which
    stays the plain student's; MMEngine's EMAHook may stand beside this one.

    Raises:
        ValueError: When training starts, if there is no EMATeacher, or the checkpoint to resume has
            averages of other ones.

    Map: config and formula ``teachers/ema_teacher.py``; who asks the teacher
    ``hooks/masket_distill_hook.py`` (any detector) or a distilling model.
    """

    # Training starts with it after the hooks whose teachers it looks for.
    priority = 'LOW'

    def __init__(self) -> None:
        self._teachers: list[EMATeacher] = []
        self._saved: list[dict[str, Any]] | None = None
        self._handle: Any = None

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict[str, Any]) -> None:
        """Note the averages of a training that is resumed."""
        if runner._resume:
            self._saved = checkpoint.get(KEY)
            if self._saved is None:
                runner.logger.warning(f'the checkpoint has no {KEY!r}: the average of the student '
                                      'starts anew, as a copy of it')

    def before_train(self, runner: Runner) -> None:
        """Start the averages, now that the student has its weights."""
        model = runner.model.module if is_model_wrapper(runner.model) else runner.model
        self._teachers = ema_teachers(model)
        if not self._teachers:
            raise ValueError('EMATeacherHook found no EMATeacher: give a distilling hook or model '
                             "teacher=dict(type='EMATeacher'), or remove EMATeacherHook")
        states: Any = self._saved
        self._saved = None
        if states is not None and len(states) != len(self._teachers):
            raise ValueError(f'the checkpoint has the averages of {len(states)} EMATeachers, the '
                             f'config {len(self._teachers)}: resume with the config it was '
                             'trained with')
        for teacher, state in zip(self._teachers, states or [None] * len(self._teachers)):
            teacher.start(state)
        self._leave()  # a training that broke off did not
        self._handle = _optimizer(runner).register_step_post_hook(self._after_step)

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict[str, Any]) -> None:
        """Save the averages."""
        checkpoint[KEY] = [teacher.state_dict() for teacher in self._teachers]

    def after_train(self, runner: Runner) -> None:
        """Leave the optimizer alone."""
        self._leave()

    def _leave(self) -> None:
        if self._handle is not None:
            self._handle.remove()
        self._handle = None

    def _after_step(self, *_: Any) -> None:
        for teacher in self._teachers:
            teacher.update()


def _optimizer(runner: Runner) -> Any:
    """The one that steps last, if there are several."""
    wrapper = runner.optim_wrapper
    if isinstance(wrapper, OptimWrapperDict):
        wrapper = [*wrapper.values()][-1]
    return wrapper.optimizer
