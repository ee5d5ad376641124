"""DLD: find probable, as a whole, what the teacher reads."""
from __future__ import annotations

from typing import Any

import torch
from mmocr.registry import MODELS
from torch import Tensor

from .checks import (
    at_least_float32,
    require_at_least_one,
    require_choice,
    require_loss_name,
    require_positive,
)
from .ctc import best_labels
from .hypotheses import REDUCTIONS, score_labels, score_paths, word_nll
from .k_best import k_best_paths
from .reading import Labels, Reading, ReadingLoss
from .steps import NEVER, repeat_labels, require_readings
from .weighted_mean import weighted_mean

# Which searches know a field, and what it is where it says nothing.
FIELDS = {
    'topk': (('static', 'ctc'), 1),
    'beam_width': (('ctc', ), None),
    'include_eos': (('greedy', 'static'), True),
    'length_norm': (('static', ), False),
}
SEARCHES = ('greedy', 'static', 'ctc')


@MODELS.register_module()
class SequenceKDLoss(ReadingLoss):
    """Negative log-probability of what the teacher most probably reads.

    Chen et al., "Dynamic Low-Resolution Distillation for Cost-Efficient End-to-End Text Spotting"
    (ECCV 2022): instead of each step's distribution, as :class:`~mmocr_kd.losses.SoftLogitsLoss`
    does, the student learns the teacher's K best hypotheses, the end token included. The paper is
    ``topk=3, search='static', reduction='log_sum'``; the official code is nearest to
    ``topk=1, search='greedy', reduction='mean'``.

    The official code multiplies probabilities and adds 1e-5, so that nothing is learnt from words
    the student reads badly; here all is in log space. Like the official code this does not run
    decoders again with the hypothesis as input: both read teacher-forced, which makes the steps
    independent. Its search is a heuristic that scores a path by its mean probability; 'static' is
    exact. The most probable path tends to be short, where the teacher is unsure: then prefer
    'greedy' or ``length_norm``.

    Args:
        topk: K, hypotheses per word, >= 1; 1 for 'greedy'.
        search: 'greedy', the best class of each step up to the first end token; 'static', the
            most probable paths, exactly; 'ctc', for CTC dictionaries (our extension), the most
            probable labels by prefix beam search, scored by all their paths (the CTC loss).
        reduction: 'log_sum', 'mean' or 'weighted' over the hypotheses of a word, see
            :func:`~mmocr_kd.losses.hypotheses.word_nll`. Words are averaged.
        beam_width: Only for 'ctc', see :func:`~mmocr_kd.losses.ctc.best_labels`.
        include_eos: Not for 'ctc'. Whether the student has to end where the hypothesis ends. If
            not, hypotheses are prefixes, not disjoint, and 'log_sum' may be as low as -log K.
        length_norm: Only for 'static': search for the largest mean log-probability per step. The
            loss of a word is a sum over its steps all the same.
        teacher_is_prob: Whether the teacher's ``logits`` are probabilities: MMOCR's decoders give
            such where they predict.
        loss_weight: Weight, > 0 (1 in the official code).
        name: Key of the result, with ``loss`` in it.

    Raises:
        ValueError: If a field has an unknown or impossible value or means nothing to ``search``.
    """

    def __init__(self,
                 topk: int = 3,
                 search: str = 'static',
                 reduction: str = 'log_sum',
                 beam_width: int | None = None,
                 include_eos: bool = True,
                 length_norm: bool = False,
                 teacher_is_prob: bool = False,
                 loss_weight: float = 1.0,
                 name: str = 'loss_kd_seq') -> None:
        super().__init__()
        require_at_least_one('topk', topk)
        require_choice('search', search, SEARCHES)
        require_choice('reduction', reduction, REDUCTIONS)
        require_positive('loss_weight', loss_weight)
        require_loss_name('name', name)
        _require_known(search, topk=topk, beam_width=beam_width, include_eos=include_eos,
                       length_norm=length_norm)
        if beam_width is not None and beam_width < topk:
            raise ValueError(f'beam_width={beam_width} must be at least topk={topk}')
        self.topk = topk
        self.search = search
        self.reduction = reduction
        self.beam_width = beam_width
        self.include_eos = include_eos
        self.length_norm = 'mean_log' if length_norm else 'none'
        self.teacher_is_prob = teacher_is_prob
        self.loss_weight = loss_weight
        self.name = name

    def forward(self, student: Reading, teacher: Reading, labels: Labels) -> dict[str, Tensor]:
        """Compute the loss from ``logits`` of both readings.

        Args:
            student: The student's reading.
            teacher: The teacher's, of the same shapes; no gradient flows into it.
            labels: ``end_idx`` and ``not_read``, classes no hypothesis contains; for CTC
                ``blank_idx`` and ``frames``. What the words really are does not matter, but of
                autoregressive decoders no hypothesis is longer than the label with its end: later
                steps had padding as context.

        Returns:
            ``name``, a scalar. Without any word it is exactly 0 with a gradient of 0; a word whose
            teacher finds nothing possible (probabilities of 0) counts 0.

        Raises:
            ValueError: If shapes differ, frames are missing for CTC, or ``search`` is not one for
                this dictionary.
        """
        require_readings('logits', student.logits, teacher.logits, labels)
        self._require_suitable(labels)
        labels = repeat_labels(labels, len(student.logits))
        with torch.autocast(student.logits[0].device.type, enabled=False):
            ours, theirs = (at_least_float32(torch.cat(r.logits)) for r in (student, teacher))
            log_probs, theirs = ours.log_softmax(-1), self._log_probs(theirs.detach())
            if not len(log_probs):  # PyTorch's CTC loss refuses this
                return {self.name: log_probs.sum()}
            loss = weighted_mean(self._losses(log_probs, theirs, labels), labels.weights)
        return {self.name: loss * self.loss_weight}

    def _log_probs(self, teacher: Tensor) -> Tensor:
        return teacher.log() if self.teacher_is_prob else teacher.log_softmax(-1)

    def _losses(self, student: Tensor, teacher: Tensor, labels: Labels) -> Tensor:
        """Losses of the words (N,) from log-probabilities (N, T, C)."""
        score = self._score_labels if labels.is_ctc else self._score_paths
        return word_nll(*score(student, teacher, labels), self.reduction)

    def _score_paths(self, student: Tensor, teacher: Tensor,
                     labels: Labels) -> tuple[Tensor, Tensor]:
        branch = 1 if self.search == 'greedy' else None
        paths = k_best_paths(teacher, self.topk, branch, labels.end_idx, labels.not_read,
                             self.length_norm, labels.last_ends)
        return score_paths(student, paths, labels.end_idx, self.include_eos), paths.log_probs

    def _score_labels(self, student: Tensor, teacher: Tensor,
                      labels: Labels) -> tuple[Tensor, Tensor]:
        assert labels.frames is not None and labels.blank_idx is not None
        banned = torch.tensor(labels.not_read, dtype=torch.long)
        banned = banned.to(teacher.device, non_blocking=True)
        found = best_labels(teacher.index_fill(2, banned, NEVER), labels.frames, labels.blank_idx,
                            self.topk, self.beam_width)
        return score_labels(student, found, labels.frames, labels.blank_idx), found.log_probs

    def _require_suitable(self, labels: Labels) -> None:
        if (self.search == 'ctc') != labels.is_ctc:
            kind, searches = ('CTC', ('ctc', )) if labels.is_ctc else ('attention', SEARCHES[:2])
            raise ValueError(f'search={self.search!r} does not suit the dictionary of this '
                             f'{kind} decoder: use one of {searches}')
        if labels.is_ctc and labels.frames is None:
            raise ValueError('CTC needs labels.frames: how many frames of each word are valid')


def _require_known(search: str, **fields: Any) -> None:
    for field, value in fields.items():
        searches, nothing = FIELDS[field]
        if search not in searches and value != nothing:
            raise ValueError(f'{field}={value} means nothing to search={search!r}: leave it at '
                             f'{nothing}, or use one of {searches}')
