"""What trained selectors expect of rated images; the spotter need not run, hits are known."""
from __future__ import annotations

import copy
from collections import defaultdict
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Iterable, Iterator, Sequence

import numpy as np
import torch
from mmengine.config import Config
from torch import Tensor

from ..distill import read_weights
from ..measure import ScaleRatings, interleave, product_macs
from ..measure.scale_report import Selector
from .image_data import ImageData
from .student import build_loaded

_ROUNDS = 5


@dataclass
class Expecting:
    """Selectors of one config, about to look at images.

    Args:
        cfg: A config of DLD.
        models: Its models, by checkpoint.
        data: The images of each of the ratings.
        ratings: What is reported on, and, if there are any, ratings that prices are taken from.
    """

    cfg: Config
    models: dict[str, Any]
    data: Sequence[ImageData]
    ratings: Sequence[ScaleRatings]

    def __len__(self) -> int:
        return sum(len(one.words) for one in self.ratings)

    def run(self, found: list[Selector]) -> Iterator[str]:
        """Look at every image once.

        Args:
            found: Gets a selector for each model at the end.

        Yields:
            Names of images.
        """
        errors = [defaultdict(list) for _ in self.ratings]  # type: ignore[var-annotated]
        for data, rated, mine in zip(self.data, self.ratings, errors):
            for path, batch in zip(rated.index, data.batches(rated.index)):
                for name, model in self.models.items():
                    mine[name].append(expected(model, copy.deepcopy(batch)))
                yield path
        found += [self._selector(name, model, batch, [np.concatenate(one[name]) for one in errors])
                  for name, model in self.models.items()]

    def _selector(self, name: str, model: Any, batch: Any, errors: list[np.ndarray]) -> Selector:
        run = partial(_ask, model, *_prepared(model, batch))
        timing = interleave({'': lambda: run}, _ROUNDS, 1)['']
        full = self.ratings[0].header.macs[-1]
        return Selector(Path(str(self.cfg.filename)).stem, name, errors[0],
                        product_macs(run) / full, timing.median * 1e3,
                        errors[1] if len(errors) > 1 else None, _predicts_errors(model))


def prepare_selectors(cfg: Config, checkpoints: Iterable[str], ratings: Sequence[ScaleRatings],
                      device: str | None = None) -> Expecting:
    """Build the models of a DLD config, and the data that was rated.

    Args:
        cfg: A config of DLD with a selector.
        checkpoints: Of its trainings, one per seed.
        ratings: Whose images to look at, and their scales.
        device: By default the GPU, if there is one.

    Raises:
        FileNotFoundError, CheckpointError: If there are no such weights, or they do not fit.
        ValueError: If there is no selector, its scales are not those of the ratings, or images
            that were rated are not among the config's.
    """
    if not cfg.model.get('selector'):
        raise ValueError(f'{cfg.filename} has no selector: give a config of DLD that has one')
    place = device or ('cuda' if torch.cuda.is_available() else 'cpu')
    models = {str(path): build_loaded(cfg, cfg.model, read_weights(path, cfg.filename),
                                      path).eval().to(place) for path in checkpoints}
    for model in models.values():
        _require_scales(cfg, model, ratings[0])
    data = [ImageData(cfg, one.header.split) for one in ratings]
    for images, one in zip(data, ratings):
        _require_images(cfg, images, one)
    return Expecting(cfg, models, data, ratings)


def expected(model: Any, batch: Any) -> np.ndarray:
    """Errors that a model's selector expects of an image, shape (1, K).

    Args:
        model: Of DLD, in eval mode. Of a selector that classifies: its logits, negated, so that
            the least is the best here, too.
        batch: The image and its sample, as a data preprocessor takes them.
    """
    return _ask(model, *_prepared(model, batch)).float().cpu().numpy()


@torch.no_grad()
def _ask(model: Any, inputs: Tensor, samples: Sequence[Any]) -> Tensor:
    if _predicts_errors(model):
        return model.expected_errors(inputs, samples)
    return -model.selector(model.spotter.normalized(inputs, samples), samples)


def _prepared(model: Any, batch: Any) -> tuple[Tensor, Sequence[Any]]:
    prepared = model.data_preprocessor(copy.deepcopy(batch), False)
    return prepared['inputs'], prepared['data_samples']


def _predicts_errors(model: Any) -> bool:
    return model.selector.predicts == 'errors'


def _require_scales(cfg: Config, model: Any, ratings: ScaleRatings) -> None:
    scales = list(model.selector.scale_factors)
    if scales != list(ratings.header.scales):
        raise ValueError(f'{cfg.filename} has a selector of scales {scales}, rated are '
                         f'{list(ratings.header.scales)}: rate its scales, 1 included')


def _require_images(cfg: Config, data: ImageData, ratings: ScaleRatings) -> None:
    missing = [path for path in ratings.index if path not in data.paths]
    if missing:
        raise ValueError(f'{len(missing)} of {len(ratings.index)} rated images are not in the '
                         f'{ratings.header.split} data of {cfg.filename}, such as {missing[0]!r}')
