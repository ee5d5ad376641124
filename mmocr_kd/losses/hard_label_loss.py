"""KD-LTR, part four: the ground truth itself."""
from __future__ import annotations

import torch
import torch.nn.functional as F
from mmocr.registry import MODELS
from torch import Tensor

from .checks import at_least_float32, require_positive
from .reading import Labels, Reading, ReadingLoss
from .steps import first_steps, require_readings
from .weighted_mean import weighted_mean

_NO_CLASS = -100


@MODELS.register_module()
class HardLabelLoss(ReadingLoss):
    """Cross-entropy with the labels, or the CTC loss.

    Official code of KD-LTR (Guo et al., ACM MM 2023): the mean over all characters and end tokens
    of the batch, so long words weigh more, and over permutations. Padding never counts, unlike
    in MMOCR's loss of ABINet. For CTC dictionaries it is PyTorch's CTC loss with its default
    mean (each word divided by its length) and impossible alignments counting 0 (our extension).

    Args:
        loss_weight: Weight, > 0 (0.025 in the official code).

    Raises:
        ValueError: If ``loss_weight`` is not positive.
    """

    wants = None

    def __init__(self, loss_weight: float = 0.025) -> None:
        super().__init__()
        require_positive('loss_weight', loss_weight)
        self.loss_weight = loss_weight

    def forward(self, student: Reading, teacher: Reading, labels: Labels) -> dict[str, Tensor]:
        """Compute the loss from ``logits`` of the student.

        Args:
            student: The student's reading.
            teacher: Unused.
            labels: Classes, lengths and, for CTC, frames.

        Returns:
            ``loss_hard``, a scalar. A batch without any step gives exactly 0 with a gradient of 0.

        Raises:
            ValueError: If shapes do not fit, or frames are missing for CTC.
        """
        require_readings('logits', student.logits, student.logits, labels)
        compare = ctc_loss if labels.is_ctc else cross_entropy
        with torch.autocast(student.logits[0].device.type, enabled=False):
            losses = [compare(at_least_float32(logits), labels) for logits in student.logits]
            loss = torch.stack(losses).mean()
        return {'loss_hard': loss * self.loss_weight}


def cross_entropy(logits: Tensor, labels: Labels) -> Tensor:
    """Mean cross-entropy of the first ``labels.lengths`` steps of all words.

    Args:
        logits: Shape (N, T, C); labels may be padded to another T.
        labels: The ground truth.
    """
    steps = min(logits.shape[1], labels.indexes.shape[1])
    valid = first_steps(labels.lengths, steps)
    # Not logits[valid], whose size a GPU's host has to wait for.
    classes = labels.indexes[:, :steps].masked_fill(~valid, _NO_CLASS)
    losses = F.cross_entropy(logits[:, :steps].flatten(0, 1), classes.flatten(), reduction='none',
                             ignore_index=_NO_CLASS)
    weights = valid if labels.weights is None else valid * labels.weights.unsqueeze(1)
    return weighted_mean(losses.view(valid.shape), weights)


def ctc_loss(logits: Tensor, labels: Labels) -> Tensor:
    """CTC loss of each word over its length, averaged over words.

    Args:
        logits: Shape (N, frames, C).
        labels: The ground truth.

    Raises:
        ValueError: If ``labels`` has no frames.
    """
    if labels.frames is None or labels.blank_idx is None:
        raise ValueError('CTC needs labels.frames and labels.blank_idx: how many frames of each '
                         'word are valid, and which class is the blank')
    frames = labels.frames.clamp(max=logits.shape[1])
    losses = F.ctc_loss(logits.log_softmax(-1).transpose(0, 1), labels.indexes, frames,
                        labels.lengths, labels.blank_idx, reduction='none', zero_infinity=True)
    return weighted_mean(losses / labels.lengths.clamp(min=1), labels.weights)
