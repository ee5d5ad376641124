"""Rating: what a spotter or detector finds in each image at each scale, and what a pass costs."""
from __future__ import annotations

import json
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, Iterator, Mapping, Sequence

import cv2
import numpy as np
import torch
from mmengine.config import Config
from mmengine.logging import MMLogger
from mmengine.registry import init_default_scope
from mmocr.registry import MODELS
from torch import Tensor

from ..distill import digest_of, read_weights
from ..evaluation import E2ETextSpottingMetric
from ..losses import check_scale_factors
from ..measure import Case, ImageRating, RatingsFile, interleave, product_macs
from ..models.dld import Shrinker
from .distillation import student_config
from .image_data import ImageData
from .scale_passes import ScalePasses, as_spotter, shrinker_of
from .student import build_loaded, student_checkpoint

SCALES = (.25, .375, .5, .75, 1.)
THRESHOLDS = (.3, .4, .5, .6, .7, .8)  # of the metrics
PROTOCOLS = {'e2e': 'e2e_none', 'detection': 'det'}  # names and the metric's columns
_LOOKED_AT = 16  # images, for a typical size
_ROUNDS = 5


@dataclass
class Rating:
    """Ratings that are about to be made; a file that is open for them.

    Args:
        file: Where they go.
        rater: Rates an image.
        data: The images.
        paths: Those that are to be rated, those that are done among them.
    """

    file: RatingsFile
    rater: ScaleRater
    data: ImageData
    paths: Sequence[str]

    def run(self) -> Iterator[ImageRating]:
        """Rate each image that is not done.

        Yields:
            Its rating, once it is in the file.

        Raises:
            OSError: If an image cannot be read, or there is no room.
            ValueError: If an image has no annotations, or the model no sound predictions.
        """
        with self.file:
            todo = [path for path in self.paths if path not in self.file.done]
            for path, batch in zip(todo, self.data.batches(todo)):
                rating = self.rater(path, batch)
                self.file.write(rating)
                yield rating


def prepare_rating(cfg: Config, checkpoint: str | None, out: str | Path, split: str = 'val',
                   scales: Sequence[float] = SCALES, thresholds: Sequence[float] = THRESHOLDS,
                   protocol: str | None = None, limit: int | None = None,
                   device: str | None = None) -> Rating:
    """Build what ``mmocr-kd rate-scales`` needs; counts and times a pass for a new file.

    Args:
        cfg: Of a spotter or detector, or of DLD, whose student it is then.
        checkpoint: Its weights. None: the config's ``load_from``, or what the ``init_cfg`` of its
            parts name.
        out: File of ratings, new or begun by the same command.
        split: Which data; the training's are shown as the tests show theirs.
        scales: Which, in any order; full resolution is always among them.
        thresholds: Score thresholds to count at.
        protocol: 'e2e' or 'detection'; None: as the model can.
        limit: Of the images, the first so many; None: all.
        device: Where the model runs; by default on the GPU, if there is one.

    Raises:
        FileNotFoundError, CheckpointError: If there are no such weights, or they do not fit.
        ValueError: If an argument is impossible, or the file is of something else.
    """
    scales = check_scale_factors(sorted({*scales, 1.}))
    checkpoint = checkpoint or cfg.get('load_from')
    model, identity = _load(cfg, checkpoint)
    data = ImageData(cfg, split)
    rater = ScaleRater(model.to(device or ('cuda' if torch.cuda.is_available() else 'cpu')),
                       shrinker_of(cfg.model), scales, sorted({*thresholds}), protocol)
    described = json.dumps([identity, data.config], default=str, sort_keys=True)
    wanted = {'config': str(cfg.filename), 'checkpoint': str(checkpoint or ''), 'split': split,
              'identity': digest_of(described.encode()), 'scales': list(scales),
              'thresholds': rater.thresholds, 'protocol': rater.protocol}
    paths = list(islice(data.paths, limit))
    file = RatingsFile(out, wanted, lambda: rater.measure(data.batches(paths[:_LOOKED_AT])))
    return Rating(file, rater, data, paths)


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
                           self._height(found[0], samples[0]))

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
                   else partial(self.spotter.predict, full=(inputs, samples)))
        return self.shrink.predict(predict, inputs, samples, [scale])[0]

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
        factor = np.array(sample.scale_factor)
        heights = [min(cv2.minAreaRect((np.reshape(polygon, (-1, 2)) * factor).astype('f4'))[1])
                   for polygon, score in zip(instances.polygons, instances.scores.tolist())
                   if score >= self.thresholds[0]]
        return float(np.median(heights)) if heights else None


def _pixels_and_words(image: tuple[Tensor, Sequence[Any]]) -> tuple[int, int]:
    return image[0].numel(), len(image[1][0].gt_instances)


def _load(cfg: Config, checkpoint: str | None) -> tuple[Any, Any]:
    """The plain spotter or detector, and what makes it the one it is."""
    plain = student_config(cfg.model)
    if checkpoint is None:
        model = _initialised(cfg, plain)
    else:
        state = student_checkpoint({'state_dict': read_weights(checkpoint, cfg.filename)})
        model = build_loaded(cfg, plain, state['state_dict'], checkpoint)
    weights = {key: digest_of(value.numpy().tobytes())
               for key, value in model.state_dict().items()}
    return model.eval(), [plain, weights]


def _initialised(cfg: Config, plain: dict[str, Any]) -> Any:
    """A model whose parts start from checkpoints of their own."""
    if not _starts_trained(plain):
        raise ValueError(f'{cfg.filename} names no weights (load_from, or init_cfg of type '
                         'Pretrained, of all parts): give --checkpoint')
    init_default_scope(cfg.get('default_scope', 'mmocr'))
    model: Any = MODELS.build(plain)
    logger = MMLogger.get_current_instance()
    level = logger.level
    logger.setLevel('WARNING')  # every tensor would get a line
    model.init_weights()
    logger.setLevel(level)
    return model


def _starts_trained(part: Mapping[str, Any]) -> bool:
    """Whether all of a model comes from checkpoints: a backbone alone does not count."""
    if (part.get('init_cfg') or {}).get('type') == 'Pretrained':
        return True
    return 'recognizer' in part and all(_starts_trained(part[name])
                                        for name in ('detector', 'recognizer'))
