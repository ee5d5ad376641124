"""Counts what MMOCR's metrics count, of each image by itself."""
from __future__ import annotations

import os
from typing import Any, Sequence

import numpy as np
from mmengine.config import Config
from mmocr.evaluation import HmeanIOUMetric, WordMetric
from mmocr.registry import METRICS

from ...evaluation.matching import count_hits
from ...measure.counts import Counts
from ..read_config import class_of

_MODES = {'ignore_case_symbol': 'match_ignore_case_symbol_num',
          'ignore_case': 'match_ignore_case_num', 'exact': 'match_num'}


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
    found = [metric for metric in metrics if issubclass(class_of(metric, METRICS) or str, wanted)]
    if len(found) != 1:
        raise ValueError(f'{cfg.filename}: {split}_evaluator has {len(found)} metrics of type '
                         f'{wanted.__name__}, protocol={protocol!r} counts with exactly one; there '
                         f'are {[str(metric["type"]) for metric in metrics]}')
    return METRICS.build(found[0])


def require_metric(cfg: Config, protocol: str, split: str) -> None:
    """Make sure that a run can be scored, before it is trained.

    Args:
        cfg: Of the run.
        protocol: 'detection' or 'words'.
        split: 'val' or 'test'.

    Raises:
        ValueError: If it has no data or metric for that.
    """
    if not cfg.get(f'{split}_dataloader'):
        raise ValueError(f'{cfg.filename} has no {split}_dataloader: a comparison needs val and '
                         'test data')
    find_metric(cfg, split, protocol)


def _names(paths: Sequence[str]) -> list[str]:
    """Paths without what they share, so that data may move; numbered, since words share images."""
    start = len(_folder(paths))
    return [f'{index} {path[start:]}' for index, path in enumerate(paths)]


def _folder(paths: Sequence[str]) -> str:
    shared = os.path.commonprefix([*paths])
    return shared[:shared.rfind('/') + 1]
