"""The ground truth of recognisers, as losses want it."""
from __future__ import annotations

import math
from typing import Any, Sequence

import torch
from mmengine.structures import LabelData
from mmocr.models.common.dictionary import Dictionary
from mmocr.models.textrecog.decoders import BaseDecoder
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from ...losses import Labels
from .kinds import end_class, is_autoregressive, is_ctc, require_same_kind


def prepare_targets(decoder: BaseDecoder, data_samples: Sequence[Any]) -> None:
    """Encode the texts, once for teacher and student.

    Args:
        decoder: The student's.
        data_samples: N samples with ``gt_text.item``; they get ``gt_text.indexes`` and, for
            attention decoders, ``gt_text.padded_indexes``. Words without a label
            (``labelled=False``) get an empty one, for decoders that read along.

    Raises:
        ValueError: If a sample has no text, or the dictionary lacks one of its characters.
    """
    if decoder.module_loss is None:
        raise ValueError("the student's decoder has no module_loss, which encodes its texts: "
                         'add one')
    for sample in data_samples:
        if not is_labelled(sample):
            sample.gt_text = LabelData(item='')
        _encode(decoder, sample)


def is_labelled(sample: Any) -> bool:
    """Whether what a word says is known; else only hypotheses of it can be learnt.

    Args:
        sample: A data sample; words without a label have ``labelled=False`` in their metainfo.
    """
    return bool(sample.get('labelled', True))


def labels_of(decoder: BaseDecoder, data_samples: Sequence[Any], logits: Tensor,
              valid_steps: int | None = None) -> Labels:
    """Labels of a batch.

    Words longer than the decoder has steps are cut and lose their end token, as in MMOCR.

    Args:
        decoder: The student's.
        data_samples: N samples that went through :func:`prepare_targets`.
        logits: Shape (N, T, C); gives T and the device.
        valid_steps: Steps that count at most; MMOCR never trains the last step of its ABINet.
    """
    steps = logits.shape[1]
    dictionary = decoder.dictionary
    if is_ctc(decoder):
        return _ctc_labels(dictionary, data_samples, steps, logits.device)
    end_idx = end_class(decoder)
    assert end_idx is not None  # else it were a CTC decoder
    end = torch.tensor([end_idx])
    words = [torch.cat([sample.gt_text.indexes, end])[:steps] for sample in data_samples]
    indexes = torch.full((len(words), steps), end_idx)
    for row, word in zip(indexes, words):
        row[:len(word)] = word
    lengths = torch.tensor([len(word) for word in words]).clamp(max=valid_steps or steps)
    not_read = {dictionary.start_idx, dictionary.padding_idx} - {None, end_idx}
    return Labels(indexes.to(logits.device, non_blocking=True),
                  lengths.to(logits.device, non_blocking=True),
                  end_idx=end_idx, not_read=tuple(sorted(not_read)),
                  autoregressive=is_autoregressive(decoder))


def word_weights(data_samples: Sequence[Any], device: torch.device,
                 unlabelled: bool = False) -> Tensor | None:
    """How much each word counts.

    Args:
        data_samples: N samples; the metainfo ``weight`` is a number >= 0, by default 1.
        device: Where the weights are wanted.
        unlabelled: Whether words without a label (``labelled=False``) count; else they weigh 0.

    Returns:
        Shape (N,), float32; None if all count the same.

    Raises:
        ValueError: If a weight is no number >= 0.
    """
    weights = [sample.get('weight', 1.0) * (unlabelled or is_labelled(sample))
               for sample in data_samples]
    for weight, sample in zip(weights, data_samples):
        if not 0 <= weight < math.inf:
            raise ValueError(f'{_name(sample)} has weight={weight}: it must be a finite number >= '
                             '0')
    if all(weight == 1 for weight in weights):
        return None
    return torch.tensor(weights, dtype=torch.float32).to(device, non_blocking=True)


def valid_frames(data_samples: Sequence[Any], steps: int) -> Tensor:
    """Frames of each word that see no padding, long, shape (N,), on the CPU.

    Args:
        data_samples: N samples; their ``valid_ratio`` says which part of the width is no padding.
        steps: Frames there are.
    """
    return torch.tensor([min(steps, math.ceil(sample.get('valid_ratio', 1.0) * steps))
                         for sample in data_samples], dtype=torch.long)


def require_comparable(student: BaseDecoder, teacher: BaseDecoder) -> None:
    """Refuse decoders whose logits do not belong to each other, step by step and class by class.

    Raises:
        ValueError: See :func:`.require_same_kind` and :func:`require_same_dictionary`.
    """
    require_same_kind(student, teacher)
    require_same_dictionary(student, teacher)


def require_same_dictionary(student: BaseDecoder, teacher: BaseDecoder) -> None:
    """Refuse models that number characters differently.

    Raises:
        ValueError: If classes, special tokens or the number of steps differ.
    """
    ours, theirs = student.dictionary, teacher.dictionary
    if ours.dict != theirs.dict:
        only = [sorted(set(a.dict) - set(b.dict)) for a, b in ((ours, theirs), (theirs, ours))]
        raise ValueError(
            f'student and teacher have different dictionaries ({len(ours.dict)} and '
            f'{len(theirs.dict)} classes; only in the student: {only[0]}, only in the teacher: '
            f'{only[1]}; the order counts too): give both the same one')
    for name in ('start_idx', 'end_idx', 'padding_idx', 'unknown_idx'):
        if getattr(ours, name) != getattr(theirs, name):
            raise ValueError(f"the student's dictionary has {name}={getattr(ours, name)}, the "
                             f"teacher's {getattr(theirs, name)}: give both the same one")
    if student.max_seq_len != teacher.max_seq_len:
        raise ValueError(f'the student has max_seq_len={student.max_seq_len}, the teacher '
                         f'{teacher.max_seq_len}: give both the same')


def _encode(decoder: BaseDecoder, sample: Any) -> None:
    text = sample.get('gt_text', {}).get('item')
    if text is None:
        raise ValueError(
            f'{_name(sample)} has no text: distillation needs labelled words. Give it a "text" in '
            'the annotation file, and the training pipeline LoadOCRAnnotations with with_text=True')
    try:
        decoder.module_loss.get_targets([sample])
    except Exception as error:  # Dictionary.char2idx raises a bare Exception
        raise ValueError(
            f'{_name(sample)}: the text {text!r} cannot be encoded ({error}): filter the data '
            'with FilterRecogText') from error


def _name(sample: Any) -> str:
    return f'the sample {sample.get("img_path", "?")}'


def _ctc_labels(dictionary: Dictionary, data_samples: Sequence[Any], steps: int,
                device: torch.device) -> Labels:
    blank = dictionary.padding_idx
    words = [sample.gt_text.indexes[:steps].long() for sample in data_samples]
    # At least one column: projectors cannot run over no character at all.
    padded = pad_sequence([*words, torch.tensor([blank])], batch_first=True, padding_value=blank)
    return Labels(
        padded[:-1].to(device, non_blocking=True),
        torch.tensor([len(word) for word in words]).to(device, non_blocking=True),
        blank_idx=blank,
        frames=valid_frames(data_samples, steps).to(device, non_blocking=True))
