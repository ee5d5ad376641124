"""What a finished run gets right in each image of a split."""
from __future__ import annotations

import json
import os
from datetime import datetime
from pathlib import Path
from typing import Any, Callable, Iterator, Sequence

import numpy as np
import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmengine.runner import Runner
from mmocr.evaluation import HmeanIOUMetric, WordMetric
from mmocr.registry import METRICS

from ... import __version__
from ...datasets.parts import parts
from ...evaluation.matching import count_hits
from ...measure.counts import Counts
from ...store import write_whole
from ..read_config import class_of
from ..student import load_student
from .run import last_checkpoint
from .table import GROUPS, PROTOCOLS

SPLITS = ('val', 'test')
_MODES = {'ignore_case_symbol': 'match_ignore_case_symbol_num',
          'ignore_case': 'match_ignore_case_num', 'exact': 'match_num'}


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
              device: str | None = None) -> Iterator[int]:
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
    cfg = Config.fromfile(folder / 'run.py')
    init_default_scope(cfg.get('default_scope', 'mmocr'))
    device = device or ('cuda' if torch.cuda.is_available() else 'cpu')
    model: Any = load_student(cfg, found.path).to(device)
    loader = _loader(cfg, split)
    counter = Counter(find_metric(cfg, split, protocol), protocol)
    yield len(loader.dataset)
    for batch in loader:
        with torch.no_grad():
            counter.add(getattr(model, f'{split}_step')(batch))
        yield len(counter.gts)
    about = {'protocol': protocol, 'groups': groups, 'checkpoint': found.path.name,
             'date': datetime.now().astimezone().isoformat(timespec='seconds'), 'device': device,
             'mmocr_kd': __version__, 'torch': str(torch.__version__), 'images': len(counter.gts)}
    write_whole(about_file(folder, split), json.dumps(about, indent=1).encode())
    kinds = group_names(cfg, split, loader.dataset, counter, groups)
    counter.counts(kinds).save(counts_file(folder, split))


class Counter:
    """Counts what a metric of MMOCR counts, of each image by itself.

    Args:
        metric: A ``HmeanIOUMetric`` or ``WordMetric``.
        protocol: 'detection' or 'words'.

    Attributes:
        gts: Ground truths of each image.
        heights: Of each image, in pixels.
    """

    def __init__(self, metric: Any, protocol: str) -> None:
        self.metric = metric
        self._count = {'detection': self._of_photo, 'words': self._of_word}[protocol]
        self.thresholds = metric.pred_score_thrs if protocol == 'detection' else np.zeros(1)
        self._hits: list[np.ndarray] = []
        self._preds: list[np.ndarray] = []
        self.gts: list[int] = []
        self._paths: list[str] = []
        self.heights: list[int] = []

    def add(self, samples: Sequence[Any]) -> None:
        """Count images.

        Args:
            samples: With predictions and labels.
        """
        self.metric.process(None, [sample.to_dict() for sample in samples])
        for result, sample in zip(self.metric.results, samples):
            gts, preds, hits = self._count(result)
            self.gts.append(gts)
            self._preds.append(preds)
            self._hits.append(hits)
            self._paths.append(str(sample.img_path))
            self.heights.append(int(sample.ori_shape[0]))
        self.metric.results.clear()

    def counts(self, groups: Sequence[str] | None) -> Counts:
        """Of all images.

        Args:
            groups: Of each image.
        """
        return Counts(np.asarray(self.thresholds, float), np.stack(self._hits),
                      np.stack(self._preds), np.array(self.gts), np.array(_names(self._paths)),
                      None if groups is None else np.array(groups))

    def _of_photo(self, result: dict[str, np.ndarray]) -> tuple[int, np.ndarray, np.ndarray]:
        overlaps, scores = result['iou_metric'], result['pred_scores']
        # One by one: NumPy 1 compares single precision with a number, not with an array of them.
        kept = np.stack([~(scores < threshold) for threshold in self.thresholds], 1)
        match = overlaps > self.metric.match_iou_thr
        return len(overlaps), kept.sum(0), count_hits(match, match, kept, self.metric.strategy)[0]

    def _of_word(self, result: dict[str, Any]) -> tuple[int, np.ndarray, np.ndarray]:
        """The most lenient of the modes that the config asks for."""
        mode = next(mode for mode in _MODES if mode in self.metric.mode)
        return 1, np.ones(1, int), np.array([int(result[_MODES[mode]])])


