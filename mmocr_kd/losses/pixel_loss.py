"""What losses between maps of text logits share: masking, precision, reduction."""
from __future__ import annotations

from abc import ABC, abstractmethod

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .checks import (
    at_least_float32,
    require_choice,
    require_not_negative,
    require_same_shape,
    require_share,
)

MASKS = ('text', 'kernel', 'teacher', 'none')
DRAWN_MASKS = ('text', 'kernel')
REDUCTIONS = ('mask', 'image')


class PixelLoss(nn.Module, ABC):
    """Compares two maps pixel by pixel inside a mask.

    Subclasses give the loss of each pixel; only pixels inside the mask are ever computed. All
    numbers are float32 (or wider), also under autocast.

    Args:
        mask: Which pixels count: 'text' (the full ground-truth polygons), 'kernel' (the polygons
            shrunk as DB's target is), both drawn by whoever calls the loss; 'teacher' (where the
            teacher sees text, which needs no labels: our choice), or 'none' (all pixels).
        include_ignored: Whether instances marked as ignored belong to a mask that is drawn.
        reduction: 'mask' divides the sum by the pixels in the mask (of the whole batch), 'image'
            by all pixels.
        mask_threshold: Of the mask 'teacher': text is where its probability is above this,
            0 to 1.
        mask_dilation: Of the mask 'teacher': and this many pixels of the map around it, >= 0. DB's
            maps show text shrunk, by .42 of its height for long words.

    Raises:
        ValueError: If a field has an unknown or impossible value.
    """

    def __init__(self, mask: str, include_ignored: bool, reduction: str,
                 mask_threshold: float = 0.3, mask_dilation: int = 8) -> None:
        super().__init__()
        require_share('mask_threshold', mask_threshold)
        require_not_negative('mask_dilation', mask_dilation)
        require_choice('mask', mask, MASKS)
        require_choice('reduction', reduction, REDUCTIONS)
        self.mask = mask
        self.include_ignored = include_ignored
        self.reduction = reduction
        self.mask_threshold = mask_threshold
        self.mask_dilation = mask_dilation

    def forward(self, student: Tensor, teacher: Tensor,
                mask: Tensor | None = None) -> dict[str, Tensor]:
        """Compute the losses.

        Args:
            student: Logits of the student, shape (N, H, W).
            teacher: Logits of the teacher, same shape; no gradient flows into them.
            mask: True where pixels count, shape (N, H, W); used by the masks
                'text' and 'kernel' alone.

        Returns:
            Loss name -> scalar. An empty mask gives exactly 0 with a gradient of 0.

        Raises:
            ValueError: If shapes differ or a mask is needed and missing.
        """
        self._check(student, teacher, mask)
        with torch.autocast(student.device.type, enabled=False):
            student = at_least_float32(student)
            teacher = at_least_float32(teacher.detach())
            total = student.numel()
            count: Tensor | int = total
            if self.mask == 'teacher':
                mask = self._where_teacher_sees_text(teacher)
            if self.mask == 'none' or mask is None:
                sums = _sums(self.pixel_losses(student, teacher))
            else:
                sums, count = self._inside(student, teacher, mask)
            pixels = count if self.reduction == 'mask' else total
            return {name: value / pixels for name, value in sums.items()}

    def _inside(self, student: Tensor, teacher: Tensor,
                mask: Tensor) -> tuple[dict[str, Tensor], Tensor | int]:
        """Sums over the mask, and how many pixels it has, at least 1."""
        if mask.device.type != 'cpu':
            # Picking pixels would make the host wait for their number: zeros cost a GPU less.
            losses = self.pixel_losses(student.where(mask, 0), teacher.where(mask, 0))
            return (_sums({name: value.where(mask, 0) for name, value in losses.items()}),
                    mask.sum().clamp(min=1))
        # Three times as fast as student[mask]: positions are found once, not per map.
        inside = mask.flatten().nonzero().squeeze(1)
        student, teacher = (maps.flatten().index_select(0, inside) for maps in (student, teacher))
        return _sums(self.pixel_losses(student, teacher)), max(len(inside), 1)

    def _where_teacher_sees_text(self, teacher: Tensor) -> Tensor:
        seen = (teacher.sigmoid() > self.mask_threshold).float()
        around = self.mask_dilation
        for window in ((2 * around + 1, 1), (1, 2 * around + 1)):  # columns, then rows: a square
            seen = F.max_pool2d(seen, window, 1, tuple(side // 2 for side in window))
        return seen.bool()

    @abstractmethod
    def pixel_losses(self, student: Tensor, teacher: Tensor) -> dict[str, Tensor]:
        """Loss of each pixel, weighted.

        Args:
            student: Logits of the pixels that count, any shape, float32 or wider.
            teacher: Same shape, without gradient.

        Returns:
            Loss name -> tensor of that shape.
        """

    def _check(self, student: Tensor, teacher: Tensor, mask: Tensor | None) -> None:
        require_same_shape(student, teacher)
        if self.mask not in DRAWN_MASKS:
            return
        if mask is None:
            raise ValueError(f'{type(self).__name__} with mask={self.mask!r} needs a mask')
        if mask.shape != student.shape:
            raise ValueError(f'the mask has shape {tuple(mask.shape)}, the logits have '
                             f'{tuple(student.shape)}')


def _sums(losses: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: value.sum() for name, value in losses.items()}
