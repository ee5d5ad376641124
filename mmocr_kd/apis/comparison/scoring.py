"""What a finished run gets right in each image of a split."""
from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Any, Generator

import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmengine.runner import Runner

from ... import __version__
from ...measure.counts import Counts
from ...store import write_whole
from ..student import load_student
from .checkpoints import last_checkpoint
from .counting import Counter, find_metric
from .groups import group_names


def counts_file(folder: Path, split: str) -> Path:
    """Where a run's counts lie.

    Args:
        folder: Of the run.
        split: 'val' or 'test'.
    """
    return folder / f'counts_{split}.npz'


def about_file(folder: Path, split: str) -> Path:
    """Where it is said what was scored, when and how.

    Args:
        folder: Of the run.
        split: 'val' or 'test'.
    """
    return folder / f'counts_{split}.json'


def score_run(folder: Path, split: str, protocol: str, groups: str | None = None,
              device: str | None = None) -> Generator[int, None, None]:
    """Test a run's plain student, and write its counts; ``counts_<split>.json`` says of what.

    Args:
        folder: Of the run, with ``run.py`` and checkpoints.
        split: 'val' or 'test'.
        protocol: See :class:`~mmocr_kd.apis.comparison.table.Table`.
        groups: Likewise.
        device: Where the model runs; by default on the GPU, if there is one.

    Yields:
        First how many images there are, then after each batch how many are done.

    Raises:
        ValueError: If the run has no checkpoint, data or metric for this.
    """
    found = last_checkpoint(folder)
    if found is None:
        raise ValueError(f'{folder} has no checkpoint that is whole: train the run first')
    device = device or ('cuda' if torch.cuda.is_available() else 'cpu')
    counts = yield from count_images(Config.fromfile(folder / 'run.py'), found.path, split,
                                     protocol, groups, device)
    about = {'protocol': protocol, 'groups': groups, 'checkpoint': found.path.name,
             'date': datetime.now().astimezone().isoformat(timespec='seconds'), 'device': device,
             'mmocr_kd': __version__, 'torch': str(torch.__version__), 'images': len(counts.gts)}
    write_whole(about_file(folder, split), json.dumps(about, indent=1).encode())
    counts.save(counts_file(folder, split))


def count_images(cfg: Config, checkpoint: str | Path, split: str, protocol: str,
                 groups: str | None = None, device: str = 'cpu') -> Generator[int, None, Counts]:
    """Test a model; arguments, errors and what it yields are those of :func:`score_run`.

    Args:
        cfg: Its config, with data and metric.
        checkpoint: Its weights.
        split: 'val' or 'test'.
        protocol: 'detection' or 'words'.
        groups: Kinds of images to tell apart.
        device: Where it runs.

    Returns:
        What it got right in each image.
    """
    init_default_scope(cfg.get('default_scope', 'mmocr'))
    model: Any = load_student(cfg, checkpoint).to(device)
    loader = _loader(cfg, split)
    counter = Counter(find_metric(cfg, split, protocol), protocol)
    yield len(loader.dataset)
    for batch in loader:
        with torch.no_grad():
            counter.add(getattr(model, f'{split}_step')(batch))
        yield len(counter.gts)
    return counter.counts(group_names(cfg, split, loader.dataset, counter.heights, groups))


def _loader(cfg: Config, split: str) -> Any:
    loader = cfg.get(f'{split}_dataloader')
    if not loader:
        raise ValueError(f'{cfg.filename} has no {split}_dataloader: a comparison needs val and '
                         'test data')
    return Runner.build_dataloader(
        {**loader, 'sampler': dict(type='DefaultSampler', shuffle=False)}, seed=0)
