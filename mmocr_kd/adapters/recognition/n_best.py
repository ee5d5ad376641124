"""What a recogniser may have read: its best texts, and how probable it finds them."""
from __future__ import annotations

import math
from typing import Any, Sequence

import torch
from torch import Tensor, nn

from ...distill import TeacherOutputError
from ...losses import Hypotheses, Paths, best_labels, k_best_paths
from .hypotheses import character_classes, pack
from .kinds import end_class, is_ctc, longest_word
from .labels import valid_frames
from .scores import Scorer, listen


@torch.no_grad()
def n_best(model: nn.Module, images: Tensor, data_samples: Sequence[Any],
           number: int) -> list[list[tuple[str, float]]]:
    """Let a recogniser read, and tell what it may have read.

    CTC: the best labels by prefix beam search. Others read greedily; the texts that are most
    probable step by step are candidates, and each is then scored exactly, read along from left to
    right. They are the best texts for decoders that read all characters at once (ABINet, MATRN),
    and good ones for the others, whose steps depend on what they read before.

    Args:
        model: The recogniser, in eval mode.
        images: Normalised for it, shape (N, C, H, W).
        data_samples: N samples, for their ``valid_ratio``.
        number: Of texts of each word, at most, >= 1.

    Returns:
        N lists of ``(text, log-probability)``, best first.

    Raises:
        TeacherOutputError: If it gives NaN.
    """
    decoder: Any = model.decoder
    with listen(decoder) as inputs:
        log_probs = model(images, data_samples, mode='tensor').float().log()
    if log_probs.isnan().any():
        raise TeacherOutputError(
            f'the teacher gave NaN on the batch {[s.get("img_path", "?") for s in data_samples]}: '
            'check its checkpoint, its precision (AMP) and these images')
    if is_ctc(decoder):
        return _labels(decoder, log_probs, data_samples, number)
    candidates = _candidates(decoder, log_probs, number)
    scores = Scorer(decoder, log_probs, inputs, data_samples)(candidates).tolist()
    return [sorted(((text, score) for text, score, exists in zip(*word) if exists),
                   key=lambda reading: -reading[1])
            for word in zip(candidates.texts, scores, (candidates.log_probs > -math.inf).tolist())]


def _labels(decoder: Any, log_probs: Tensor, data_samples: Sequence[Any],
            number: int) -> list[list[tuple[str, float]]]:
    frames = valid_frames(data_samples, log_probs.shape[1])
    frames = frames.to(log_probs.device, non_blocking=True)
    blank = decoder.dictionary.padding_idx
    best = best_labels(_without(log_probs, decoder, blank), frames, blank, number)
    return [[(decoder.dictionary.idx2str(label[:length]), log_prob)
             for label, length, log_prob in zip(*word) if log_prob > -math.inf]
            for word in zip(best.indexes.tolist(), best.lengths.tolist(), best.log_probs.tolist())]


def _candidates(decoder: Any, log_probs: Tensor, number: int) -> Hypotheses:
    """Texts whose steps are most probable; those that do not end are left out."""
    end, longest = end_class(decoder), longest_word(decoder)
    steps = log_probs.shape[1]
    best: Paths = k_best_paths(_without(log_probs, decoder, end), number, None, end, (), 'none')
    words = []
    for classes, lengths, scores in zip(best.classes.tolist(), best.lengths.tolist(),
                                        best.log_probs.tolist()):
        texts = [[index for index in path[:length] if index != end]
                 for path, length in zip(classes, lengths)]
        words.append({decoder.dictionary.idx2str(text): score
                      for text, score in zip(texts, scores)
                      if score > -math.inf and len(text) <= min(longest, steps - 1)})
    return pack(words, character_classes(decoder))


def _without(log_probs: Tensor, decoder: Any, kept: int | None) -> Tensor:
    """No class is possible but characters, and one more."""
    special = torch.ones(log_probs.shape[2], dtype=torch.bool)
    special[[*character_classes(decoder).values(), *([] if kept is None else [kept])]] = False
    return log_probs.masked_fill(special.to(log_probs.device, non_blocking=True), -math.inf)
