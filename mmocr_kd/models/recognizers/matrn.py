"""MATRN as an MMOCR recogniser."""
from __future__ import annotations

from mmocr.models.textrecog.recognizers import EncoderDecoderRecognizer
from mmocr.registry import MODELS


@MODELS.register_module()
class MATRN(EncoderDecoderRecognizer):
    """Multi-modal text recognition network (Na, Kim, Park; ECCV 2022, arXiv 2111.15263).

    Backbone and encoder are ABINet's (ResNetABI, ABIEncoder), the decoder is a
    :class:`~mmocr_kd.models.decoders.MATRNFuser`. It trains, tests and predicts as every
    encoder-decoder recogniser of MMOCR does, and has its fields.
    """
