"""What two runs have to share before their scores can be compared seed by seed."""
from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any, Iterator

import numpy as np
from mmengine.dist import master_only
from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper
from mmengine.runner import Runner, find_latest_checkpoint
from mmocr.registry import HOOKS
from torch import Tensor

from ..datasets.parts import parts
from ..datasets.transforms.random_state import (
    global_state,
    restore_global_state,
    seed_global_generators,
)
from ..distill import digest_of
from ..distill.checkpoint import OF_TRAINING, PEER
from ..store import write_whole
from .teacher_data_hook import prepare_data


@HOOKS.register_module()
class PairingHook(Hook):
    """Gives every run of a seed the same luck, and writes down whether it had.

    Crops and other augmentations of a sample depend on the seed, the epoch and the sample alone:
    not on what a teacher drew, on the number of workers, or on a run having been resumed. Dropout
    and the like draw from generators that are seeded at each step. ``pairing.json`` in
    the run's folder holds digests of the student's start weights and of the images of some
    steps; ``mmocr-kd compare`` pairs only runs whose digests agree. Our choice.

    Args:
        interval: Steps between two digests of images, >= 1. The first step has one.
        start: Checkpoint whose weights the student starts from, where arms that are built in
            another order would draw others; also what ``load_from`` is elsewhere, which MMEngine
            takes for a checkpoint to resume from. A training that is resumed does not read it.

    Raises:
        ValueError: If ``interval`` is not positive.

    Map: seeds ``datasets/transforms/random_state.py``; who writes ``start``
    ``apis/comparison/start.py``; who reads ``pairing.json`` ``apis/comparison/pairing.py``.
    """

    priority = 'VERY_LOW'  # after teachers prepared the data

    def __init__(self, interval: int = 50, start: str | None = None) -> None:
        if interval < 1:
            raise ValueError(f'interval={interval} must be at least 1')
        self.interval, self.start = interval, start

    def before_run(self, runner: Runner) -> None:
        """Seed each sample of the training data, and say what the student starts from."""
        if self.start and find_latest_checkpoint(runner.work_dir) is None:
            runner._load_from, runner._resume = self.start, False
        self._seed = runner.seed
        batches = runner.train_loop.dataloader.batch_sampler
        self._draws = batches.sampler = DrawSampler(batches.sampler)
        prepare_data(runner.train_loop, self)

    def prepare_data(self, dataset: Any) -> bool:
        """Wrap the pipelines.

        Args:
            dataset: Of the training, wrappers included.

        Returns:
            True: workers that hold copies have to be started again.
        """
        for position, part in enumerate(parts(dataset)):
            part.pipeline = SeededPipeline(part.pipeline, (self._seed, position))
        return True

    def before_train(self, runner: Runner) -> None:
        """Seed what the main process draws from, and note the start weights."""
        seed_global_generators(self._seed, runner.iter)
        self._file = Path(runner.work_dir) / 'pairing.json'
        self._noted: dict[str, Any] = _read(self._file) if runner.iter else {
            'start': start_digest(runner.model), 'steps': {}}
        self._write()

    def before_train_epoch(self, runner: Runner) -> None:
        """Count what is drawn from zero."""
        self._draws.begin(runner.epoch)

    def before_train_iter(self, runner: Runner, batch_idx: int,
                          data_batch: Any = None) -> None:
        """Seed what the main process draws from, and note what a batch shows.

        Images of a data loader lie in the host's memory.
        """
        seed_global_generators(self._seed, runner.iter)
        if runner.iter % self.interval == 0:
            images = b''.join(image.numpy().tobytes() for image in data_batch['inputs'])
            self._noted['steps'][str(runner.iter)] = digest_of(images)
            self._write()

    @master_only
    def _write(self) -> None:
        write_whole(self._file, json.dumps(self._noted).encode())


