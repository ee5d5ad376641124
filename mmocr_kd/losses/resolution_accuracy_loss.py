"""DLD: what the chosen resolutions cost in accuracy."""
from __future__ import annotations

from typing import Callable

import torch
import torch.nn.functional as F
from mmocr.registry import MODELS
from torch import Tensor, nn

from .blends import blend, blend_probabilities
from .checks import at_least_float32, require_choice, require_not_negative, require_positive
from .reading import Labels
from .steps import first_steps, require_words
from .word_log_probs import ctc_word_losses

MODES = ('ce', 'kl')
COMBINATIONS = ('logits', 'probs', 'loss')
DIRECTIONS = ('teacher_student', 'student_teacher')


@MODELS.register_module()
class ResolutionAccuracyLoss(nn.Module):
    """How badly the student reads at the chosen scales; trains the selector and nothing else.

    DLD (Chen et al., ECCV 2022). The current student has read every word at every candidate scale;
    what it read is blended by the decision of the image the word is in. Decisions are one-hot, so
    the value is the loss at the chosen scale; the blend matters for the gradient:

    - 'logits' (official code): a linear guess, from the chosen scale, of what others would do.
    - 'probs' (paper's formula): the same of probabilities.
    - 'loss' (ours): the exact loss of each scale.

    The paper compares with the teacher ('kl'), the official code with the ground truth ('ce').
    For CTC 'ce' is the CTC loss of each word over its length, its mean over words, and 'kl'
    compares frames; the official code has no CTC.

    Args:
        mode: 'ce' or 'kl'.
        combine: 'logits', 'probs' or 'loss'.
        kl_direction: Of 'kl': 'teacher_student' is ``KL(teacher || student)``, as the official
            code's unused helper has it, 'student_teacher' the paper's order of arguments.
        temperature: Of 'kl': divides both logits, > 0; no factor T^2.
        max_ratio: Of 'probs': a scale not chosen counts as at most so many times better than the
            chosen one, from 1 to 1e6. The exact derivative has no limit and can drown the other
            losses where the chosen scale is unreadable (our choice; the value does not change).
        loss_weight: Weight, >= 0.

    Raises:
        ValueError: If a field has an unknown or impossible value.
    """

    def __init__(self,
                 mode: str = 'ce',
                 combine: str = 'logits',
                 kl_direction: str = 'teacher_student',
                 temperature: float = 1.0,
                 max_ratio: float = 100.0,
                 loss_weight: float = 1.0) -> None:
        super().__init__()
        require_choice('mode', mode, MODES)
        require_choice('combine', combine, COMBINATIONS)
        require_choice('kl_direction', kl_direction, DIRECTIONS)
        require_positive('temperature', temperature)
        require_not_negative('loss_weight', loss_weight)
        if not 1 <= max_ratio <= 1e6:
            raise ValueError(f'max_ratio={max_ratio} must be a number from 1 to 1e6')
        self.mode = mode
        self.combine = combine
        self.kl_direction = kl_direction
        self.temperature = temperature
        self.max_ratio = max_ratio
        self.loss_weight = loss_weight

    @property
    def needs_teacher(self) -> bool:
        """Whether the teacher's logits are looked at."""
        return self.mode == 'kl'

    def forward(self, decisions: Tensor, candidates: Tensor, batch_idx: Tensor, labels: Labels,
                teacher: Tensor | None = None) -> dict[str, Tensor]:
        """Rate the decisions.

        Args:
            decisions: One-hot choices of B images among K scales, with the gradient of the
                selector, shape (B, K).
            candidates: The student's raw logits at each scale, finite, for the N words of the
                batch, shape (K, N, T, C); no gradient flows into them.
            batch_idx: Image of each word, long, shape (N,). Images may have no word.
            labels: The ground truth; of 'kl' only which steps count.
            teacher: The teacher's raw logits for 'kl', shape (N, T, C).

        Returns:
            ``loss_res_acc``, a scalar: the mean over all characters and end tokens of the batch
            (frames for CTC with 'kl'). A batch without words gives exactly 0 with a gradient of 0.

        Raises:
            ValueError: If shapes do not fit, or the teacher or frames are missing.
        """
        self._check(decisions, candidates, batch_idx, labels, teacher)
        if not len(batch_idx):
            return {'loss_res_acc': at_least_float32(decisions).sum() * 0}
        with torch.autocast(decisions.device.type, enabled=False):
            shares = at_least_float32(decisions)[batch_idx].T
            candidates = at_least_float32(candidates.detach())
            if teacher is not None and self.needs_teacher:
                losses = self._divergences(shares, candidates, labels, teacher.detach())
            elif labels.is_ctc:
                losses = self._combined(shares, candidates, lambda p: _ctc_means(p, labels))
            else:
                losses = self._cross_entropies(shares, candidates, labels)
            return {'loss_res_acc': losses.sum() / max(len(losses), 1) * self.loss_weight}

    def _cross_entropies(self, shares: Tensor, candidates: Tensor, labels: Labels) -> Tensor:
        """Of each step that counts, shape (steps,)."""
        steps = min(candidates.shape[2], labels.indexes.shape[1])
        rows = _rows(labels.lengths, steps)
        classes = labels.indexes[:, :steps].flatten()[rows]
        return self._combined(shares[:, rows // steps],
                              candidates[:, :, :steps].flatten(1, 2)[:, rows],
                              lambda p: F.nll_loss(p, classes, reduction='none'))

    def _divergences(self, shares: Tensor, candidates: Tensor, labels: Labels,
                     teacher: Tensor) -> Tensor:
        """Of each step (frame) that counts, shape (steps,)."""
        lengths = labels.lengths if labels.frames is None else labels.frames
        steps = candidates.shape[2]
        rows = _rows(lengths, steps)
        target = at_least_float32(teacher).flatten(0, 1)[rows]
        target = (target / self.temperature).log_softmax(-1)

        def divergence(student: Tensor) -> Tensor:
            first, second = target, student
            if self.kl_direction == 'student_teacher':
                first, second = student, target
            return F.kl_div(second, first, reduction='none', log_target=True).sum(-1)

        return self._combined(shares[:, rows // steps],
                              candidates.flatten(1, 2)[:, rows] / self.temperature, divergence)

    def _combined(self, shares: Tensor, logits: Tensor,
                  loss: Callable[[Tensor], Tensor]) -> Tensor:
        """Losses of n entries (words or steps).

        Args:
            shares: Shape (K, n).
            logits: Shape (K, n, ..., C).
            loss: Maps log-probabilities of shape (n, ..., C) to losses of shape (n,).
        """
        if self.combine == 'logits':
            return loss(blend(logits, shares).log_softmax(-1))
        log_probs = logits.log_softmax(-1)
        if self.combine == 'probs':
            return loss(blend_probabilities(log_probs, shares, self.max_ratio))
        return blend(torch.stack([loss(scale) for scale in log_probs]), shares)

    def _check(self, decisions: Tensor, candidates: Tensor, batch_idx: Tensor, labels: Labels,
               teacher: Tensor | None) -> None:
        if decisions.dim() != 2 or candidates.dim() != 4 or len(candidates) != decisions.shape[1]:
            raise ValueError(f'decisions of shape {tuple(decisions.shape)} and candidates of '
                             f'{tuple(candidates.shape)} do not fit: expected (B, K) and '
                             '(K, N, T, C)')
        if batch_idx.shape != candidates.shape[1:2]:
            raise ValueError(f'batch_idx has shape {tuple(batch_idx.shape)}, expected one image '
                             f'for each of the {candidates.shape[1]} words of candidates')
        require_words('candidates', candidates[0], labels)
        if self.needs_teacher and (teacher is None or teacher.shape != candidates.shape[1:]):
            raise ValueError(f"mode='kl' needs the teacher's logits of shape "
                             f'{tuple(candidates.shape[1:])}, got '
                             f'{None if teacher is None else tuple(teacher.shape)}')
        if labels.is_ctc and labels.frames is None:
            raise ValueError('CTC needs labels.frames: how many frames of each word are valid')


def _rows(lengths: Tensor, steps: int) -> Tensor:
    """Which of N * T steps count. A GPU's host waits here, once: a quarter of them is typical."""
    return first_steps(lengths, steps).flatten().nonzero().squeeze(1)


def _ctc_means(log_probs: Tensor, labels: Labels) -> Tensor:
    """CTC loss of each word over its length, 0 where no path spells it, shape (N,)."""
    # PyTorch's gradient is right only behind a log_softmax; here that changes no value.
    losses = ctc_word_losses(log_probs.log_softmax(-1), labels, zero_infinity=True)
    return losses / labels.lengths.clamp(min=1)
