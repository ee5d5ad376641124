"""The features of words, for a recogniser behind a detector."""
from __future__ import annotations

from typing import Any, Sequence

import numpy as np
import torch
from mmcv.cnn import ConvModule
from mmengine.model import BaseModule
from mmocr.registry import MODELS
from torch import Tensor

from ....adapters.image_sizes import Size
from ..words import Outline, Words
from .masked_crops import cell_boxes, masked_crops


@MODELS.register_module()
class MaskedRoIExtractor(BaseModule):
    """Cuts words out of one feature map along their outlines (DLD's spotter, official code).

    A 3x3 convolution with batch normalisation and ReLU runs over the whole map; of it the box of
    each word, in whole cells and a little larger, is taken, what is outside the word set to zero,
    and stretched to one size. Vertical words are transposed.

    Args:
        in_channels: Channels of the map.
        out_channels: Channels of the words.
        output_size: Height and width of the words.
        featmap_level: Which of the neck's maps, counted from the finest.
        featmap_stride: Pixels per cell of that map.
        margin: By how many cells boxes grow on each side.
        norm_cfg: As in MMCV.
        init_cfg: As in MMEngine; without, convolutions start as MMCV's ConvModule has it.

    Raises:
        ValueError: If a number is out of range.
    """

    def __init__(self,
                 in_channels: int = 256,
                 out_channels: int = 256,
                 output_size: Sequence[int] = (8, 32),
                 featmap_level: int = 0,
                 featmap_stride: int = 4,
                 margin: int = 1,
                 norm_cfg: dict[str, Any] | None = None,
                 init_cfg: Any = None) -> None:
        super().__init__(init_cfg=init_cfg)
        if len(output_size) != 2 or min(output_size) < 1:
            raise ValueError(f'output_size={output_size!r} must be a height and a width, both '
                             'positive')
        for name, value, least in (('featmap_stride', featmap_stride, 1),
                                   ('featmap_level', featmap_level, 0), ('margin', margin, 0)):
            if value < least:
                raise ValueError(f'{name}={value} must be at least {least}')
        self.output_size = output_size[0], output_size[1]
        self.featmap_level = featmap_level
        self.featmap_stride = featmap_stride
        self.margin = margin
        self.conv = ConvModule(in_channels, out_channels, 3, padding=1,
                               norm_cfg=norm_cfg or dict(type='BN'))

    def forward(self, feature: Tensor, words: Words,
                sizes: Sequence[Size]) -> Tensor:
        """Features of words; see :meth:`project` and :meth:`cut`."""
        return self.cut(self.project(feature), words, sizes)

    def project(self, feature: Tensor) -> Tensor:
        """Prepare a map, shape (B, in_channels, H, W), once for all its words."""
        return self.conv(feature)

    def cut(self, maps: Tensor, words: Words, sizes: Sequence[Size]) -> Tensor:
        """Cut words out.

        Args:
            maps: What :meth:`project` gave.
            words: N words on the same device, in pixels of the images.
            sizes: Height and width of each image without padding, in pixels.

        Returns:
            Shape (N, out_channels, *output_size).

        Raises:
            ValueError: If an image is larger than the map.
        """
        limits = torch.tensor([[-(-width // self.featmap_stride), -(-height // self.featmap_stride)]
                               for height, width in sizes])
        largest = limits.amax(0).tolist()
        if largest[0] > maps.shape[-1] or largest[1] > maps.shape[-2]:
            raise ValueError(
                f'featmap_stride={self.featmap_stride} does not fit: images of {list(sizes)} '
                f'(height, width) on a map of {tuple(maps.shape[-2:])} cells; the map is number '
                f'{self.featmap_level} of the neck (featmap_level)')
        limits = limits[words.image_index].to(maps.device, non_blocking=True)
        cells = cell_boxes(words.boxes, limits, self.featmap_stride, self.margin)
        return masked_crops(maps, words, cells, self.output_size, self.featmap_stride)


class MaskCut:
    """Cuts words out of one feature map along their polygons.

    Args:
        extractor: What cuts.
        vertical_ratio: Words whose box is more than this many times as high as wide are transposed.
            Decided before any scaling: the official code decides after rounding to cells, and HR
            and LR may differ.
    """

    of_features = True

    def __init__(self, extractor: MaskedRoIExtractor, vertical_ratio: float) -> None:
        self.extractor = extractor
        self.vertical_ratio = vertical_ratio

    def outline(self, polygon: Any, annotated: bool) -> Outline:
        """All its points; see :meth:`.Cut.outline`."""
        points = np.asarray(polygon, np.float32).reshape(-1, 2)
        width, height = np.ptp(points, axis=0)
        return points, bool(height > self.vertical_ratio * width)

    def prepare(self, source: Tensor) -> Tensor:
        """The map as the extractor wants it."""
        return self.extractor.project(source)

    def __call__(self, source: Tensor, sizes: Sequence[Size], words: Words) -> Tensor:
        """Features of words; see :meth:`.Cut.__call__`."""
        return self.extractor.cut(source, words.to(source.device), sizes)