class Draw(int):
    """Index of a sample, which knows how often it was drawn; wrappers of data sets keep that.

    Args:
        index: Of the sample.
        count: Epoch; how often it was drawn in it before; what wrappers add.
    """

    count: tuple[int, ...]

    def __new__(cls, index: int, count: tuple[int, ...]) -> Draw:  # noqa: D102
        draw = super().__new__(cls, index)
        draw.count = count
        return draw

    def __getnewargs__(self) -> Any:
        return int(self), self.count

    def __sub__(self, start: int) -> Draw:
        """In a part of a ``ConcatDataset``."""
        return Draw(int(self) - start, self.count)

    def __mod__(self, size: int) -> Draw:
        """In what a ``RepeatDataset`` repeats."""
        turn, index = divmod(int(self), size)
        return Draw(index, (*self.count, turn) if turn else self.count)


class DrawSampler:
    """A sampler whose indices are :class:`Draw`.

    Args:
        sampler: What the data loader had.
    """

    def __init__(self, sampler: Any) -> None:
        self.sampler = sampler
        self._epoch, self._counts = 0, Counter[int]()

    def begin(self, epoch: int) -> None:
        """Begin an epoch; loops of iterations have but the first.

        Args:
            epoch: Its number.
        """
        if epoch != self._epoch:
            self._epoch, self._counts = epoch, Counter()

    def __iter__(self) -> Iterator[Draw]:
        for index in self.sampler:
            yield Draw(index, (self._epoch, self._counts[index]))
            self._counts[index] += 1

    def __len__(self) -> int:
        return len(self.sampler)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.sampler, name)  # set_epoch


class SeededPipeline:
    """A pipeline whose random numbers depend on seed, sample and draw alone.

    Where a wrapper of data sets makes a plain index of a :class:`Draw`, they depend on what the
    worker drew before, as without this. That holds for what MMEngine shows in the place of a
    sample of which nothing is left, too; it is chosen by that sample's numbers.

    Args:
        pipeline: What the data set had: an object with ``transforms``.
        seed: Numbers that say which run and which data set it is.
    """

    def __init__(self, pipeline: Any, seed: tuple[int, ...]) -> None:
        self.pipeline = pipeline
        self._seed = seed
        self._state: Any = None

    @property
    def transforms(self) -> Any:
        """The steps of the pipeline."""
        return self.pipeline.transforms

    def __call__(self, results: dict[str, Any]) -> dict[str, Any] | None:
        """Run the pipeline and leave the global generators as they were."""
        self._state = self._state or global_state()
        seed_global_generators(*self._seed, *_numbers(results['sample_idx']))
        done: dict[str, Any] | None = None
        try:
            done = self.pipeline(results)
        except BaseException:
            self._leave()
            raise
        if done is not None:
            self._leave()
        return done

    def _leave(self) -> None:
        restore_global_state(self._state)
        self._state = None

    def __repr__(self) -> str:
        return f'{type(self).__name__}({self.pipeline})'


def _numbers(index: int) -> list[int]:
    """Epoch, index, and how often it was drawn before."""
    epoch, *counts = (index.count if isinstance(index, Draw)
                      else np.random.randint(2**31, size=2).tolist())
    return [epoch, int(index), *counts]


def _read(file: Path) -> dict[str, Any]:
    """What a training noted before it was resumed; its start, if unknown, stays so."""
    try:
        noted: dict[str, Any] = json.loads(file.read_text())
    except (OSError, ValueError):
        return {'start': None, 'steps': {}}
    return noted


def start_digest(model: Any) -> str:
    """Digest of a student's weights.

    Args:
        model: It, or what distils into it.
    """
    state = start_weights(model)
    return digest_of(b''.join(state[key].cpu().numpy().tobytes() for key in sorted(state)))


def start_weights(model: Any) -> dict[str, Tensor]:
    """A student's weights, without what distilling adds.

    Args:
        model: It, or what distils into it.
    """
    model = model.module if is_model_wrapper(model) else model
    return {key: value for key, value in model.state_dict().items()
            if not key.startswith((*OF_TRAINING, PEER))}
