"""Which instances of an image a detector found, and how high their text is."""
from __future__ import annotations

from typing import Any, Sequence

import cv2
import numpy as np
import torch
from mmocr.evaluation import HmeanIOUMetric

from .matching import first_come


def found_instances(sample: Any, thresholds: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Find out which instances were found, as MMOCR's ``HmeanIOUMetric`` counts them.

    Args:
        sample: With ``gt_instances`` (polygons, ignored) and ``pred_instances`` (polygons, scores).
        thresholds: Of the scores, at least 0.3, float32, shape (T,).

    Returns:
        Whether each of the G instances that are not ignored was found, bool, shape (G, T); and how
        many predictions count, integers, shape (T,).
    """
    metric = HmeanIOUMetric()
    metric.process(None, [sample.to_dict()])
    result, = metric.results
    kept = result['pred_scores'][:, None] >= thresholds
    return first_come(result['iou_metric'] > metric.match_iou_thr, kept) >= 0, kept.sum(0)


def instance_heights(sample: Any) -> np.ndarray:
    """Of the instances that are not ignored, in pixels of the image as the model sees it.

    Args:
        sample: See :func:`found_instances`; its polygons are in pixels of the file.
    """
    instances = sample.gt_instances
    factor = sample.get('scale_factor', (1., 1.))
    return np.array([text_height(polygon, factor) for polygon, ignored in zip(
        instances.polygons, torch.as_tensor(instances.ignored).tolist()) if not ignored])


def text_height(polygon: Any, factor: Sequence[float]) -> float:
    """Shorter side of the smallest rectangle around a polygon.

    Args:
        polygon: x, y, x, y, ...
        factor: By how much it is enlarged, in width and height.
    """
    corners = (np.reshape(polygon, (-1, 2)) * np.array(factor)).astype('f4')
    return float(min(cv2.minAreaRect(corners)[1]))
