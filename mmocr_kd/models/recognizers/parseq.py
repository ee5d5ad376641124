"""PARSeq, a text recogniser."""
from mmocr.models.textrecog.recognizers import EncoderDecoderRecognizer
from mmocr.registry import MODELS


@MODELS.register_module()
class PARSeq(EncoderDecoderRecognizer):
    """Scene text recognition with permuted autoregressive sequence models.

    Bautista and Atienza, ECCV 2022, https://arxiv.org/abs/2207.06966. A :class:`PARSeqViT` as
    backbone and a :class:`PARSeqDecoder`; see MMOCR's ``EncoderDecoderRecognizer`` for the fields.
    """
