"""KD-LTR, part one: look at what the teacher looks at."""
from __future__ import annotations

import torch
import torch.nn.functional as F
from mmocr.registry import MODELS
from torch import Tensor

from .checks import at_least_float32, require_choice, require_positive
from .reading import Labels, Reading, ReadingLoss
from .steps import first_steps, require_words
from .unit_vectors import unit_vectors
from .weighted_mean import weighted_mean

MASKS = ('attention', 'none')


@MODELS.register_module()
class VisualFocusLoss(ReadingLoss):
    """One minus the correlation of each channel of student and teacher, where characters are.

    Guo et al., "One-stage Low-resolution Text Recognition with High-resolution Knowledge Transfer"
    (ACM MM 2023). Each channel of each word is centred over all positions and weighted by the
    largest of the teacher's attentions to the word's characters; the loss is one minus the
    cosine, averaged over words and channels. Without mask this is one minus Pearson's
    correlation, which the official code uses for PARSeq's tokens.

    The official code divides by the standard deviation as well. The cosine cannot see that, and
    on a constant channel (ReLU makes such) it gives NaN, so it is left out. A constant channel
    counts 1, as one without any correlation, and gets no gradient (our choice).

    Args:
        loss_weight: Weight, > 0 (4 in the official code).
        mask: 'attention' (ABINet, MATRN) or 'none' (PARSeq).

    Raises:
        ValueError: If a field has an unknown or impossible value.
    """

    def __init__(self, loss_weight: float = 4.0, mask: str = 'attention') -> None:
        super().__init__()
        require_positive('loss_weight', loss_weight)
        require_choice('mask', mask, MASKS)
        self.loss_weight = loss_weight
        self.mask = mask

    def forward(self, student: Reading, teacher: Reading, labels: Labels) -> dict[str, Tensor]:
        """Compute the loss from ``visual`` of both readings and ``attention`` of the teacher.

        Args:
            student: Its ``visual`` has shape (N, D, H, W), or (N, S, D) if ``mask`` is 'none'.
            teacher: Same shape. An ``attention`` of another size than the map is interpolated.
            labels: The first ``lengths`` steps of the attention count; for CTC all of them.

        Returns:
            ``loss_visual``, a scalar.

        Raises:
            ValueError: If shapes differ or something needed is missing.
        """
        maps, expected = self._maps(student, teacher)
        with torch.autocast(maps.device.type, enabled=False):
            weights = self._weights(teacher, labels, expected)
            ours, theirs = (_directions(m, weights) for m in (maps, expected.detach()))
            loss = weighted_mean(1 - (ours * theirs).sum(-1), labels.weights)
        return {'loss_visual': loss * self.loss_weight}

    def _maps(self, student: Reading, teacher: Reading) -> tuple[Tensor, Tensor]:
        ours, theirs = student.visual, teacher.visual
        if ours is None or theirs is None:
            raise ValueError(f'{type(self).__name__} needs the visual features of student and '
                             f'teacher: give the distiller the field "visual"')
        dims = (4, ) if self.mask == 'attention' else (3, 4)
        if ours.shape != theirs.shape or ours.dim() not in dims:
            raise ValueError(
                f'visual of the student has shape {tuple(ours.shape)}, of the teacher '
                f'{tuple(theirs.shape)}: both must be the same (N, D, H, W), or (N, S, D) with '
                f"mask='none'")
        return ours, theirs

    def _weights(self, teacher: Reading, labels: Labels, maps: Tensor) -> Tensor | None:
        if self.mask == 'none':
            return None
        attention = teacher.attention
        if attention is None:
            raise ValueError("mask='attention' needs the teacher's attention, which its decoder "
                             "does not show: use mask='none'")
        if attention.dim() != 4 or len(attention) != len(maps):
            raise ValueError(f'the attention has shape {tuple(attention.shape)}, expected '
                             f'({len(maps)}, T, h, w)')
        return focus(attention.detach(), labels, (maps.shape[-2], maps.shape[-1]))


def focus(attention: Tensor, labels: Labels, size: tuple[int, int]) -> Tensor:
    """Where the characters of each word are.

    Args:
        attention: Shape (N, T, h, w), >= 0.
        labels: The first ``lengths`` steps count, all of them for CTC, whose steps are no
            characters.
        size: Height and width of the result.

    Returns:
        The largest attention of the steps that count, shape (N, 1, *size).

    Raises:
        ValueError: If labels and attention differ in the number of words.
    """
    attention = at_least_float32(attention)
    if not labels.is_ctc:
        require_words('attention', attention, labels)
        steps = first_steps(labels.lengths, attention.shape[1])
        attention = attention * steps[..., None, None]
    mask = attention.amax(dim=1, keepdim=True)
    if mask.shape[-2:] != size:
        mask = F.interpolate(mask, size, mode='bilinear', align_corners=False)
    return mask


def _directions(maps: Tensor, weights: Tensor | None) -> Tensor:
    """Centre each channel over its positions, weight them, and scale to length one."""
    maps = at_least_float32(maps)
    channels = maps.flatten(2) if maps.dim() == 4 else maps.mT
    centred = channels - channels.mean(dim=-1, keepdim=True)
    if weights is not None:
        channels, centred = (x * weights.flatten(2) for x in (channels, centred))
    # What rounding leaves of a constant is no direction.
    rounding = 8 * torch.finfo(maps.dtype).eps
    sizes = torch.linalg.vector_norm(channels.detach(), dim=-1, keepdim=True)
    return unit_vectors(centred, rounding * sizes)
