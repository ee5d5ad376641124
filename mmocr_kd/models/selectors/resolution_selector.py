"""DLD: a small network that looks at an image and says how large the student needs it."""
from __future__ import annotations

from typing import Any, Sequence

import torch
import torch.nn.functional as F
from mmengine.model import BaseModule
from mmocr.registry import MODELS
from torch import Tensor, nn

from ...adapters.image_sizes import padded, size_with_short_edge, valid_sizes
from ...losses import check_scale_factors
from .down_block import DownBlock, build_norm
from .straight_through import one_hot, sample_gumbel

_STRIDE = 32
MODES = ('sample', 'argmax')


@MODELS.register_module()
class ResolutionSelector(BaseModule):
    """Chooses one of K scales for each image (DLD, Chen et al., ECCV 2022).

    A 7x7 convolution and four residual blocks of stride 2, global average pooling, one linear
    layer: the official code's network with its parameter names (``conv1, bn1, bs1..bs4, fc``,
    1,234,342 parameters for 256 channels and six scales), so that its weights load. It sees the
    image at the teacher's resolution and trains from PyTorch's default initialisation.

    Training draws (:meth:`sample`), testing decides (:meth:`select`): the official code draws at
    test time as well, so that two runs differ; here the same image always gets the same scale.

    Args:
        scale_factors: Candidate scales relative to the teacher's image, rising, in (0, 1].
        in_channels: Channels of the image.
        base_channels: Channels of the last block, a multiple of 8; 256 in the official code.
        norm_cfg: Normalisation. BN as in the official code is trained on single images but tested
            with running statistics if ``per_image=True``; ``dict(type='GN', num_groups=8)``
            behaves the same in both, but took several times as long to learn in our trainings
            as BN with ``per_image='predict'``.
        temperature: tau of the Gumbel-softmax at the start, > 0.
        temperature_decay: Factor per epoch, in (0, 1]; 0.965 in the official config.
        min_temperature: tau never falls below this, > 0 (our choice; the official schedule ends
            at 0.87).
        input_short_edge: The selector's own copy of an image is shrunk to this shorter edge in
            pixels, which makes it cheaper. None, as in the official code: it is not.
        per_image: True, as in the official code: each image is cut out of its batch and seen
            alone, so that its scale does not depend on its neighbours (with BN: in testing).
            False: one pass for the batch, padding included, which is faster. 'predict': one pass
            in training, so that BN sees what it normalises with later, each image alone in
            prediction (our recommendation when not loading official weights).
        init_cfg: See MMEngine's ``BaseModule``.

    Raises:
        ValueError: If scales are impossible or a number is out of its range.
    """

    scales: Tensor

    def __init__(self,
                 scale_factors: Sequence[float],
                 in_channels: int = 3,
                 base_channels: int = 256,
                 norm_cfg: dict[str, Any] | None = None,
                 temperature: float = 5.0,
                 temperature_decay: float = 0.965,
                 min_temperature: float = 0.01,
                 input_short_edge: int | None = None,
                 per_image: bool | str = True,
                 init_cfg: dict[str, Any] | None = None) -> None:
        super().__init__(init_cfg)
        self.scale_factors = check_scale_factors(scale_factors)
        _check_temperature(temperature, temperature_decay, min_temperature)
        _check_sizes(base_channels, input_short_edge)
        if per_image not in (True, False, 'predict'):
            raise ValueError(f"per_image={per_image!r} must be True, False or 'predict'")
        self.temperature = temperature
        self.temperature_decay = temperature_decay
        self.min_temperature = min_temperature
        self.input_short_edge = input_short_edge
        self.per_image = per_image
        self._epoch = 0.0
        norm_cfg = norm_cfg or dict(type='BN')
        eighth = base_channels // 8
        self.conv1 = nn.Conv2d(in_channels, eighth, 7, stride=2, padding=3)
        self.bn1 = build_norm(norm_cfg, eighth)
        self.bs1 = DownBlock(eighth, eighth, norm_cfg)
        self.bs2 = DownBlock(eighth, 2 * eighth, norm_cfg)
        self.bs3 = DownBlock(2 * eighth, 4 * eighth, norm_cfg)
        self.bs4 = DownBlock(4 * eighth, base_channels, norm_cfg)
        self.fc = nn.Linear(base_channels, len(self.scale_factors))
        # Follows from the config; checkpoints have the official names and nothing else.
        self.register_buffer('scales', torch.tensor(self.scale_factors), persistent=False)

    def forward(self, inputs: Tensor, data_samples: Sequence[Any] | None = None) -> Tensor:
        """Rate the candidate scales.

        Args:
            inputs: Normalised images of any size, padded with zeros to that of the batch, shape
                (B, in_channels, H, W).
            data_samples: B samples whose ``img_shape`` tells the padding; None: there is none.

        Returns:
            Logits, shape (B, K).

        Raises:
            ValueError: If samples and images do not fit together.
        """
        if not self.per_image or (self.per_image == 'predict' and self.training):
            return self._rate(inputs)
        sizes = valid_sizes(inputs, data_samples)
        return torch.cat([self._rate(image[None, :, :h, :w])
                          for image, (h, w) in zip(inputs, sizes)])

    def sample(self, logits: Tensor, tau: float | None = None, hard: bool = True) -> Tensor:
        """Draw a scale for each image; see :func:`.straight_through.sample_gumbel`.

        Args:
            logits: From :meth:`forward`.
            tau: Temperature; None: :attr:`tau`.
            hard: False gives the soft choice.

        Returns:
            Decisions, one-hot rows with the gradient of the soft ones, float32, shape (B, K).
        """
        return sample_gumbel(logits, self.tau if tau is None else tau, hard)

    def select(self, logits: Tensor) -> Tensor:
        """Index of the best scale of each image, long, shape (B,)."""
        return logits.argmax(-1)

    def decide(self, logits: Tensor, mode: str) -> Tensor:
        """Decisions as one-hot rows.

        Args:
            logits: From :meth:`forward`.
            mode: 'sample' (:meth:`sample`) or 'argmax' (:meth:`select`, without gradient).

        Raises:
            ValueError: If there is no such mode.
        """
        if mode not in MODES:
            raise ValueError(f'mode={mode!r} is unknown: use one of {MODES}')
        return self.sample(logits) if mode == 'sample' else one_hot(self.select(logits), logits)

    def set_epoch(self, epoch: float) -> None:
        """Tell how far training is; :class:`~mmocr_kd.hooks.GumbelTemperatureHook` does.

        Args:
            epoch: Finished steps of the schedule, >= 0.
        """
        self._epoch = epoch

    @property
    def tau(self) -> float:
        """Temperature now: ``max(temperature * temperature_decay^epoch, min_temperature)``."""
        return max(self.temperature * self.temperature_decay**self._epoch, self.min_temperature)

    def _rate(self, images: Tensor) -> Tensor:
        """Logits of images of one size, without padding between them."""
        x = F.relu(self.bn1(self.conv1(self._prepare(images))))
        for block in (self.bs1, self.bs2, self.bs3, self.bs4):
            x = block(x)
        return self.fc(x.mean((2, 3)))

    def _prepare(self, images: Tensor) -> Tensor:
        """Shrink if asked to, and pad with zeros to whole cells of the last feature map."""
        size = images.shape[-2], images.shape[-1]
        if self.input_short_edge is not None and min(size) > self.input_short_edge:
            size = size_with_short_edge(size, self.input_short_edge)
            # Smoothed: a fourth of the size without it would show every fourth pixel's noise.
            images = F.interpolate(images, size, mode='bilinear', antialias=True)
        height, width = (padded(length, _STRIDE) for length in size)
        if height == width == _STRIDE:
            width *= 2  # BN cannot train on a single cell
        return F.pad(images, (0, width - size[1], 0, height - size[0]))


def _check_temperature(temperature: float, decay: float, minimum: float) -> None:
    if not 0 < minimum <= temperature:
        raise ValueError(f'temperature={temperature} and min_temperature={minimum} must be '
                         'positive, the minimum not above the start')
    if not 0 < decay <= 1:
        raise ValueError(f'temperature_decay={decay} must lie in (0, 1]: 1 keeps the temperature')


def _check_sizes(base_channels: int, input_short_edge: int | None) -> None:
    if base_channels < 8 or base_channels % 8:
        raise ValueError(f'base_channels={base_channels} must be a positive multiple of 8: the '
                         'first layers have an eighth of it')
    if input_short_edge is not None and input_short_edge < 1:
        raise ValueError(f'input_short_edge={input_short_edge} must be at least 1 pixel, or None')
