"""End-to-end text spotting: found and read."""
from __future__ import annotations

from functools import partial
from typing import Any, Mapping, Sequence

import numpy as np
from mmengine.evaluator import BaseMetric
from mmengine.logging import MMLogger
from mmocr.evaluation.functional import compute_hmean
from mmocr.registry import METRICS

from .lexicon_corrector import LexiconCorrector
from .matching import STRATEGIES
from .pairing import Pairing
from .polygon_overlaps import covered_shares, intersection_areas, ious
from .spotting_instances import Predictions, Targets, read_predictions, read_targets
from .text_rules import PROTOCOLS, SPECIAL_CHARACTERS, reads_right, target_text


@METRICS.register_module()
class E2ETextSpottingMetric(BaseMetric):
    """Precision, recall and hmean of spotted words, by ICDAR's protocols.

    An instance is spotted if a prediction lies on it (IoU above ``match_iou_thr``; each is matched
    once) and reads it right. ``e2e`` asks for all instances, ``word_spotting`` for words that could
    be in a dictionary; the rest is ignored, as are ``###``, empty transcriptions and what is marked
    ignored. Predictions that lie mainly on ignored instances count neither way. The rules are those
    of ICDAR's scripts (IoU 0.5, see :mod:`~mmocr_kd.evaluation.text_rules`); MMOCR has no such
    metric in its core. Where ICDAR is silent or MMOCR differs we chose:

    - Each number is the best over the score thresholds, as in MMOCR: ``*_score_thr`` tells which
      (the lowest of equally good ones). One threshold gives the published protocol.
    - If nothing is to be found, recall is 1 and precision 1 without and 0 with predictions, as in
      MMOCR; ICDAR's script says 0.
    - Predictions with an empty text count: they were found and read wrong.
    - ``det`` ignores what ``e2e`` ignores; without ``###`` and empty transcriptions outside of what
      is marked ignored, it equals MMOCR's ``HmeanIOUMetric``.

    Results, per column ``det`` (detection alone) and ``{protocol}_{lexicon}``, are
    ``{column}_precision``, ``_recall``, ``_hmean`` and ``_score_thr``, such as
    'spotting/e2e_none_hmean'; shares of 1. Only counts per image travel between processes.

    Args:
        protocols: Some of 'e2e', 'word_spotting'.
        lexicons: Name -> fields of :class:`~mmocr_kd.evaluation.LexiconCorrector`, or None for
            readings as they are. Such as ``dict(none=None, full=dict(path='lexicon.txt'))``.
        match_iou_thr: IoU above which a prediction lies on an instance.
        ignore_precision_thr: Share of a prediction inside one ignored instance above which it is
            ignored, too.
        pred_score_thrs: Thresholds: a list, or ``dict(start, stop, step)`` of ``numpy.arange``.
        strategy: 'vanilla' or 'max_matching', see :func:`~mmocr_kd.evaluation.matching.count_hits`.
        special_characters: What may be left out of, or is no part of, words; '' compares exactly.
        min_length: Of words in 'word_spotting', in characters.
        collect_device: 'cpu' or 'gpu', for distributed evaluation.
        prefix: Of the results' names; 'spotting' by default.

    Raises:
        FileNotFoundError: If a lexicon for all images is missing.
        ValueError: If a field is impossible.
    """

    default_prefix = 'spotting'

    def __init__(self,
                 protocols: Sequence[str] = PROTOCOLS,
                 lexicons: Mapping[str, Mapping[str, Any] | None] | None = None,
                 match_iou_thr: float = 0.5,
                 ignore_precision_thr: float = 0.5,
                 pred_score_thrs: Mapping[str, float] | Sequence[float] = (0.3, 0.4, 0.5, 0.6, 0.7,
                                                                           0.8),
                 strategy: str = 'vanilla',
                 special_characters: str = SPECIAL_CHARACTERS,
                 min_length: int = 3,
                 collect_device: str = 'cpu',
                 prefix: str | None = None) -> None:
        super().__init__(collect_device=collect_device, prefix=prefix)
        if not protocols or not set(protocols) <= set(PROTOCOLS):
            raise ValueError(f'protocols={list(protocols)} must be some of {PROTOCOLS}')
        if strategy not in STRATEGIES:
            raise ValueError(f'strategy={strategy!r} is unknown: use one of {STRATEGIES}')
        self.protocols = list(protocols)
        self.correctors = {name: None if fields is None else LexiconCorrector(**fields)
                           for name, fields in (lexicons or {'none': None}).items()}
        self.match_iou_thr = match_iou_thr
        self.ignore_precision_thr = ignore_precision_thr
        self.pred_score_thrs = _thresholds(pred_score_thrs)
        self.strategy = strategy
        self.special_characters = special_characters
        self.min_length = min_length

    def process(self, data_batch: Any, data_samples: Sequence[Mapping[str, Any]]) -> None:
        """Count what was found and read in each image of a batch.

        Args:
            data_batch: Not used.
            data_samples: Dicts with ``img_path``, ``gt_instances`` (polygons, texts, ignored) and
                ``pred_instances`` (polygons, texts, scores; for weighted lexicons char_scores: a
                sequence of confidences per text).

        Raises:
            FileNotFoundError: If an image's lexicon is missing.
            ValueError: If a field is missing or malformed.
        """
        self.results.extend(self.count(data_sample) for data_sample in data_samples)

    def count(self, data_sample: Mapping[str, Any]) -> dict[str, np.ndarray]:
        """Count what was found and read in one image.

        Args:
            data_sample: See :meth:`process`.

        Returns:
            Column -> numbers of instances, predictions and hits at each threshold, integers, shape
            (3, T).

        Raises:
            FileNotFoundError, ValueError: See :meth:`process`.
        """
        return self._count(read_targets(data_sample), read_predictions(data_sample),
                           data_sample.get('img_path', ''))

    def compute_metrics(self, results: list[dict[str, np.ndarray]]) -> dict[str, float]:
        """Add up all images, and take the best threshold of each column.

        Args:
            results: Per image and column the numbers of instances, predictions and hits, integers,
                shape (3, T).

        Returns:
            See the class; nothing if there was no image.
        """
        metrics: dict[str, float] = {}
        for column in results[0] if results else ():
            counts = np.sum([result[column] for result in results], axis=0)
            metrics.update(self._best(column, counts))
        return metrics

    def _count(self, targets: Targets, predictions: Predictions,
               image: str) -> dict[str, np.ndarray]:
        pairing = self._pair(targets, predictions)
        counts = {'det': pairing.count(self._wanted('e2e', targets), predictions.texts,
                                       lambda target, reading: True)}
        for name, corrector in self.correctors.items():
            readings = (predictions.texts if corrector is None else
                        corrector.correct(image, predictions.texts, predictions.char_scores))
            for protocol in self.protocols:
                rule = partial(reads_right, protocol=protocol,
                               special_characters=self.special_characters)
                counts[f'{protocol}_{name}'] = pairing.count(self._wanted(protocol, targets),
                                                             readings, rule)
        return counts

    def _pair(self, targets: Targets, predictions: Predictions) -> Pairing:
        shared = intersection_areas(targets.polygons, predictions.polygons)
        return Pairing(
            ious(targets.polygons, predictions.polygons, shared) > self.match_iou_thr,
            covered_shares(predictions.polygons, shared) > self.ignore_precision_thr,
            predictions.scores[:, None] >= self.pred_score_thrs, self.strategy)

    def _wanted(self, protocol: str, targets: Targets) -> list[str | None]:
        return [None if ignored else
                target_text(text, protocol, self.special_characters, self.min_length)
                for text, ignored in zip(targets.texts, targets.ignored)]

    def _best(self, column: str, counts: np.ndarray) -> dict[str, float]:
        logger = MMLogger.get_current_instance()
        best: dict[str, float] = {}
        for threshold, (instances, predictions, hits) in zip(self.pred_score_thrs, counts.T):
            recall, precision, hmean = compute_hmean(int(hits), int(hits), int(instances),
                                                     int(predictions))
            logger.info(f'{column} at score threshold {threshold:.2f}: recall {recall:.4f}, '
                        f'precision {precision:.4f}, hmean {hmean:.4f}')
            if not best or hmean > best[f'{column}_hmean']:
                best = {f'{column}_precision': precision, f'{column}_recall': recall,
                        f'{column}_hmean': hmean, f'{column}_score_thr': round(float(threshold), 4)}
        return best


def _thresholds(values: Mapping[str, float] | Sequence[float]) -> np.ndarray:
    """Thresholds as float32: scores are, and 0.3 of either must be the same number."""
    thresholds = (np.arange(values['start'], values['stop'], values['step'])
                  if isinstance(values, Mapping) else np.asarray(values))
    if thresholds.ndim != 1 or not len(thresholds):
        raise ValueError(f'pred_score_thrs={values} has no threshold: name at least one, such as '
                         '[0.5]')
    return thresholds.astype(np.float32)
