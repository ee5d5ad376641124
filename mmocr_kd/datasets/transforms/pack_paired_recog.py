"""Packing a pair of images for recognition."""
from __future__ import annotations

from typing import Any, Sequence

import numpy as np
from mmcv.transforms import to_tensor
from mmocr.datasets.transforms import PackTextRecogInputs
from mmocr.registry import TRANSFORMS

from ..texts import as_text


@TRANSFORMS.register_module()
class PackPairedTextRecogInputs(PackTextRecogInputs):
    """MMOCR's ``PackTextRecogInputs``, with ``hr_img`` packed as ``hr_inputs``.

    Samples without ``hr_img`` are packed as MMOCR does, so that a student's test pipeline may use
    it, too.

    Args:
        meta_keys: What the data sample tells about the low-resolution image.
    """

    def __init__(self, meta_keys: Sequence[str] = ('img_path', 'ori_shape', 'img_shape',
                                                   'valid_ratio')) -> None:
        super().__init__(meta_keys=tuple(meta_keys))

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        """Pack.

        Returns:
            ``inputs`` of shape (C, h, w), ``data_samples`` and, if there is ``hr_img``,
            ``hr_inputs`` of shape (C, H, W); uint8, in the order the images have (BGR).

        Raises:
            ValueError: If one image of a pair is grey and the other is not, or a label is missing
                or no text.
        """
        name = results.get('img_path')
        if 'gt_texts' in results:
            results['gt_texts'] = [as_text(text, name) for text in results['gt_texts']]
        packed = super().transform(results)
        if 'hr_img' in results:
            image = np.atleast_3d(results['hr_img'])
            packed['hr_inputs'] = to_tensor(np.ascontiguousarray(image.transpose(2, 0, 1)))
            _require_same_channels(packed, name)
        return packed


def _require_same_channels(packed: dict[str, Any], name: str | None) -> None:
    low, high = len(packed['inputs']), len(packed['hr_inputs'])
    if low != high:
        raise ValueError(f"{name!r} has {low} channels in 'img', but {high} in 'hr_img': load both "
                         'in colour, or both in grey')
