"""ABINet's language decoder, in operators that ONNX has."""
from __future__ import annotations

from mmocr.models.textrecog.decoders import ABILanguageDecoder
from mmocr.registry import MODELS
from torch import Tensor

from .matrn_fuser import word_lengths


@MODELS.register_module()
class ExportableABILanguageDecoder(ABILanguageDecoder):
    """MMOCR's ``ABILanguageDecoder``, which can be exported to ONNX; fields and weights are its.

    MMOCR adds up booleans to tell where words end. PyTorch does, ONNX does not: a graph of MMOCR's
    is written, but cannot be loaded. To export an ABINet, give its ``language_decoder`` this type.
    """

    def _get_length(self, logit: Tensor, dim: int = -1) -> Tensor:
        """Steps of each word, its end included; all T without one. Long, shape (N,)."""
        return word_lengths(logit, self.dictionary.end_idx, shortest=1)
