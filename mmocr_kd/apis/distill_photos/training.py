"""MMEngine's runner, which tells how far it is."""
from __future__ import annotations

import math
import time
from contextlib import suppress
from pathlib import Path
from typing import Any, Callable

from mmengine.config import Config
from mmengine.hooks import Hook
from mmengine.registry import RUNNERS
from mmengine.runner import Runner

from ..comparison.checkpoints import Checkpoint, last_checkpoint

Tell = Callable[[int], None]
_TIMED, _WARMING = 10, 2  # steps


class _Enough(Exception):
    """Steps were timed."""


class Telling(Hook):
    """Tells the number of steps, or of tested images, that are done, and notes when.

    Args:
        tell: Is called with it.
        patience: Seconds after which it has seen enough steps; they are three at least.
    """

    def __init__(self, tell: Tell, patience: float = math.inf) -> None:
        self.tell, self.patience = tell, patience
        self.times: list[float] = []

    def after_train_iter(self, runner: Runner, *args: Any, **kwargs: Any) -> None:
        """Steps are counted over all epochs, those before a restart included."""
        self.times.append(time.monotonic())
        self.tell(runner.iter + 1)
        if len(self.times) > _WARMING and self.times[-1] - self.times[0] > self.patience:
            raise _Enough

    def after_test_iter(self, runner: Runner, batch_idx: int, *args: Any, **kwargs: Any) -> None:
        """Images come one by one."""
        self.tell(batch_idx + 1)


def train(cfg: Config, folder: Path, tell: Tell) -> Checkpoint:
    """Train, or go on from the last checkpoint that is whole.

    Args:
        cfg: Of the training; what it validates with is not used.
        folder: Of logs and checkpoints.
        tell: Is called with the number of steps done.

    Returns:
        The last checkpoint.
    """
    found = last_checkpoint(folder)
    if found is None or found.meta['epoch'] < cfg.train_cfg.max_epochs:
        if found:
            cfg = Config({**cfg.to_dict(), 'resume': True, 'load_from': str(found.path)})
            tell(found.meta['iter'])
        _runner(cfg, folder, Telling(tell)).train()
        found = last_checkpoint(folder)
    assert found is not None
    return found


def step_seconds(cfg: Config, folder: Path, tell: Tell, patience: float) -> float:
    """Time some real steps.

    Args:
        cfg: Of the training.
        folder: Of the log.
        tell: Is called with the number of steps done.
        patience: Seconds after which a few steps do.

    Returns:
        Seconds of a step, without the first ones.
    """
    cfg = Config(cfg.to_dict())
    cfg.train_cfg = {'type': 'EpochBasedTrainLoop', 'max_epochs': 1}
    sampler = cfg.train_dataloader.sampler
    sampler.groups = _TIMED * cfg.train_dataloader.batch_size // sum(sampler.ratios)
    cfg.train_dataloader.persistent_workers = False  # they end with the loop
    cfg.default_hooks.checkpoint = None
    telling = Telling(tell, patience)
    with suppress(_Enough):
        _runner(cfg, folder, telling).train()
    times = telling.times
    return (times[-1] - times[_WARMING - 1]) / (len(times) - _WARMING)


def timed_steps() -> int:
    """How many steps :func:`step_seconds` takes."""
    return _TIMED


def test(cfg: Config, checkpoint: Path, folder: Path, tell: Tell) -> dict[str, float]:
    """Score a student on the photos that were held out.

    Args:
        cfg: Of the test.
        checkpoint: Its weights.
        folder: Of the log.
        tell: Is called with the number of images done.

    Returns:
        MMOCR's metrics, without prefix: precision, recall, hmean.
    """
    runner = _runner(Config({**cfg.to_dict(), 'load_from': str(checkpoint)}), folder, Telling(tell))
    return {name.rpartition('/')[2]: value for name, value in runner.test().items()}


def _runner(cfg: Config, folder: Path, telling: Telling) -> Runner:
    fields = {key: value for key, value in cfg.to_dict().items()
              if key not in ('val_dataloader', 'val_cfg', 'val_evaluator')}
    fields.update(work_dir=str(folder), experiment_name=f'{folder.name}_{time.monotonic_ns()}')
    runner = (RUNNERS.build if 'runner_type' in fields else Runner.from_cfg)(Config(fields))
    runner.register_hook(telling, 'LOWEST')
    return runner
