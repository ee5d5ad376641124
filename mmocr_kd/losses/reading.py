"""What two recognisers are compared by, and the base of the losses that compare them."""
from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Callable

from torch import Tensor, nn


@dataclass(frozen=True)
class Hypotheses:
    """What a teacher may have read of N words: up to K texts each, in the student's classes.

    All tensors lie on the CPU, where texts come from; whoever scores takes them to the device.

    Args:
        texts: N lists of K texts, as the student spells them; '' where there is none.
        indexes: Classes of the characters, without any end token, long, shape (N, K, L), L >= 1;
            padded with any class.
        lengths: Characters of each text, long, shape (N, K).
        log_probs: The teacher's log-probabilities, not necessarily normalised, float32, shape
            (N, K); -inf where there is none.
        kept: Share of the teacher's probability that the student can spell, float32, shape (N,);
            0 for words of which the teacher says nothing.
    """

    texts: list[list[str]]
    indexes: Tensor
    lengths: Tensor
    log_probs: Tensor
    kept: Tensor


@dataclass(frozen=True)
class Reading:
    """How one recogniser read a batch of N words, teacher-forced.

    Most decoders read once. PARSeq reads once per permutation, so that logits and glimpses are
    tuples; entry p of the student belongs to entry p of the teacher.

    Args:
        logits: Raw logits, each of shape (N, T, C); step t predicts ``Labels.indexes[:, t]``
            (CTC: frame t).
        glimpses: Per-character vectors, each of shape (N, T, E).
        visual: Feature map of shape (N, D, H, W), or tokens of shape (N, S, D).
        attention: Where each character was looked for, >= 0, shape (N, T, h, w).
        score: Log-likelihoods (N, K) of hypotheses, exact whatever the decoder, with gradient;
            -inf for what it cannot read. None if nobody asked for it.
        roi: Of a spotter: visual feature of each word's region, shape (N, C, h, w) as a rule.
        context: Of a spotter: contextual feature of each word, shape (N, L, D) as a rule.
        image_index: Of a spotter: which image each word is in, long, shape (N,); None for words
            that are images of their own.
        labels: Of a spotter: what the words say, as its decoder spells them.
    """

    logits: tuple[Tensor, ...]
    glimpses: tuple[Tensor, ...] = ()
    visual: Tensor | None = None
    attention: Tensor | None = None
    score: Callable[[Hypotheses], Tensor] | None = None
    roi: Tensor | None = None
    context: Tensor | None = None
    image_index: Tensor | None = None
    labels: Labels | None = None

    @property
    def features(self) -> dict[str, Tensor]:
        """What a teacher's reading is judged by before it is learnt from, by name."""
        named = {'logits': self.logits[0], 'roi': self.roi, 'context': self.context}
        return {name: value for name, value in named.items() if value is not None}


@dataclass(frozen=True)
class Labels:
    """The ground truth of a batch of N words, in the classes of the (shared) dictionary.

    Args:
        indexes: Characters and, if the dictionary has one, the end token; padded with any class;
            long, shape (N, T).
        lengths: How many entries of ``indexes`` count, the end token included; long, shape (N,).
        end_idx: Class of the end token; None for CTC dictionaries.
        blank_idx: Class of CTC's blank; None for attention decoders.
        not_read: Further classes that no decoder may predict (start, padding).
        frames: Valid frames of each word for CTC, long, shape (N,); None for attention decoders.
        aligned: Which words have glimpses, bool, shape (N,): CTC cannot align a word with too few
            frames. None means all.
        autoregressive: Whether each step saw the label's characters before it. Steps past
            ``lengths`` then saw padding, which no reading does: they mean nothing.
        weights: How much each word counts in every loss, >= 0, shape (N,); see
            :func:`.weighted_mean`. None: all the same.
    """

    indexes: Tensor
    lengths: Tensor
    end_idx: int | None = None
    blank_idx: int | None = None
    not_read: tuple[int, ...] = ()
    frames: Tensor | None = None
    aligned: Tensor | None = None
    autoregressive: bool = False
    weights: Tensor | None = None

    @property
    def is_ctc(self) -> bool:
        """Whether the decoder is a CTC one."""
        return self.blank_idx is not None

    @property
    def last_ends(self) -> Tensor | None:
        """Steps at which readings have to end, shape (N,); None if all steps mean something."""
        return self.lengths if self.autoregressive else None


class ReadingLoss(nn.Module, ABC):
    """Compares how student and teacher read; words count as ``Labels.weights`` says.

    Attributes:
        wants: What of the teacher is looked at: its 'reading' along the labels; the 'hypotheses'
            of a teacher of whatever kind, as :class:`Hypotheses`; or None: nobody is asked, and
            ``teacher`` is the student's own reading.
    """

    wants: str | None = 'reading'

    @abstractmethod
    def forward(self, student: Reading, teacher: Reading, labels: Labels) -> dict[str, Tensor]:
        """Compute the loss.

        Args:
            student: The student's reading.
            teacher: The teacher's, of the same shapes; no gradient flows into it.
            labels: The ground truth.

        Returns:
            One weighted scalar whose name contains ``loss``, and optionally raw values to be
            logged under names without it.

        Raises:
            ValueError: If shapes differ or the reading lacks what the loss needs.
        """
