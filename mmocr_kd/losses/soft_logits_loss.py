"""KD-LTR, part three: read as the teacher reads, step by step and as a whole."""
from __future__ import annotations

import math

import torch
from mmocr.registry import MODELS
from torch import Tensor

from .checks import (
    at_least_float32,
    require_at_least_one,
    require_choice,
    require_positive,
    require_share,
)
from .ctc import label_distribution
from .k_best import LENGTH_NORMS, k_best_paths, path_distribution, without
from .reading import Labels, Reading, ReadingLoss
from .steps import first_steps, repeat_labels, require_readings
from .weighted_mean import weighted_mean

MASK_SOURCES = ('teacher_path', 'teacher_greedy', 'gt')


@MODELS.register_module()
class SoftLogitsLoss(ReadingLoss):
    """KL divergence of the student from the teacher, whose best paths are stressed.

    Guo et al., "One-stage Low-resolution Text Recognition with High-resolution Knowledge Transfer"
    (ACM MM 2023). The target of each step is the teacher's softened distribution ``p``. Where the
    teacher is sure of the word as a whole it becomes ``alpha q + (1 - alpha) p``, where ``q`` is
    what the K best paths read there, weighted by their probabilities. The divergence is averaged
    over the steps of a word, then over words and permutations. There is no factor T^2.

    ``mask_source`` says which steps count. 'teacher_path', up to the end of the teacher's best
    path, is official, but an unsure teacher ends early (length_norm='div' favours short paths)
    and most of the word is lost; 'gt' is safer.

    Of autoregressive decoders only the steps of the label count, whatever ``mask_source`` is, and
    no path is longer: what comes after its end was read with padding as context. (The official
    code has ABINet, MATRN and PARSeq, whose later steps see none.)

    CTC dictionaries (our extension): all valid frames count, whatever ``mask_source`` is, and
    ``q`` comes from the K best labels; ``branch`` and ``length_norm`` have no meaning.

    Args:
        loss_weight: Weight, > 0 (20 in the official code).
        temperature: Divides the logits, > 0.
        alpha: Share of ``q``, from 0 (word by word only) to 1.
        path_threshold: Use ``q`` if the best path (CTC: label) has at least this softened
            probability, from 0 to 1.
        num_paths: How many paths (CTC: labels) make ``q``, >= 1.
        branch: How many classes of each step a path may take, >= 1.
        length_norm: See :func:`~mmocr_kd.losses.k_best.k_best_paths`.
        mask_source: 'teacher_path', 'teacher_greedy' (up to its first end token, step by step) or
            'gt' (the labels' lengths).
        log_floor: The student's log-probabilities count as at least this, < 0.
        blank_weight: None: all frames of CTC weigh the same. Else a frame weighs 1 - (the
            teacher's probability of the blank, not softened) + this number, from 0 to 1.

    Raises:
        ValueError: If a field has an unknown or impossible value.
    """

    def __init__(self,
                 loss_weight: float = 20.0,
                 temperature: float = 4.0,
                 alpha: float = 0.2,
                 path_threshold: float = 0.1,
                 num_paths: int = 6,
                 branch: int = 3,
                 length_norm: str = 'div',
                 mask_source: str = 'teacher_path',
                 log_floor: float = -10.0,
                 blank_weight: float | None = None) -> None:
        super().__init__()
        require_positive('loss_weight', loss_weight)
        require_positive('temperature', temperature)
        require_share('alpha', alpha)
        require_share('path_threshold', path_threshold)
        require_at_least_one('num_paths', num_paths)
        require_at_least_one('branch', branch)
        require_choice('length_norm', length_norm, LENGTH_NORMS)
        require_choice('mask_source', mask_source, MASK_SOURCES)
        if not -math.inf < log_floor < 0:
            raise ValueError(f'log_floor={log_floor} must be a finite number < 0')
        if blank_weight is not None:
            require_share('blank_weight', blank_weight)
        self.loss_weight = loss_weight
        self.temperature = temperature
        self.alpha = alpha
        self.log_threshold = math.log(path_threshold) if path_threshold else -math.inf
        self.num_paths = num_paths
        self.branch = branch
        self.length_norm = length_norm
        self.mask_source = mask_source
        self.log_floor = log_floor
        self.blank_weight = blank_weight

    def forward(self, student: Reading, teacher: Reading, labels: Labels) -> dict[str, Tensor]:
        """Compute the loss from ``logits`` of both readings.

        Args:
            student: The student's reading.
            teacher: The teacher's, of the same shapes; no gradient flows into it.
            labels: ``end_idx`` and ``not_read``, or for CTC ``blank_idx`` and ``frames``; lengths
                only count if ``mask_source`` is 'gt' or the decoder autoregressive.

        Returns:
            ``loss_logits``, a scalar.

        Raises:
            ValueError: If shapes differ, or frames are missing for CTC.
        """
        require_readings('logits', student.logits, teacher.logits, labels)
        labels = repeat_labels(labels, len(student.logits))
        soften = self._soften_frames if labels.is_ctc else self._soften_steps
        with torch.autocast(student.logits[0].device.type, enabled=False):
            ours, theirs = (at_least_float32(torch.cat(r.logits)) for r in (student, teacher))
            target, weights = soften(theirs.detach(), labels)
            log_probs = (ours / self.temperature).log_softmax(-1).clamp(min=self.log_floor)
            loss = weighted_mean(word_kl(target, log_probs, weights), labels.weights)
        return {'loss_logits': loss * self.loss_weight}

    def _soften_steps(self, logits: Tensor, labels: Labels) -> tuple[Tensor, Tensor]:
        """Targets (N, T, C) and weights of the steps (N, T)."""
        log_probs = (logits / self.temperature).log_softmax(-1)
        target, lengths = log_probs.exp(), labels.lengths
        if self.mask_source == 'teacher_greedy':
            lengths = greedy_lengths(log_probs, labels)
            if labels.last_ends is not None:
                lengths = lengths.minimum(labels.last_ends)
        if self.alpha or self.mask_source == 'teacher_path':
            paths = k_best_paths(
                log_probs, self.num_paths if self.alpha else 1, self.branch, labels.end_idx,
                labels.not_read, self.length_norm, labels.last_ends)
            if self.alpha:
                stressed = path_distribution(paths, target.shape[2], target.dtype)
                target = self._mix(target, stressed, paths.log_probs[:, 0])
            if self.mask_source == 'teacher_path':
                lengths = paths.lengths[:, 0]
        return target, first_steps(lengths, target.shape[1]).to(target.dtype)

    def _soften_frames(self, logits: Tensor, labels: Labels) -> tuple[Tensor, Tensor]:
        """Targets (N, T, C) and weights of the frames (N, T)."""
        if labels.frames is None or labels.blank_idx is None:
            raise ValueError('CTC needs labels.frames: how many frames of each word are valid')
        log_probs = (logits / self.temperature).log_softmax(-1)
        target = log_probs.exp()
        if self.alpha:
            stressed, log_mass = label_distribution(log_probs, labels.frames, labels.blank_idx,
                                                    self.num_paths)
            target = self._mix(target, stressed, log_mass)
        weights = first_steps(labels.frames, target.shape[1]).to(target.dtype)
        if self.blank_weight is not None:
            blank = logits.softmax(-1)[..., labels.blank_idx]
            weights = weights * (1 - blank + self.blank_weight)
        return target, weights

    def _mix(self, probs: Tensor, stressed: Tensor, log_best: Tensor) -> Tensor:
        share = self.alpha * (log_best >= self.log_threshold).to(probs.dtype)[:, None, None]
        return share * stressed + (1 - share) * probs


def greedy_lengths(log_probs: Tensor, labels: Labels) -> Tensor:
    """Steps up to and including the first whose best class is the end token, shape (N,).

    Args:
        log_probs: Log-probabilities of the classes at each step, shape (N, T, C).
        labels: Which class is the end token and which cannot be read.
    """
    best = without(log_probs, labels.not_read).argmax(-1)
    goes_on = best.ne(-1 if labels.end_idx is None else labels.end_idx)
    return 1 + goes_on.cumprod(1)[:, :-1].sum(1)


def word_kl(target: Tensor, log_probs: Tensor, weights: Tensor) -> Tensor:
    """Weighted mean over the steps of each word of KL(target || probs).

    Args:
        target: Probabilities of the classes, shape (N, T, C).
        log_probs: The student's log-probabilities, same shape.
        weights: Of the steps, >= 0, shape (N, T).

    Returns:
        Shape (N,); 0 for words without any weight.
    """
    divergence = (torch.xlogy(target, target) - target * log_probs).sum(-1)
    total = weights.sum(1).clamp(min=torch.finfo(weights.dtype).tiny)
    return (divergence * weights).sum(1) / total
