"""Training in the memory layout in which convolutions are fast."""
from __future__ import annotations

from typing import Any

from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper
from mmengine.runner import Runner
from mmocr.registry import HOOKS

from ..distill.memory_format import feed_channels_last


@HOOKS.register_module()
class ChannelsLastHook(Hook):
    """Trains a model channels last: the same steps but for rounding, in less time.

    Any model, with a teacher or without. Its images come in that layout while it trains, and its
    convolutions follow them. Parameters are not touched, nor is anything that knows them:
    optimizer, DDP, EMA, checkpoints. Modules that are wrong in this layout (compiled mmcv's
    operators, MMOCR's STN) get the usual one, see :mod:`mmocr_kd.distill.memory_format`, and so do
    validation and tests.

    ``compile=True`` beside ``model`` is MMEngine's own and works with or without this hook.

    Map: distill/memory_format.py does it.
    """

    def __init__(self) -> None:
        self._handles: list[Any] = []

    def before_train(self, runner: Runner) -> None:
        """Begin, after EMA made its copy of the model."""
        model = runner.model.module if is_model_wrapper(runner.model) else runner.model
        self._handles = feed_channels_last(model)

    def after_train(self, runner: Runner) -> None:
        """Leave the model as it was."""
        for handle in self._handles:
            handle.remove()
        self._handles = []
