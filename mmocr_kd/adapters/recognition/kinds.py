"""What a decoder gives one distribution for: a frame of the image, or a character of the word."""
from __future__ import annotations

import math

from mmocr.models.textrecog.decoders import BaseDecoder
from mmocr.models.textrecog.module_losses import CEModuleLoss, CTCModuleLoss

# By name: a plugin may bring the class, and nothing here needs to import it.
_CTC = {'CRNNDecoder', 'SVTRDecoder'}
# Steps past the end see no padding: the characters of the word, or none at all.
_NOT_AUTOREGRESSIVE = {'ABIFuser', 'MATRNFuser', 'PARSeqDecoder'}
_PARALLEL = {'ABIFuser', 'MATRNFuser'}
_END_ON_TOP = {'AttnLSTMDecoder', 'PARSeqDecoder'}  # of max_seq_len characters


def is_ctc(decoder: BaseDecoder) -> bool:
    """Whether the decoder reads frames, and a label is aligned with them.

    What counts is the decoder and its loss, not the dictionary: one with an end token may be
    shared with decoders of characters.

    Args:
        decoder: ``model.decoder`` of a recogniser.
    """
    return (bool(_families(decoder) & _CTC) or isinstance(decoder.module_loss, CTCModuleLoss)
            or end_class(decoder) is None)


def is_autoregressive(decoder: BaseDecoder) -> bool:
    """Whether each step sees the characters before it, so that steps past the end see padding.

    NRTR, SATRN, SAR, MASTER, ASTER, RobustScanner and decoders not known here. PARSeq masks
    padding out: there, later steps see the word, as in KD-LTR's official code.

    Args:
        decoder: ``model.decoder`` of a recogniser.
    """
    return not is_ctc(decoder) and not _families(decoder) & _NOT_AUTOREGRESSIVE


def is_parallel(decoder: BaseDecoder) -> bool:
    """Whether an attention decoder reads each character without any other of the label.

    Args:
        decoder: ``model.decoder`` of a recogniser.
    """
    return bool(_families(decoder) & _PARALLEL)


def longest_word(decoder: BaseDecoder) -> float:
    """Characters of the longest word that a decoder can read and end; CTC: any number.

    Args:
        decoder: ``model.decoder`` of a recogniser.
    """
    if is_ctc(decoder):
        return math.inf
    return decoder.max_seq_len - (not _families(decoder) & _END_ON_TOP)


def end_class(decoder: BaseDecoder) -> int | None:
    """Class that ends a word; None if there is none, as CTC needs none.

    Attention decoders whose dictionary has no end token (ABCNet) are trained to predict padding
    after the last character.
    """
    dictionary = decoder.dictionary
    if dictionary.end_idx is None and isinstance(decoder.module_loss, CEModuleLoss):
        return dictionary.padding_idx
    return dictionary.end_idx


def require_same_kind(student: BaseDecoder, teacher: BaseDecoder) -> None:
    """Refuse to compare frames with characters.

    Raises:
        ValueError: If one decoder is a CTC one and the other is not.
    """
    if is_ctc(student) == is_ctc(teacher):
        return
    fitting = ('reads frames too (CRNN, SVTR)' if is_ctc(student) else
               'reads characters too (any but CRNN and SVTR)')
    raise ValueError(
        f"the student's {_describe(student)} and the teacher's {_describe(teacher)} cannot be "
        f'compared step by step, though their dictionaries may agree: take a teacher that '
        f'{fitting}, or train the student by its own loss')


def _families(decoder: BaseDecoder) -> set[str]:
    return {kind.__name__ for kind in type(decoder).__mro__}


def _describe(decoder: BaseDecoder) -> str:
    kind = 'CTC, one step per frame' if is_ctc(decoder) else 'one step per character'
    return f'{type(decoder).__name__} ({kind})'
