"""DLD: a small network that looks at an image and says what each resolution would cost it."""
from __future__ import annotations

import math
from typing import Any, Sequence

import torch
import torch.nn.functional as F
from mmengine.dist import all_reduce
from mmengine.model import BaseModule
from mmocr.registry import MODELS
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from ...adapters.image_sizes import Size, padded, size_with_short_edge, valid_sizes
from ...losses.checks import at_least_float32, require_choice, require_positive
from ...losses.scale_factors import check_scale_factors, relative_costs
from .down_block import DownBlock, build_norm, within
from .price_table import PRICES, cheapest
from .straight_through import sample_gumbel

_STRIDE = 32
SCALES = (.25, .375, .5, .75, 1.)
PREDICTS = ('errors', 'logits')
_UNIT = math.log(math.e - 1)  # softplus of this is 1
_LEAST_SHARE = 0.01  # of a batch in the running mean
_LEAST_MEAN = 0.01  # errors; what never happens yet has to be learnt when it does


@MODELS.register_module()
class ResolutionSelector(BaseModule):
    """Predicts for each image what seeing it at each of K scales costs (after DLD).

    DLD (Chen et al., ECCV 2022) lets a selector pick a class, so that the trade between accuracy
    and compute is fixed by training. Here (our choice) it predicts by default how many *errors* the
    spotter will make in the image at each scale, in words, and whoever tests trades: the chosen
    scale is the argmin of errors + price * cost, see :class:`~mmocr_kd.models.dld.ScaleChooser`.
    ``predicts='logits'`` is the published selector.

    A 7x7 convolution and four residual blocks of stride 2, global average pooling, one linear
    layer: the official code's network with its parameter names (``conv1, bn1, bs1..bs4, fc``,
    1,234,342 parameters for 256 channels and six scales), so that its weights load. It sees the
    image at the teacher's resolution and trains from PyTorch's default initialisation.

    Each image is shrunk and pooled by its own size, in training and in prediction, whatever its
    batch was padded to. In prediction it goes through alone: the same image gets the same scale in
    any company. In training BN learns from whole batches.

    Args:
        scale_factors: Candidate scales relative to the teacher's image, rising, in (0, 1].
        predicts: 'errors' or 'logits'.
        costs: What each scale costs, full resolution being 1, > 0, not falling: K measured numbers
            (``mmocr-kd rate-scales`` prints them), or the exponent of ``scale ** costs`` (1.5 in
            the official code). None: the share of the pixels. Training, choice and report take
            them from here.
        full_ms: How long full resolution takes, > 0, for budgets in milliseconds.
        in_channels: Channels of the image.
        base_channels: Channels of the last block, a multiple of 8; 256 in the official code.
        norm_cfg: Normalisation; BN, as in the official code.
        temperature: tau of the Gumbel-softmax at the start, > 0.
        temperature_decay: Factor per epoch, in (0, 1]; 0.965 in the official config.
        min_temperature: tau never falls below this, > 0 (our choice; the official schedule ends
            at 0.87).
        input_short_edge: The selector's own copy of an image is shrunk to this shorter edge in
            pixels, which makes it cheaper. None, as in the official code: it is not.
        per_image: True, as in the official code: BN normalises each image by itself in training,
            and then in testing by statistics it never normalised with.
        init_cfg: See MMEngine's ``BaseModule``.

    Raises:
        ValueError: If scales or costs are impossible or a field is out of its range.
    """

    costs: Tensor
    mean_costs: Tensor
    mean_errors: Tensor
    batches_noted: Tensor

    def __init__(self,
                 scale_factors: Sequence[float] = SCALES,
                 predicts: str = 'errors',
                 costs: Sequence[float] | float | None = None,
                 full_ms: float | None = None,
                 in_channels: int = 3,
                 base_channels: int = 256,
                 norm_cfg: dict[str, Any] | None = None,
                 temperature: float = 5.0,
                 temperature_decay: float = 0.965,
                 min_temperature: float = 0.01,
                 input_short_edge: int | None = None,
                 per_image: bool = False,
                 init_cfg: dict[str, Any] | None = None) -> None:
        super().__init__(init_cfg)
        self.scale_factors = check_scale_factors(scale_factors)
        _check_temperature(temperature, temperature_decay, min_temperature)
        _check_sizes(base_channels, input_short_edge)
        _check_prediction(predicts, full_ms, per_image)
        self.predicts = predicts
        self.full_ms = full_ms
        self.temperature = temperature
        self.temperature_decay = temperature_decay
        self.min_temperature = min_temperature
        self.input_short_edge = input_short_edge
        self.per_image = per_image
        self._epoch = 0.0
        self._build(in_channels, base_channels, norm_cfg or dict(type='BN'))
        # Follows from the config; checkpoints of the official code know neither buffer.
        self.register_buffer('costs', torch.tensor(relative_costs(self.scale_factors, costs)),
                             persistent=False)
        if predicts == 'errors':
            self.register_buffer('mean_costs', torch.full((len(PRICES), ), torch.nan))
            self.register_buffer('mean_errors', torch.ones(len(self.scale_factors)))
            self.register_buffer('batches_noted', torch.zeros(()))

    def _build(self, in_channels: int, base_channels: int, norm_cfg: dict[str, Any]) -> None:
        eighth = base_channels // 8
        self.conv1 = nn.Conv2d(in_channels, eighth, 7, stride=2, padding=3)
        self.bn1 = build_norm(norm_cfg, eighth)
        self.bs1 = DownBlock(eighth, eighth, norm_cfg)
        self.bs2 = DownBlock(eighth, 2 * eighth, norm_cfg)
        self.bs3 = DownBlock(2 * eighth, 4 * eighth, norm_cfg)
        self.bs4 = DownBlock(4 * eighth, base_channels, norm_cfg)
        self.fc = nn.Linear(base_channels, len(self.scale_factors))

    def forward(self, inputs: Tensor, data_samples: Sequence[Any] | None = None) -> Tensor:
        """Rate the candidate scales.

        Args:
            inputs: Normalised images of any size, padded to that of the batch, shape
                (B, in_channels, H, W).
            data_samples: B samples whose ``img_shape`` tells the padding; None: there is none.

        Returns:
            Expected errors >= 0 in words, float32 or wider, or logits, shape (B, K).

        Raises:
            ValueError: If samples and images do not fit together.
        """
        sizes = valid_sizes(inputs, data_samples)
        images = [self._prepare(image[None, :, :h, :w])
                  for image, (h, w) in zip(inputs, sizes)]
        scores = self._scores(images)
        if self.predicts == 'logits':
            return scores
        # A copy: the mean moves before the gradient is computed.
        return F.softplus(at_least_float32(scores) + _UNIT) * self.mean_errors.clone()

    @torch.no_grad()
    def note_errors(self, errors: Tensor) -> None:
        """Keep the mean of what happens: predictions are factors of it.

        Errors may be ten in an image or a tenth; an output layer that had to get there by itself
        would take longer than all the rest (our choice). A running mean, at first of all batches;
        of all ranks. There is no wait for a GPU.

        Args:
            errors: What was to be predicted, NaN where nobody knows, shape (B, K).
        """
        known = ~errors.isnan()
        counts = torch.stack([errors.where(known, 0).sum(0), known.sum(0).to(errors)])
        all_reduce(counts)
        share = (1 / (self.batches_noted + 1)).clamp(min=_LEAST_SHARE) * (counts[1] > 0)
        mean = (counts[0] / counts[1].clamp(min=1)).clamp(min=_LEAST_MEAN)
        self.mean_errors.lerp_(mean, share)
        self.batches_noted += (counts[1] > 0).any()

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

    def select(self, scores: Tensor, price: float = 1.0) -> Tensor:
        """Choose without chance: the official code draws at test time as well, so two runs differ.

        Args:
            scores: From :meth:`forward`, shape (B, K).
            price: Errors that a pass at full resolution is worth, >= 0; only of 'errors'.

        Returns:
            Index of the scale with the least errors + price * cost, of equals the cheapest; of
            logits the best. Long, shape (B,).
        """
        if self.predicts == 'logits':
            return scores.argmax(-1)
        return cheapest(scores, self.costs, price)

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

    def _scores(self, images: Sequence[Tensor]) -> Tensor:
        """What the network says of B images, each of shape (1, C, h, w): shape (B, K)."""
        if self._learns_together():
            return self._rate(*_side_by_side(images))
        return torch.cat([self._rate(image) for image in images])

    def _learns_together(self) -> bool:
        """Whether images need each other: what BN learns from. Other layers get each alone."""
        return self.training and not self.per_image and isinstance(self.bn1, _BatchNorm)

    def _rate(self, images: Tensor, cells: Tensor | None = None) -> Tensor:
        """Scores of images of one size, or of several, padded, with the cells that are theirs.

        What is not theirs is 0 before every convolution, as at the border of an image alone.
        """
        x = within(F.relu(self.bn1(self.conv1(images))), cells)
        for block in (self.bs1, self.bs2, self.bs3, self.bs4):
            x = block(x, cells)
        if cells is None:
            return self.fc(x.mean((2, 3)))
        return self.fc(x.sum((2, 3)) / cells.sum((2, 3)))

    def _prepare(self, image: Tensor) -> Tensor:
        """Shrink if asked to, and pad with zeros to whole cells of the last feature map."""
        size = image.shape[-2], image.shape[-1]
        if self.input_short_edge is not None and min(size) > self.input_short_edge:
            size = size_with_short_edge(size, self.input_short_edge)
            # Smoothed: a fourth of the size without it would show every fourth pixel's noise.
            image = F.interpolate(image, size, mode='bilinear', antialias=True)
        height, width = (padded(length, _STRIDE) for length in size)
        if height == width == _STRIDE:
            width *= 2  # BN cannot train on a single cell
        return _onto(image, (height, width))

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *args: Any) -> None:
        """Weights of a selector that was never trained by errors load as they are."""
        if self.predicts == 'errors':
            for name in ('mean_costs', 'mean_errors', 'batches_noted'):
                state_dict.setdefault(f'{prefix}{name}', getattr(self, name))
        super()._load_from_state_dict(state_dict, prefix, *args)


