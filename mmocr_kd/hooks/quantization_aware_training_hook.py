"""Training for 8 bits."""
from __future__ import annotations

from typing import Any

from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper
from mmengine.runner import Runner
from mmocr.registry import HOOKS

from ..distill import Schedule
from ..distill.fake_quantize import quantize_fake


@HOOKS.register_module()
class QuantizationAwareTrainingHook(Hook):
    """Trains a student with the rounding of 8 bits, while its teachers stay in full precision.

    Beside a distilling hook, around a distilling model, or without any teacher. Numbers stay
    floating, and checkpoints are those of the plain student: ``mmocr-kd export`` and
    ``mmocr-kd quantize`` make the file in 8 bits. Validation during training shows what the rounded
    student scores, ``mim test`` the one in full precision.

    Weights have a scale for each channel, activations one for each batch; Jacob et al. (2018,
    section 3.1) average ranges over the training, here they come from the calibration of
    ``mmocr-kd quantize``. As they do, round late: from a student that is trained, or from its last
    epochs on, with a small learning rate.

    Args:
        start: First epoch or iteration that rounds, >= 0.
        by_epoch: Count in epochs (True) or iterations (False).

    Raises:
        ValueError: If ``start`` is negative; when training starts, beside ``compile``; when
            rounding starts, if the model has no convolution and no linear layer.

    Map: distill/fake_quantize.py does it.
    """

    def __init__(self, start: int = 0, by_epoch: bool = True) -> None:
        self.schedule = Schedule(by_epoch, start)
        self._handles: list[Any] = []

    def before_train(self, runner: Runner) -> None:
        """Refuse what would not round."""
        if runner.cfg.get('compile'):
            raise ValueError('compile stands beside QuantizationAwareTrainingHook: a compiled '
                             'model does not see the hooks that round; leave compile out')

    def before_train_iter(self, runner: Runner, batch_idx: int, data_batch: Any = None) -> None:
        """Begin, if it is time: after all that copies the model has its copy."""
        if not self._handles and self.schedule.weight(runner.epoch, runner.iter):
            model = runner.model.module if is_model_wrapper(runner.model) else runner.model
            self._handles = quantize_fake(model)

    def after_train(self, runner: Runner) -> None:
        """Leave the model as it was."""
        for handle in self._handles:
            handle.remove()
        self._handles = []
