"""Text instances of one image, as a metric needs them."""
from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Mapping, Sequence

import numpy as np
import torch

from ..datasets.texts import as_texts
from .polygon_overlaps import to_geometries
from .text_rules import UNREADABLE


@dataclass
class Targets:
    """What is there to be found: N instances.

    Attributes:
        polygons: Geometries, shape (N,).
        texts: N transcriptions.
        ignored: Whether nobody cares about an instance, bool, shape (N,).
    """

    polygons: np.ndarray
    texts: Sequence[str]
    ignored: np.ndarray


@dataclass
class Predictions:
    """What was found: P instances.

    Attributes:
        polygons: Geometries, shape (P,).
        texts: P readings.
        scores: float32, shape (P,).
        char_scores: Confidences of the characters of each reading, if the model tells.
    """

    polygons: np.ndarray
    texts: Sequence[str]
    scores: np.ndarray
    char_scores: Sequence[Sequence[float]] | None


def read_targets(data_sample: Mapping[str, Any]) -> Targets:
    """Read ``gt_instances``: polygons, texts and ignored.

    Nobody looks for an instance that is ignored or says ``###`` or nothing: it need be no polygon.
    One without corners or area is nowhere then.

    Args:
        data_sample: As MMEngine hands it to metrics: a dict of dicts.

    Raises:
        ValueError: If a field is missing, fields differ in length, or an instance that is looked
            for has no polygon or no text.
    """
    polygons, texts, ignored = _fields(data_sample, 'gt_instances', 'polygons', 'texts', 'ignored')
    image, ignored = data_sample.get('img_path'), _numbers(ignored).astype(bool)
    texts = as_texts(texts, ignored, image)
    wanted = [not skip and text not in UNREADABLE for text, skip in zip(texts, ignored)]
    return Targets(to_geometries(polygons, f'{image!r} has gt_instances.polygons', wanted),
                   texts, ignored)


def read_predictions(data_sample: Mapping[str, Any]) -> Predictions:
    """Read ``pred_instances``: polygons, texts, scores and, if there, char_scores.

    A prediction that is no polygon lies on nothing: it is a false alarm.

    Args:
        data_sample: As for :func:`read_targets`.

    Raises:
        ValueError: If a field is missing, fields differ in length, or a score is no number.
    """
    polygons, texts, scores = _fields(data_sample, 'pred_instances', 'polygons', 'texts', 'scores')
    image, scores = data_sample.get('img_path'), _numbers(scores).astype(np.float32)
    if np.isnan(scores).any():
        raise ValueError(f'{image!r} has pred_instances.scores={scores.tolist()}, expected '
                         'numbers: has the training diverged?')
    name = f'{image!r} has pred_instances.polygons'
    return Predictions(to_geometries(polygons, name, np.zeros(len(polygons))), list(texts),
                       scores, data_sample['pred_instances'].get('char_scores'))


def _fields(data_sample: Mapping[str, Any], group: str, *names: str) -> list[Any]:
    instances = data_sample.get(group)
    found = [] if instances is None else [name for name in names if name in instances]
    if instances is None or len(found) < len(names):
        hint = ('is the model a text spotter?' if group == 'pred_instances' else
                'load annotations with with_polygon=True and with_text=True, and pack with '
                'PackTextSpottingInputs')
        raise ValueError(f'{data_sample.get("img_path")!r} has {group} with {found}, expected '
                         f'{list(names)}: {hint}')
    values = [instances[name] for name in names]
    lengths = [len(value) for value in values]
    if len(set(lengths)) > 1:
        raise ValueError(f'{data_sample.get("img_path")!r} has {group} whose {list(names)} have '
                         f'{lengths} entries: expected equally many')
    return values


def _numbers(values: Any) -> np.ndarray:
    return values.cpu().numpy() if isinstance(values, torch.Tensor) else np.asarray(values)
