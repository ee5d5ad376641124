"""From raw pixels to what a detector or a recogniser was trained on."""
from __future__ import annotations

from typing import Any, Sequence

import torch
from torch import Tensor, nn

from ...distill.renormalize import BGR_TO_GREY, Normalization, Renormalize

COLORS = ('color', 'grayscale')
RAW = Normalization((0.0, ), (1.0, ), swaps_channels=False)


class PartInputs:
    """Normalises raw images with a part's own mean, standard deviation and channel order.

    Args:
        part: A detector or recogniser; what its ``data_preprocessor`` says counts.
        color_type: 'color', or 'grayscale' for parts whose pipeline loads grey images.

    Raises:
        ValueError: If ``color_type`` is unknown.
    """

    def __init__(self, part: nn.Module, color_type: str = 'color') -> None:
        if color_type not in COLORS:
            raise ValueError(f'color_type={color_type!r} is unknown: use one of {COLORS}')
        self.grey = color_type == 'grayscale'
        self._normalize = Renormalize(RAW, Normalization.of(part))
        self._pad_value = float(getattr(part.data_preprocessor, 'pad_value', 0))

    def __call__(self, images: Tensor) -> Tensor:
        """Normalise.

        Args:
            images: BGR on the 0..255 scale, shape (N, 3, H, W).

        Returns:
            Shape (N, 3, H, W), or (N, 1, H, W) if grey.
        """
        if self.grey:
            weights = torch.tensor(BGR_TO_GREY)[:, None, None].to(images, non_blocking=True)
            images = (images * weights).sum(1, keepdim=True)
        return self._normalize(images)

    def padded(self, images: Tensor, sizes: Sequence[tuple[int, int]]) -> Tensor:
        """Normalise, and pad as the part's own preprocessor does: after normalisation.

        Args:
            images: As above.
            sizes: Height and width of each image without padding.
        """
        normalized = self(images)
        valid = torch.zeros(len(images), 1, *images.shape[-2:], dtype=torch.bool)
        for mask, (height, width) in zip(valid, sizes):
            mask[:, :height, :width] = True
        return normalized.where(valid.to(images.device, non_blocking=True), self._pad_value)


def raw_preprocessor(detector: Any) -> dict[str, Any]:
    """Config of a preprocessor that pads as a detector needs it, and does nothing else.

    Args:
        detector: The built detector.
    """
    divisor = getattr(detector.data_preprocessor, 'pad_size_divisor', 1)
    return dict(type='TextDetDataPreprocessor', pad_size_divisor=divisor)
