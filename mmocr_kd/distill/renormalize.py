"""Turning a batch normalised for the student into one normalised for the teacher."""
from __future__ import annotations

from dataclasses import dataclass

import torch
from mmengine.model import ImgDataPreprocessor
from torch import Tensor, nn


@dataclass(frozen=True)
class Normalization:
    """Pixel normalisation of a model.

    Args:
        mean: Per channel, in the model's channel order, on the 0..255 scale.
        std: Per channel, likewise.
        swaps_channels: Whether the model's preprocessor swaps BGR and RGB.
    """

    mean: tuple[float, ...]
    std: tuple[float, ...]
    swaps_channels: bool

    @classmethod
    def of(cls, model: nn.Module) -> Normalization | None:
        """Read it off ``model.data_preprocessor``.

        Returns:
            None if the model has no image preprocessor: its inputs are taken as they are.
        """
        preprocessor = getattr(model, 'data_preprocessor', None)
        if not isinstance(preprocessor, ImgDataPreprocessor):
            return None
        mean, std = (0.0, ), (1.0, )
        if preprocessor._enable_normalize:
            mean, std = (tuple(t.flatten().tolist()) for t in (preprocessor.mean, preprocessor.std))
        return cls(mean, std, bool(preprocessor._channel_conversion))


class Renormalize:
    """Affine map from the student's normalised pixels to the teacher's.

    Both models must read the image in the same channel order from disk, as all MMOCR pipelines
    do. Pixels padded after normalisation go through the same map (our choice: their value means
    nothing to either model).

    Args:
        student: How the batch was normalised.
        teacher: How the teacher wants it.
    """

    def __init__(self, student: Normalization | None, teacher: Normalization | None) -> None:
        self.identity = student is None or teacher is None or student == teacher
        if student is None or teacher is None:
            return
        self.swap = student.swaps_channels != teacher.swaps_channels
        # One value or one per channel: grey images have a single one.
        mean_s, std_s, mean_t, std_t = (
            torch.tensor(values).view(1, -1, 1, 1)
            for values in (student.mean, student.std, teacher.mean, teacher.std))
        if self.swap:
            mean_s, std_s = mean_s.flip(1), std_s.flip(1)
        self.scale = std_s / std_t
        self.shift = (mean_s - mean_t) / std_t

    def __call__(self, inputs: Tensor) -> Tensor:
        """Renormalise.

        Args:
            inputs: The student's batch, shape (N, C, H, W), C = 3 or 1.

        Returns:
            The teacher's batch, same shape, dtype and device; the very same tensor if nothing
            differs.
        """
        if self.identity:
            return inputs
        images = inputs.flip(1) if self.swap else inputs
        scale, shift = self.scale.to(inputs), self.shift.to(inputs)
        return images * scale + shift
