"""NRTR's encoder, in a form that graphs for ONNX hold."""
from __future__ import annotations

from typing import Any, Sequence

from mmocr.models.textrecog.encoders import NRTREncoder
from mmocr.registry import MODELS
from torch import Tensor

from ..padding_mask import padding_mask


@MODELS.register_module()
class ExportableNRTREncoder(NRTREncoder):
    """MMOCR's ``NRTREncoder``, whose mask of padding is computed; fields and weights are its.

    MMOCR writes a mask image by image with Python numbers, which a graph keeps for ever. A single
    sample may stand for all, with a tensor (N,) as its ``valid_ratio``.
    """

    def _get_source_mask(self, src_seq: Tensor, valid_ratios: Sequence[Any]) -> Tensor | None:
        return padding_mask(src_seq, src_seq.size(1), valid_ratios) if len(valid_ratios) else None