def _side_by_side(images: Sequence[Tensor]) -> tuple[Tensor, Tensor | None]:
    """Images (1, C, h, w) as one batch (B, C, H, W), and which cells are whose, if that differs.

    Returns:
        The batch, and 1 where a cell of the last feature map shows its image, 0 elsewhere, shape
        (B, 1, H / 32, W / 32); None: everywhere.
    """
    sizes: list[Size] = [(image.shape[2], image.shape[3]) for image in images]
    canvas = max(h for h, _ in sizes), max(w for _, w in sizes)
    batch = torch.cat([_onto(image, canvas) for image in images])
    if len(set(sizes)) == 1:
        return batch, None
    cells = torch.zeros(len(images), 1, canvas[0] // _STRIDE, canvas[1] // _STRIDE)
    for own, (height, width) in zip(cells, sizes):
        own[:, :height // _STRIDE, :width // _STRIDE] = 1
    return batch, cells.to(batch, non_blocking=True)


def _onto(image: Tensor, canvas: Size) -> Tensor:
    """Pad with zeros at the right and bottom."""
    return F.pad(image, (0, canvas[1] - image.shape[3], 0, canvas[0] - image.shape[2]))


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


def _check_prediction(predicts: str, full_ms: float | None, per_image: bool) -> None:
    require_choice('predicts', predicts, PREDICTS)
    if full_ms is not None:
        require_positive('full_ms', full_ms)
    if per_image not in (True, False):
        raise ValueError(f'per_image={per_image!r} must be True or False: each image is shrunk and '
                         'pooled by its own size anyway')
