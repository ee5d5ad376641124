"""The words of a batch as teachers of words want them: one image each, at full resolution."""
from __future__ import annotations

from dataclasses import replace
from typing import Any, Mapping, Sequence

import torch
from mmengine.structures import LabelData
from mmocr.structures import TextRecogDataSample
from torch import Tensor, nn

from ...adapters.image_sizes import valid_sizes
from ..spotters import QuadCut, Words
from ..spotters.quad_crops import reading_quads

SIZE = (64, 256)


class SharpWords:
    """Cuts words out of images at full resolution, as large as a teacher wants them.

    Words are stretched to ``size``; teachers that know the proportions of words (``OnnxTeacher``)
    stretch them back.

    Args:
        crop: Fields ``size``, ``margin`` and ``oversample`` of
            :class:`~mmocr_kd.models.spotters.QuadCut`; 64x256 pixels by default.
    """

    def __init__(self, crop: Mapping[str, Any]) -> None:
        raw: Any = nn.Identity()  # teachers normalise for themselves
        self.cut = QuadCut(raw, **{'size': SIZE, **crop})

    def __call__(self, inputs: Tensor, data_samples: Sequence[Any], words: Words) -> Tensor:
        """Cut.

        Args:
            inputs: Shape (B, 3, H, W), normalised or not.
            data_samples: Its B samples; only their sizes count.
            words: N words of these images, on the CPU, N > 0.

        Returns:
            Shape (N, 3, *size).
        """
        quads = replace(words, points=word_quads(words))
        return self.cut(inputs, valid_sizes(inputs, data_samples), quads)


def word_quads(words: Words) -> Tensor:
    """Corners of words, in reading order: of outlines with more points, of the rectangle around.

    Args:
        words: N words, on the CPU.

    Returns:
        Shape (N, 4, 2).
    """
    if words.points.shape[1] == 4:
        return words.points
    return torch.from_numpy(reading_quads(list(words.points.numpy())))


def word_samples(words: Words) -> list[TextRecogDataSample]:
    """A data sample for each word, with its text, and with its own proportions as ``ori_shape``.

    Args:
        words: N words, on the CPU.
    """
    quads = word_quads(words)
    sides = (quads.roll(-1, dims=1) - quads).norm(dim=-1).clamp(min=1)
    shapes = torch.stack([sides[:, 1::2].amax(1), sides[:, ::2].amax(1)], 1).round().int()
    return [TextRecogDataSample(gt_text=LabelData(item=text), metainfo=dict(
        ori_shape=tuple(shape), valid_ratio=1.0))
        for text, shape in zip(words.texts, shapes.tolist())]
