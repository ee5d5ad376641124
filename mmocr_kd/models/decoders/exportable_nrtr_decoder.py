"""NRTR's decoder, in a form that graphs for ONNX hold."""
from __future__ import annotations

from typing import Any, Sequence

from mmocr.models.textrecog.decoders import NRTRDecoder
from mmocr.registry import MODELS
from torch import Tensor

from ..padding_mask import padding_mask


@MODELS.register_module()
class ExportableNRTRDecoder(NRTRDecoder):
    """MMOCR's ``NRTRDecoder``, whose mask of padding is computed; fields and weights are its.

    See :class:`~mmocr_kd.models.encoders.ExportableNRTREncoder`. SATRN and others of its kind
    decode with it as well.
    """

    def _get_source_mask(self, src_seq: Tensor, valid_ratios: Sequence[Any]) -> Tensor | None:
        return padding_mask(src_seq, src_seq.size(1), valid_ratios) if len(valid_ratios) else None