def find_metric(cfg: Config, split: str, protocol: str) -> Any:
    """Build the metric of a config's evaluator that a protocol counts with.

    Args:
        cfg: The config.
        split: 'val' or 'test'.
        protocol: 'detection' or 'words'.

    Raises:
        ValueError: If it has none, or several different ones.
    """
    wanted = {'detection': HmeanIOUMetric, 'words': WordMetric}[protocol]
    evaluator = cfg.get(f'{split}_evaluator') or []
    metrics = evaluator.get('metrics', evaluator) if isinstance(evaluator, dict) else evaluator
    metrics = metrics if isinstance(metrics, (list, tuple)) else [metrics]
    found = [metric for metric in metrics if issubclass(class_of(metric, METRICS), wanted)]
    if len(found) != 1:
        raise ValueError(f'{cfg.filename}: {split}_evaluator has {len(found)} metrics of type '
                         f'{wanted.__name__}, protocol={protocol!r} counts with exactly one; there '
                         f'are {[str(metric["type"]) for metric in metrics]}')
    return METRICS.build(found[0])


def _loader(cfg: Config, split: str) -> Any:
    loader = cfg.get(f'{split}_dataloader')
    if not loader:
        raise ValueError(f'{cfg.filename} has no {split}_dataloader: a comparison needs val and '
                         'test data')
    return Runner.build_dataloader(
        {**loader, 'sampler': dict(type='DefaultSampler', shuffle=False)}, seed=0)


def group_names(cfg: Config, split: str, dataset: Any, counter: Counter,
                groups: str | None) -> list[str] | None:
    """The kind of each image.

    Args:
        cfg: The config.
        split: 'val' or 'test'.
        dataset: Its images, in order.
        counter: Of them.
        groups: See ``GROUPS``; None: the data sets, if there are several.
    """
    sources = list(parts(dataset))
    if groups is None:
        groups = 'dataset' if len(sources) > 1 else ''
    kinds: dict[str, Callable[[], list[str]]] = {
        'dataset': lambda: _repeated(_prefixes(cfg, split, sources), sources),
        'source': lambda: _repeated([_source(part) for part in sources], sources),
        'height': lambda: [_height_class(height) for height in counter.heights]}
    assert set(kinds) == set(GROUPS)
    return kinds[groups]() if groups else None


def _prefixes(cfg: Config, split: str, sources: Sequence[Any]) -> list[str]:
    """Names that the evaluator gives the data sets."""
    evaluator = cfg[f'{split}_evaluator']
    names = evaluator.get('dataset_prefixes') if isinstance(evaluator, dict) else None
    return list(names) if names and len(names) == len(sources) else list(map(_source, sources))


def _source(part: Any) -> str:
    """Where a data set's labels come from."""
    return Path(part.ann_file).stem or type(part).__name__


def _repeated(names: Sequence[str], sources: Sequence[Any]) -> list[str]:
    return [name for name, part in zip(names, sources) for _ in range(len(part))]


def _height_class(height: int) -> str:
    """Sizes that designs of small words tell apart: up to 12, 13 to 16, and larger."""
    return '<=12' if height <= 12 else '13-16' if height <= 16 else '>16'


def _names(paths: Sequence[str]) -> list[str]:
    """Paths without what they share, so that data may move; numbered, since words share images."""
    start = len(_folder(paths))
    return [f'{index} {path[start:]}' for index, path in enumerate(paths)]


def _folder(paths: Sequence[str]) -> str:
    shared = os.path.commonprefix([*paths])
    return shared[:shared.rfind('/') + 1]


def check_scoring(cfg: Config, protocol: str, split: str) -> None:
    """Make sure that a run can be scored, before it is trained.

    Args:
        cfg: Of the run.
        protocol: 'detection' or 'words'.
        split: 'val' or 'test'.

    Raises:
        ValueError: If it has no data or metric for that.
    """
    assert protocol in PROTOCOLS
    if not cfg.get(f'{split}_dataloader'):
        raise ValueError(f'{cfg.filename} has no {split}_dataloader: a comparison needs val and '
                         'test data')
    find_metric(cfg, split, protocol)
