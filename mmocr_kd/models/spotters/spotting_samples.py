"""Reading data samples of a batch, and writing down what was spotted."""
from __future__ import annotations

from typing import Any, Sequence

import numpy as np
import torch
from mmengine.structures import InstanceData
from mmocr.structures import TextDetDataSample, TextSpottingDataSample
from numpy.typing import NDArray


def in_input_frame(data_samples: Sequence[Any]) -> list[TextDetDataSample]:
    """Samples without annotations that let a detector predict in pixels of its input.

    What detectors rescale, and whether they do, differs.
    """
    return [TextDetDataSample(metainfo={**sample.metainfo, 'ori_shape': sample.img_shape,
                                        'scale_factor': (1.0, 1.0)})
            for sample in data_samples]


def scale_factor(sample: Any) -> tuple[float, float]:
    """By how much a sample's image was enlarged, in width and height.

    Raises:
        ValueError: If the pipeline did not pack it.
    """
    factor = sample.get('scale_factor')
    if factor is None:
        raise ValueError(f'{sample.get("img_path", "a sample")} has no scale_factor, which leads '
                         "back to the original image: add it to the pipeline's meta_keys (it is "
                         'written by Resize)')
    return float(factor[0]), float(factor[1])


def polygons_of(detected: Any) -> list[NDArray[np.float32]]:
    """Polygons that a detector found, each of shape (P, 2)."""
    return [np.asarray(polygon, np.float32).reshape(-1, 2)
            for polygon in detected.pred_instances.polygons]


def read_text(read: Any) -> tuple[str, list[float]]:
    """Text that a recogniser read, and the score of each character."""
    return read.pred_text.item, np.ravel(read.pred_text.score).tolist()


def spotting_sample(sample: Any, polygons: Sequence[NDArray[np.float32]], scores: Any,
                    readings: Sequence[tuple[str, list[float]]]) -> TextSpottingDataSample:
    """Put the words of one image together.

    Args:
        sample: The image's; its metainfo and ground truth are passed on.
        polygons: N polygons in pixels of the model's input.
        scores: Their N scores.
        readings: N texts with the scores of their characters.

    Returns:
        A new sample whose ``pred_instances`` have ``polygons`` (flat, pixels of the original
        image), ``scores``, ``texts``, their ``char_scores`` and ``text_scores``: the mean over the
        characters, 0 without any.
    """
    factor = np.array(scale_factor(sample), np.float32)
    result = TextSpottingDataSample(metainfo=sample.metainfo)
    if 'gt_instances' in sample:
        result.gt_instances = sample.gt_instances
    result.pred_instances = InstanceData(
        polygons=[(points / factor).ravel() for points in polygons],
        scores=torch.as_tensor(scores, dtype=torch.float32),
        texts=[text for text, _ in readings],
        char_scores=[scores for _, scores in readings],
        text_scores=torch.tensor([float(np.mean(scores)) if scores else 0.0
                                  for _, scores in readings]))
    return result
