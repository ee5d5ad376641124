"""What a spotter or detector finds in an image at each scale, and what a pass costs."""
from __future__ import annotations

from functools import partial
from typing import Any, Iterator, Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from ..evaluation import E2ETextSpottingMetric
from ..evaluation.found_instances import instance_heights, text_height
from ..measure import Case, ImageRating, interleave, product_macs
from ..models.dld import Shrinker
from .scale_passes import ScalePasses, as_spotter

PROTOCOLS = {'e2e': 'e2e_none', 'detection': 'det'}  # names and the metric's columns
_ROUNDS = 5


class ScaleRater:
    """Shows images to a model at several scales, and counts by ICDAR's rules.

    Args:
        model: A spotter or detector in eval mode.
        shrink: How images shrink.
        scales: K scales, rising, the last one 1.
        thresholds: T score thresholds, rising.
        protocol: 'e2e': :class:`~mmocr_kd.evaluation.E2ETextSpottingMetric`'s column of this name
            without a lexicon. 'detection': MMOCR's ``HmeanIOUMetric``: what is marked ignored is,
            whatever it says. None: 'e2e' of a spotter, 'detection' of a detector.

    Raises:
        TypeError: If a spotter is of an unknown kind.
        ValueError: If the protocol is unknown, or asks a detector to read.
    """

    def __init__(self, model: Any, shrink: Shrinker, scales: Sequence[float],
                 thresholds: Sequence[float], protocol: str | None = None) -> None:
        self.spotter = as_spotter(model)
        self.protocol = protocol or ('detection' if self.spotter is None else 'e2e')
        if self.protocol not in PROTOCOLS or (self.spotter is None and self.protocol == 'e2e'):
            raise ValueError(f'protocol={self.protocol!r} of a {type(model).__name__}: spotters '
                             "have 'e2e' and 'detection', detectors 'detection' alone")
        self.model, self.shrink = model, shrink
        self.scales, self.thresholds = list(scales), [float(value) for value in thresholds]
        self._metric = E2ETextSpottingMetric(['e2e'], pred_score_thrs=self.thresholds)

    def __call__(self, path: str, batch: Mapping[str, Any]) -> ImageRating:
        """Rate an image.

        Args:
            path: Its name.
            batch: It and its sample, as a data preprocessor takes them.
        """
        inputs, samples = self._prepared(batch)
        found = [self.predict(inputs, samples, scale) for scale in self.scales]
        words, predicted, hits = np.stack([self._count(one) for one in found]).transpose(1, 0, 2)
        return ImageRating(path, int(words[0, 0]), hits.tolist(), (predicted - hits).tolist(),
                           self._height(found[0], samples[0]),
                           instance_heights(samples[0]).tolist())

    @torch.no_grad()
    def predict(self, inputs: Tensor, samples: Sequence[Any], scale: float) -> Any:
        """What the model finds in an image at a scale, as DLD shows it.

        Args:
            inputs: Of the data preprocessor, shape (1, 3, H, W).
            samples: Its sample.
            scale: In (0, 1].

        Returns:
            A sample with predictions and annotations, both in pixels of the original image.
        """
        predict = (partial(self.model, mode='predict') if self.spotter is None
                   else self.spotter.predict)
        return self.shrink.predict(predict, inputs, samples, [scale],
                                   with_full=self.spotter is not None)[0]

    def measure(self, batches: Iterator[Mapping[str, Any]]) -> dict[str, Any]:
        """Count and time a pass at each scale on an image of typical size.

        Everything that runs but what sorts out results (suppression, contours); reading follows
        the annotated words.

        Args:
            batches: Images to choose from: the one with the median number of pixels is taken.

        Returns:
            ``size``, ``macs`` and ``ms`` of :class:`~mmocr_kd.measure.RatingsHeader`.
        """
        images = sorted((self._prepared(batch) for batch in batches), key=_pixels_and_words)
        inputs, samples = images[len(images) // 2]
        passes = ScalePasses(self.spotter or self.model, None, inputs, samples, self.shrink)
        runs = [passes.at(scale).honest for scale in self.scales]
        cases: dict[str, Case] = {f'{i}': partial(partial, run) for i, run in enumerate(runs)}
        timings = interleave(cases, _ROUNDS, 1)
        return {'size': list(inputs.shape[-2:]), 'macs': [product_macs(run) for run in runs],
                'ms': [timings[name].median * 1e3 for name in cases]}

    def _prepared(self, batch: Mapping[str, Any]) -> tuple[Tensor, Sequence[Any]]:
        prepared = self.model.data_preprocessor(batch, False)
        return prepared['inputs'], prepared['data_samples']

    def _count(self, found: Any) -> np.ndarray:
        """Instances, predictions and hits, shape (3, T)."""
        sample = found.to_dict()
        if self.protocol == 'detection':
            for name, text in (('gt_instances', 'text'), ('pred_instances', '')):
                fields = sample[name]
                sample[name] = {**fields, 'texts': [text] * len(fields['polygons'])}
        return self._metric.count(sample)[PROTOCOLS[self.protocol]]

    def _height(self, found: Any, sample: Any) -> float | None:
        """Median height of text that passes the lowest threshold, in pixels of the full image."""
        instances = found.pred_instances
        heights = [text_height(polygon, sample.scale_factor)
                   for polygon, score in zip(instances.polygons, instances.scores.tolist())
                   if score >= self.thresholds[0]]
        return float(np.median(heights)) if heights else None


def _pixels_and_words(image: tuple[Tensor, Sequence[Any]]) -> tuple[int, int]:
    return image[0].numel(), len(image[1][0].gt_instances)
