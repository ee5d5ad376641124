"""Turning a batch normalised for the student into one normalised for the teacher."""
from __future__ import annotations

from dataclasses import dataclass

import torch
from mmengine.model import ImgDataPreprocessor
from torch import Tensor, nn

BGR_TO_GREY = (0.114, 0.587, 0.299)  # OpenCV's, with which MMOCR loads grey images


@dataclass(frozen=True)
class Normalization:
    """Pixel normalisation of a model.

    Args:
        mean: Per channel, in the model's channel order, on the 0..255 scale.
        std: Per channel, likewise.
        swaps_channels: Whether the model's preprocessor swaps BGR and RGB.
        channels: Of the images the model takes, 3 or 1 (grey); None if that is not known.
    """

    mean: tuple[float, ...]
    std: tuple[float, ...]
    swaps_channels: bool
    channels: int | None = None

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
        return cls(mean, std, bool(preprocessor._channel_conversion), _image_channels(model))


class Renormalize:
    """Affine map from the student's normalised pixels to the teacher's.

    Both models must read the image in the same channel order from disk, as all MMOCR pipelines
    do. A teacher of grey images gets those of a student of colours in grey, as OpenCV would load
    them but for the rounding; the other way round it gets three equal channels. Pixels padded
    after normalisation go through the same map (our choice: their value means nothing to either
    model).

    Args:
        student: How the batch was normalised.
        teacher: How the teacher wants it.
    """

    def __init__(self, student: Normalization | None, teacher: Normalization | None) -> None:
        self.channels = None if teacher is None else teacher.channels
        self.identity = student is None or teacher is None or student == teacher
        if student is None or teacher is None:
            return
        self.to_grey = (student.channels, teacher.channels) == (3, 1)
        self.swap = student.swaps_channels != teacher.swaps_channels and not self.to_grey
        # One value or one per channel: grey images have a single one.
        mean_s, std_s, mean_t, std_t = (
            torch.tensor(values).view(1, -1, 1, 1)
            for values in (student.mean, student.std, teacher.mean, teacher.std))
        if self.swap:
            mean_s, std_s = mean_s.flip(1), std_s.flip(1)
        if self.to_grey:
            weights = torch.tensor(BGR_TO_GREY).view(1, -1, 1, 1)
            weights = weights.flip(1) if student.swaps_channels else weights
            mean_s, std_s = (mean_s * weights).sum(1, keepdim=True), std_s * weights
        self.scale = std_s / std_t
        self.shift = (mean_s - mean_t) / std_t
        if (student.channels, teacher.channels) == (1, 3):
            self.scale = self.scale.expand(1, 3, 1, 1)

    def __call__(self, inputs: Tensor) -> Tensor:
        """Renormalise.

        Args:
            inputs: The student's batch, shape (N, C, H, W), C = 3 or 1.

        Returns:
            The teacher's batch, same dtype and device; the very same tensor if nothing differs.

        Raises:
            ValueError: If it has not the channels that the teacher takes.
        """
        images = inputs if self.identity else self._convert(inputs)
        if self.channels not in (None, images.shape[1]):
            raise ValueError(
                f'the teacher takes images of {self.channels} channels, the batch has '
                f'{inputs.shape[1]}: give both models a data_preprocessor with mean and std, then '
                'colours become grey for the teacher, or load what both can read')
        return images

    def _convert(self, inputs: Tensor) -> Tensor:
        images = inputs.flip(1) if self.swap else inputs
        scale, shift = (values.to(inputs, non_blocking=True)
                        for values in (self.scale, self.shift))
        if self.to_grey:
            return (images * scale).sum(1, keepdim=True) + shift
        return images * scale + shift


def _image_channels(model: nn.Module) -> int | None:
    """What the first convolution takes: networks of images begin with it."""
    first = next((m.in_channels for m in model.modules() if isinstance(m, nn.Conv2d)), None)
    return first if first in (1, 3) else None
