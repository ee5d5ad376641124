"""The temperature schedule of a resolution selector."""
from __future__ import annotations

from typing import Any

from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper
from mmengine.runner import EpochBasedTrainLoop, Runner
from mmocr.registry import HOOKS

from ..models.selectors import ResolutionSelector


@HOOKS.register_module()
class GumbelTemperatureHook(Hook):
    """Tells a :class:`~mmocr_kd.models.selectors.ResolutionSelector` how far training is.

    The selector turns that into its temperature. It is told anew before each epoch (or
    iteration) from the runner's own count, so a resumed training goes on where it stopped; no
    state of ours is saved. The official code of DLD used a runner of its own for this.

    Args:
        by_epoch: Count epochs, as in the official code, or iterations.
        interval: Epochs or iterations per step of the schedule, >= 1. With ``by_epoch=False``
            the iterations that would make one epoch give the official schedule.
        selector: Path of the selector in the model.

    Raises:
        ValueError: If ``interval`` is no integer >= 1; when training starts, if epochs are to be
            counted in a loop that has none, the model has no selector at that path, or that one
            draws nothing, so that a temperature would change nothing.
    """

    def __init__(self, by_epoch: bool = True, interval: int = 1,
                 selector: str = 'selector') -> None:
        if not (isinstance(interval, int) and interval >= 1):
            raise ValueError(f'interval={interval!r} must be an integer >= 1')
        self.by_epoch = by_epoch
        self.interval = interval
        self.selector = selector
        self._found: ResolutionSelector | None = None

    def before_train(self, runner: Runner) -> None:
        """Find the selector and tell it: after weights are loaded and counts are resumed."""
        if self.by_epoch and not isinstance(runner.train_loop, EpochBasedTrainLoop):
            raise ValueError(f'GumbelTemperatureHook counts epochs, but '
                             f'{type(runner.train_loop).__name__} has none: set by_epoch=False and '
                             'interval to the iterations of one step')
        self._found = self._find(runner)
        self._tell(runner)

    def before_train_epoch(self, runner: Runner) -> None:
        """Tell the finished epochs."""
        if self.by_epoch:
            self._tell(runner)

    def before_train_iter(self, runner: Runner, batch_idx: int, data_batch: Any = None) -> None:
        """Tell the finished iterations."""
        if not self.by_epoch:
            self._tell(runner)

    def _tell(self, runner: Runner) -> None:
        assert self._found is not None, 'before_train comes first'
        done = runner.epoch if self.by_epoch else runner.iter
        self._found.set_epoch(done // self.interval)

    def _find(self, runner: Runner) -> ResolutionSelector:
        model = runner.model.module if is_model_wrapper(runner.model) else runner.model
        module = dict(model.named_modules(remove_duplicate=False)).get(self.selector)
        if not isinstance(module, ResolutionSelector):
            raise ValueError(f'selector={self.selector!r} of GumbelTemperatureHook: '
                             f'{type(model).__name__} has no ResolutionSelector there; give its '
                             'path, or remove the hook from a model without one')
        if module.predicts != 'logits':
            raise ValueError('GumbelTemperatureHook would change nothing: this selector predicts '
                             f'{module.predicts} and draws no scales; remove the hook')
        return module
