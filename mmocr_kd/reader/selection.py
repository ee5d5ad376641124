"""DLD's choice of a resolution, in front of a detector."""
from __future__ import annotations

from typing import Any

import cv2
import numpy as np

from .onnx_file import OnnxFile
from .pillow_resize import smooth_resize
from .resizing import Prepared
from .sizes import Size, padded, scaled_size, size_with_short_edge

_STRIDE = 32  # of the selector's last feature map


class Selector:
    """Says how small a detector may see a photo; see :func:`shrunk`.

    Args:
        file: An exported selector; its ``about['choice']`` says how to choose and shrink, see
            :meth:`~mmocr_kd.models.dld.ScaleChoosingModel.choice_rule`.

    Raises:
        ValueError: If it is none.
    """

    def __init__(self, file: OnnxFile) -> None:
        file.require('selection', '--selector')
        self.file, self.rule = file, file.about['choice']

    def choose(self, seen: Prepared) -> float:
        """The scale of a photo, in (0, 1].

        Args:
            seen: The photo for the detector at full resolution.
        """
        image, size = _whole(seen), seen.size
        short_edge = self.rule['short_edge']
        if short_edge is not None and min(size) > short_edge:
            size = size_with_short_edge(size, short_edge)
            image = smooth_resize(image, size[::-1])
        height, width = (padded(side, _STRIDE) for side in size)
        canvas = height, width * 2 if height == width == _STRIDE else width
        scores = self.file(_onto(image, canvas), np.ones(1))[0]
        if self.rule['predicts'] == 'errors':
            scores = -(scores + self.rule['price'] * np.array(self.rule['costs'], np.float32))
        scale: float = self.rule['scales'][int(scores.argmax())]
        return scale


def shrunk(seen: Prepared, scale: float, rule: dict[str, Any]) -> Prepared:
    """An image at a scale; pixels beyond it are zeros.

    Args:
        seen: At full resolution.
        scale: In (0, 1].
        rule: ``max_long_edge``, ``antialias``, and the ``divisor`` of padded sides.
    """
    size = scaled_size(seen.size, scale, rule['max_long_edge'])
    image = _whole(seen)
    if size != seen.size:
        image = (smooth_resize(image, size[::-1]) if rule['antialias'] else
                 cv2.resize(image, size[::-1], interpolation=cv2.INTER_LINEAR))
    canvas = padded(size[0], rule['divisor']), padded(size[1], rule['divisor'])
    factors = seen.scale[0] * (size[1] / seen.size[1]), seen.scale[1] * (size[0] / seen.size[0])
    return Prepared(_onto(image, canvas)[0], factors, seen.valid_ratio, size)


def _whole(seen: Prepared) -> np.ndarray:
    """Without padding, shape (h, w, C)."""
    return np.ascontiguousarray(
        seen.pixels[:, :seen.size[0], :seen.size[1]].transpose(1, 2, 0))


def _onto(image: np.ndarray, canvas: Size) -> np.ndarray:
    """One image for a network, shape (1, C, H, W), padded with zeros."""
    missing = canvas[0] - image.shape[0], canvas[1] - image.shape[1]
    return np.pad(image.transpose(2, 0, 1), ((0, 0), (0, missing[0]), (0, missing[1])))[None]
