"""DLD: a selector that looks through a network which has learnt already what text is."""
from __future__ import annotations

from typing import Any, Mapping, Sequence

import torch
from mmocr.registry import MODELS
from torch import Tensor, nn

from .resolution_selector import ResolutionSelector

_EPS = 1e-6  # no square root of 0: its gradient is infinite, and channels may be constant


@MODELS.register_module()
class BackboneSelector(ResolutionSelector):
    """Predicts errors from pooled maps of a trained network that stays as it is (our choice).

    How high text is shows in what the first stages of a detector's backbone answer to a small copy
    of the image. A selector that has to learn that by itself needs thousands of images; this one
    learns a linear layer of few hundred weights. Of each channel of each map it takes the mean, the
    largest value and the standard deviation over the image, as signed logarithms, standardised by
    batch normalisation. Everything else is as in
    :class:`~mmocr_kd.models.selectors.ResolutionSelector`.

    Args:
        backbone: Config of a network that maps images (1, 3, h, w) to a sequence of maps, by rule
            the first stages of the spotter's own, with ``init_cfg`` of its checkpoint. Frozen, and
            in eval mode also in training.
        in_channels: Channels of each map, as necks are told them.
        input_short_edge: Shorter edge of the copy that it sees, in pixels.
        fields: The other fields of :class:`~mmocr_kd.models.selectors.ResolutionSelector` that do
            not describe its network: ``scale_factors``, ``costs``, ``full_ms``, ``init_cfg``, ...

    Raises:
        ValueError: If a field is out of its range, the maps are not as many or as wide as
            ``in_channels`` says, or a training batch is a single image.
        TypeError: If a field describes the official network.
    """

    def __init__(self, backbone: Mapping[str, Any], in_channels: Sequence[int],
                 input_short_edge: int | None = 256, **fields: Any) -> None:
        if unknown := {'base_channels', 'norm_cfg', 'per_image'} & set(fields):
            raise TypeError(f'{sorted(unknown)} describe the network of ResolutionSelector: '
                            'BackboneSelector has a backbone')
        self._channels = list(in_channels)
        super().__init__(in_channels=sum(self._channels), input_short_edge=input_short_edge,
                         **fields)
        self.backbone = MODELS.build(dict(backbone))
        self.backbone.requires_grad_(False)

    def _build(self, in_channels: int, base_channels: int, norm_cfg: dict[str, Any]) -> None:
        self.norm = nn.BatchNorm1d(3 * in_channels, affine=False)
        self.fc = nn.Linear(3 * in_channels, len(self.scale_factors))

    def train(self, mode: bool = True) -> BackboneSelector:
        """Set the mode, but for the backbone, which keeps its statistics."""
        super().train(mode)
        self.backbone.eval()
        return self

    def _scores(self, images: Sequence[Tensor]) -> Tensor:
        if self.training and len(images) < 2:
            raise ValueError('BackboneSelector standardises what it sees over a batch: train it '
                             'with batches of two images or more')
        # Each image goes alone: what is frozen needs no company.
        return self.fc(self.norm(torch.cat([self._seen(image) for image in images])))

    @torch.no_grad()
    def _seen(self, image: Tensor) -> Tensor:
        """Statistics of an image, shape (1, 3 * channels)."""
        maps = self.backbone(image)
        widths = [one.shape[1] for one in maps]
        if widths != self._channels:
            raise ValueError(f'the backbone gives maps of {widths} channels, in_channels says '
                             f'{self._channels}')
        means = [one.mean((2, 3)) for one in maps]
        spreads = [(one - mean[..., None, None]).square().mean((2, 3)).add(_EPS).sqrt()
                   for one, mean in zip(maps, means)]
        values = torch.cat([*means, *(one.amax((2, 3)) for one in maps), *spreads], 1)
        # Of heavy tails: a few large letters would drown everything else.
        return values.sign() * values.abs().log1p()
