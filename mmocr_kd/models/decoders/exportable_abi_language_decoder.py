"""ABINet's language decoder, in a form that graphs for ONNX hold."""
from __future__ import annotations

import torch
from mmocr.models.textrecog.decoders import ABILanguageDecoder
from mmocr.registry import MODELS
from torch import Tensor

from .matrn_fuser import word_lengths


@MODELS.register_module()
class ExportableABILanguageDecoder(ABILanguageDecoder):
    """MMOCR's ``ABILanguageDecoder``, which can be exported to ONNX; fields and weights are its.

    MMOCR adds up booleans to tell where words end: PyTorch does, ONNX does not, so a graph of it
    is written, but cannot be loaded. And MMCV's layers copy a mask behind the back of the tracer,
    so that the graph holds arbitrary numbers instead; of a list of masks they copy none. To export
    an ABINet, give its ``language_decoder`` this type.
    """

    def _get_length(self, logit: Tensor, dim: int = -1) -> Tensor:
        """Steps of each word, its end included; all T without one. Long, shape (N,)."""
        return word_lengths(logit, self.dictionary.end_idx, shortest=1)

    def _get_location_mask(self, seq_len: int,
                           device: torch.device | str | None = None) -> list[Tensor]:
        """MMOCR's mask (T, T), once for each attention of a layer."""
        mask = super()._get_location_mask(seq_len, device)
        return [mask] * self.decoder_layers[0].num_attn
