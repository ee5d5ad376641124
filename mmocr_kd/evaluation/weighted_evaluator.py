"""Averages over data sets of different size."""
from __future__ import annotations

from typing import Any, Sequence

import numpy as np
from mmocr.evaluation import MultiDatasetsEvaluator
from mmocr.registry import EVALUATOR


@EVALUATOR.register_module()
class WeightedMultiDatasetsEvaluator(MultiDatasetsEvaluator):
    """MMOCR's ``MultiDatasetsEvaluator``, which adds averages weighted by the number of samples.

    With the prefixes 'easy', 'medium' and 'hard' and a ``WordMetric`` there is, besides
    'easy/recog/word_acc' and so on, 'weighted/recog/word_acc', the accuracy over all words. It may
    be named in ``save_best``.

    Args:
        metrics: As in MMOCR.
        dataset_prefixes: Names of the data sets, in the order of the concatenated data set.
        averages: Name -> prefixes to average over. None averages over all data sets, as
            'weighted'.

    Raises:
        ValueError: If an average is over unknown data sets, or bears a data set's name.
    """

    def __init__(self, metrics: Any, dataset_prefixes: Sequence[str],
                 averages: dict[str, Sequence[str]] | None = None) -> None:
        super().__init__(metrics, dataset_prefixes)
        self.averages = {'weighted': list(dataset_prefixes)} if averages is None else averages
        for name, prefixes in self.averages.items():
            _check_average(name, prefixes, dataset_prefixes)

    def evaluate(self, size: int) -> dict[str, float]:
        """Compute all metrics of all data sets, and their averages.

        Args:
            size: Number of samples in all data sets.

        Returns:
            Metrics by name, the same in every process.

        Raises:
            ValueError: If there are not as many data sets as prefixes.
        """
        ends = self.dataset_meta.get('cumulative_sizes', [size])
        if len(ends) != len(self.dataset_prefixes):
            raise ValueError(f'dataset_prefixes={list(self.dataset_prefixes)} are '
                             f'{len(self.dataset_prefixes)} names for {len(ends)} data sets')
        counts = dict(zip(self.dataset_prefixes, np.diff([0, *ends]).tolist()))
        results = super().evaluate(size)
        for name, prefixes in self.averages.items():
            results.update(_average(results, name, {p: counts[p] for p in prefixes}))
        return results


def _average(results: dict[str, float], name: str, counts: dict[str, int]) -> dict[str, float]:
    """Average each metric that the first data set has."""
    first, total = next(iter(counts)), sum(counts.values())
    metrics = [key.removeprefix(f'{first}/') for key in results if key.startswith(f'{first}/')]
    return {f'{name}/{metric}': sum(results[f'{prefix}/{metric}'] * count
                                    for prefix, count in counts.items()) / total
            for metric in metrics}


def _check_average(name: str, prefixes: Sequence[str], known: Sequence[str]) -> None:
    if name in known:
        raise ValueError(f"averages has the name {name!r}, which is a data set's")
    if not prefixes or not set(prefixes) <= set(known):
        raise ValueError(f'averages[{name!r}]={list(prefixes)} must name some of {list(known)}')
