"""Learn from what any teacher may have read, whatever its architecture: its N best readings."""
from __future__ import annotations

from typing import Literal

import torch
from mmocr.registry import MODELS
from torch import Tensor

from .checks import at_least_float32, require_loss_name, require_positive
from .hypotheses import word_nll
from .reading import Hypotheses, Labels, Reading, ReadingLoss
from .steps import NEVER
from .weighted_mean import weighted_mean

FORMS = (None, 'NFC', 'NFKC')


@MODELS.register_module()
class NBestLoss(ReadingLoss):
    """Cross-entropy between the teacher's N best readings and the student's likelihood of them.

    Of a word with readings y_k that the teacher gives log-probabilities a_k, and s_k, the
    student's exact log-likelihood of y_k (CTC: all its paths; attention decoders: read along y_k,
    its end included):

        loss = -sum_k w_k s_k,  w = softmax(a / temperature)

    This is sequence-level distillation (Kim and Rush, EMNLP 2016) with N-best lists in the place of
    beam search's best, as Huang et al. (Interspeech 2018) have it for CTC. Frames, steps,
    dictionaries and architectures need not correspond, and the teacher may be a black box: only
    texts are exchanged. Readings that the student cannot spell, or that need more frames than it
    has, are left out and the rest renormalised; ``nbest_kept`` shows how much is left.

    Args:
        temperature: Softens the teacher, > 0; black boxes are often too sure of their best
            reading.
        normalize: Unicode's form in which characters are looked up that the student lacks: 'NFKC'
            (full-width forms, ligatures), 'NFC' (accents in one piece), or None.
        by_confidence: Whether a word counts as much as its readings are probable, those that the
            student can spell together, at most 1 (our choice): what the teacher cannot read, or
            is no word at all, then teaches little. It is for teachers whose probabilities are of
            whole readings; False: all words count the same.
        loss_weight: Weight, > 0. The loss of a word is a sum over its characters: it is some ten
            times as large as a mean per character.
        name: Key of the result, with ``loss`` in it.

    Raises:
        ValueError: If a field has an unknown or impossible value.

    ``adapters/recognition/hypotheses.py`` spells the readings, ``adapters/recognition/scores.py``
    lets the student score them with ``losses/hypotheses.py``.
    """

    wants = 'hypotheses'

    def __init__(self, temperature: float = 1.0, normalize: Literal['NFC', 'NFKC'] | None = 'NFKC',
                 by_confidence: bool = False, loss_weight: float = 1.0,
                 name: str = 'loss_nbest') -> None:
        super().__init__()
        require_positive('temperature', temperature)
        require_positive('loss_weight', loss_weight)
        require_loss_name('name', name)
        if normalize not in FORMS:
            raise ValueError(f'normalize={normalize!r} is unknown: use one of {FORMS}')
        self.temperature = temperature
        self.normalize = normalize
        self.by_confidence = by_confidence
        self.loss_weight = loss_weight
        self.name = name

    def forward(self, student: Reading, teacher: Hypotheses,  # type: ignore[override]
                labels: Labels | None = None) -> dict[str, Tensor]:
        """Compute the loss.

        Args:
            student: The student's reading, with ``score``.
            teacher: What the teacher may have read.
            labels: Its ``weights`` count, if any: words need no label.

        Returns:
            ``name``, a mean over the words with a reading that the student can spell (exactly 0,
            with a gradient of 0, if there is none); and ``nbest_kept``, the share of the teacher's
            probability that these readings have, a mean over all words.

        Raises:
            ValueError: If the student's reading cannot score, or not as many words.
        """
        if student.score is None:
            raise ValueError("the student's reading has no score: this loss wants one that can "
                             'score hypotheses')
        with torch.autocast(student.logits[0].device.type, enabled=False):
            ours = at_least_float32(student.score(teacher))
            theirs = teacher.log_probs.to(ours.device, non_blocking=True)
            if ours.shape != theirs.shape:
                raise ValueError(f'the student scored {tuple(ours.shape)} hypotheses, the teacher '
                                 f'has {tuple(theirs.shape)} (N, K)')
            theirs = theirs.masked_fill(ours == NEVER, NEVER)
            words = word_nll(ours, theirs / self.temperature, 'weighted')
            weights = self._weights(theirs).to(ours)
            if labels is not None and labels.weights is not None:
                weights = weights * labels.weights
            loss = weighted_mean(words, weights)
        kept = teacher.kept.mean() if len(teacher.kept) else teacher.kept.sum()
        return {self.name: loss * self.loss_weight,
                'nbest_kept': kept.to(ours.device, non_blocking=True)}

    def _weights(self, theirs: Tensor) -> Tensor:
        """How much each word counts, (N,)."""
        return theirs.logsumexp(1).exp().clamp(max=1) if self.by_confidence else (
            theirs > NEVER).any(1)
