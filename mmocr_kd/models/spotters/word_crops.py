"""How a spotter cuts words out for its recogniser."""
from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Sequence

import torch
from mmengine.structures import LabelData
from mmocr.structures import TextRecogDataSample
from torch import Tensor

from .quad_crops import crop_quads
from .reading_quads import CORNERS
from .words import Words


@dataclass(frozen=True)
class WordCrops:
    """Settings of the cut, checked on creation.

    Args:
        size: Height and width of the crops; words are stretched to it.
        margin: Room to leave on each side, in heights of the word, in [0, 1].
        jitter: In training, by how much corners of annotated words move at most, in heights of
            the word, in [0, 0.2].
        oversample: See :func:`~mmocr_kd.models.spotters.crop_quads`.
        corners: Of annotated words, see :func:`~mmocr_kd.models.spotters.reading_quads`; found
            words are always taken 'upright'.
        vertical_ratio: See there.

    Raises:
        ValueError: If a field is out of range.
    """

    size: Sequence[int]
    margin: float = 0.0
    jitter: float = 0.0
    oversample: int = 1
    corners: str = 'annotated'
    vertical_ratio: float = 1.5

    def __post_init__(self) -> None:
        if len(self.size) != 2 or min(self.size) < 1:
            raise ValueError(f'size={self.size!r} must be a height and a width, both positive')
        if self.corners not in CORNERS:
            raise ValueError(f'corners={self.corners!r} is unknown: use one of {CORNERS}')
        for name, low, high in (('margin', 0, 1), ('jitter', 0, 0.2), ('oversample', 1, 8),
                                ('vertical_ratio', 1, float('inf'))):
            if not low <= getattr(self, name) <= high:
                raise ValueError(f'{name}={getattr(self, name)!r} must be within '
                                 f'[{low}, {high}]')

    def cut(self, images: Tensor, words: Words, sizes: Sequence[tuple[int, int]]) -> Tensor:
        """Cut words out of raw images.

        Args:
            images: Shape (B, C, H, W).
            words: N words with quads on the same device.
            sizes: Height and width of each image without padding.

        Returns:
            Shape (N, C, *size).
        """
        return crop_quads(images, words.quads, words.image_index, (self.size[0], self.size[1]),
                          torch.tensor(sizes), self.margin, self.oversample)

    def samples(self, words: Words) -> list[TextRecogDataSample]:
        """A recogniser's data sample for each word, with its text if it is known."""
        size = tuple(self.size)
        metainfo: dict[str, Any] = dict(
            img_shape=size, ori_shape=size, batch_input_shape=size, valid_ratio=1.0)
        texts = words.texts or [None] * len(words)
        samples = [TextRecogDataSample(metainfo=metainfo) for _ in texts]
        for sample, text in zip(samples, texts):
            if text is not None:
                sample.gt_text = LabelData(item=text)
        return samples
