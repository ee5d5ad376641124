"""What two runs have to share before their scores can be compared seed by seed."""
from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper
from mmengine.runner import Runner
from mmocr.registry import HOOKS

from ..datasets.parts import parts
from ..datasets.transforms.random_state import (
    global_state,
    restore_global_state,
    seed_global_generators,
)
from ..distill import digest_of
from ..distill.checkpoint import OF_TRAINING, PEER
from .teacher_data_hook import prepare_data


@HOOKS.register_module()
class PairingHook(Hook):
    """Gives every run of a seed the same luck, and writes down whether it had.

    Crops and other augmentations of a sample depend on the seed, the epoch and the sample alone:
    not on what a teacher drew, on the number of workers, or on a run having been resumed. Dropout
    and the like draw from generators that are seeded when training starts. ``pairing.json`` in
    the run's folder holds digests of the student's start weights and of the images of some
    steps; ``mmocr-kd compare`` pairs only runs whose digests agree. Our choice.

    Args:
        interval: Steps between two digests of images, >= 1. The first step has one.

    Raises:
        ValueError: If ``interval`` is not positive.

    Map: seeds ``datasets/transforms/random_state.py``; who reads the file ``measure/runs.py``.
    """

    priority = 'VERY_LOW'  # after teachers prepared the data

    def __init__(self, interval: int = 50) -> None:
        if interval < 1:
            raise ValueError(f'interval={interval} must be at least 1')
        self.interval = interval
        self._epoch = torch.zeros((), dtype=torch.long).share_memory_()

    def before_run(self, runner: Runner) -> None:
        """Seed each sample of the training data."""
        self._seed = runner.seed
        prepare_data(runner.train_loop, self)

    def prepare_data(self, dataset: Any) -> bool:
        """Wrap the pipelines.

        Args:
            dataset: Of the training, wrappers included.

        Returns:
            True: workers that hold copies have to be started again.
        """
        for position, part in enumerate(parts(dataset)):
            part.pipeline = SeededPipeline(part.pipeline, (self._seed, position), self._epoch)
        return True

    def before_train(self, runner: Runner) -> None:
        """Seed what the main process draws from, and note the start weights."""
        seed_global_generators(self._seed, runner.iter)
        self._file = Path(runner.work_dir) / 'pairing.json'
        noted = json.loads(self._file.read_text()) if runner.iter and self._file.exists() else {}
        self._noted = {'start': _start_digest(runner.model), 'steps': {}, **noted}
        self._write()

    def before_train_epoch(self, runner: Runner) -> None:
        """Tell the workers, which begin their epoch afterwards."""
        self._epoch.fill_(runner.epoch)

    def before_train_iter(self, runner: Runner, batch_idx: int,
                          data_batch: Any = None) -> None:
        """Note what a batch shows."""
        if runner.iter % self.interval == 0:
            images = b''.join(image.numpy().tobytes() for image in data_batch['inputs'])
            self._noted['steps'][str(runner.iter)] = digest_of(images)
            self._write()

    def _write(self) -> None:
        self._file.write_text(json.dumps(self._noted))


class SeededPipeline:
    """A pipeline whose random numbers depend on seed, epoch and sample alone.

    Args:
        pipeline: What the data set had: an object with ``transforms``.
        seed: Numbers that say which run and which data set it is.
        epoch: The present epoch, shared with the workers.
    """

    def __init__(self, pipeline: Any, seed: tuple[int, ...], epoch: torch.Tensor) -> None:
        self.pipeline = pipeline
        self._seed, self._epoch = seed, epoch
        self._visits: dict[tuple[int, int], int] = {}  # of a sample, in this worker and epoch

    @property
    def transforms(self) -> Any:
        """The steps of the pipeline."""
        return self.pipeline.transforms

    def __call__(self, results: dict[str, Any]) -> dict[str, Any] | None:
        """Run the pipeline and leave the global generators as they were."""
        key = int(self._epoch), results['sample_idx']
        self._visits[key] = visit = self._visits.get(key, -1) + 1
        state = global_state()
        seed_global_generators(*self._seed, *key, visit)
        try:
            done: dict[str, Any] | None = self.pipeline(results)
        finally:
            restore_global_state(state)
        return done

    def __repr__(self) -> str:
        return f'{type(self).__name__}({self.pipeline})'


def _start_digest(model: Any) -> str:
    model = model.module if is_model_wrapper(model) else model
    state = {key: value for key, value in model.state_dict().items()
             if not key.startswith((*OF_TRAINING, PEER))}
    return digest_of(b''.join(state[key].cpu().numpy().tobytes() for key in sorted(state)))
