"""The words of a batch, as regions of feature maps."""
from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Callable, Sequence

import numpy as np
import torch
from mmengine.structures import InstanceData, LabelData
from mmocr.structures import TextRecogDataSample
from torch import Tensor

from .bezier_fit import CONTROL_POINTS, fit_outline
from .words import annotated_words

_NUMBERS = 2 * CONTROL_POINTS * 2  # two curves, x and y


@dataclass(frozen=True)
class RoIWords:
    """N words of a batch; outlined once, at full resolution, and then only scaled.

    Args:
        beziers: Control points of the upper and the lower side (see :func:`.fit_outline`), in
            pixels of the batch's images, shape (N, 16).
        image_index: Which image each is in, long, shape (N,), not decreasing.
        texts: What they say.
    """

    beziers: Tensor
    image_index: Tensor
    texts: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.beziers)

    def scaled(self, factors: Tensor) -> RoIWords:
        """The same words in resized images: Bezier curves follow their control points.

        Args:
            factors: By how much each image's width and height grew, shape (B, 2).
        """
        factors = factors.to(self.beziers)[self.image_index]
        return replace(self, beziers=self.beziers * factors.repeat(1, _NUMBERS // 2))

    def proposals(self, num_images: int, device: torch.device) -> list[InstanceData]:
        """The words of each image, as RoI extractors want them.

        Images without words are in the list, too: extractors count through it to know which image
        a word is in (leaving them out, as ABCNet's own loss does, reads the wrong image).

        Args:
            num_images: B.
            device: Of the features.
        """
        counts = torch.bincount(self.image_index, minlength=num_images).tolist()
        beziers = self.beziers.to(device, non_blocking=True)
        return [InstanceData(beziers=mine) for mine in beziers.split(counts)]

    def samples(self) -> list[TextRecogDataSample]:
        """N new samples for a recogniser, with texts."""
        return [TextRecogDataSample(gt_text=LabelData(item=text)) for text in self.texts]


def outlined_words(data_samples: Sequence[Any], accepts: Callable[[str, Any], bool]) -> RoIWords:
    """The annotated words a recogniser can learn from.

    Args:
        data_samples: B samples, whose ``gt_instances`` have polygons, texts and ignored; left as
            they are.
        accepts: Called with the text and the sample of each word that is not ignored.

    Raises:
        ValueError: If a sample has words but no texts or polygons, or a polygon is no outline.
    """
    outlines: list[np.ndarray] = []
    texts: list[str] = []
    image_index: list[int] = []
    for i, sample, polygon, text in annotated_words(data_samples):
        if accepts(text, sample):
            outlines.append(_outline(polygon, sample))
            texts.append(text)
            image_index.append(i)
    beziers = torch.from_numpy(np.array(outlines, np.float32).reshape(-1, _NUMBERS))
    return RoIWords(beziers, torch.tensor(image_index, dtype=torch.long), tuple(texts))


def _outline(polygon: Any, sample: Any) -> np.ndarray:
    try:
        return fit_outline(polygon)
    except ValueError as error:
        raise ValueError(f'{sample.get("img_path", "a sample")}: {error}: add FixInvalidPolygon to '
                         'the pipeline') from error
