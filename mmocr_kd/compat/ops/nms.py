"""Non-maximum suppression."""
import torch
import torchvision
from torch import Tensor

from .arithmetic import widened


def nms(bboxes: Tensor, scores: Tensor, iou_threshold: float, offset: int) -> Tensor:
    """Indices of the boxes to keep, best score first.

    Args:
        bboxes: Corners x1, y1, x2, y2, shape (N, 4).
        scores: Shape (N,).
        iou_threshold: Boxes overlapping a better one by more than this are dropped.
        offset: 1 if coordinates are pixel indices (a box is ``x2 - x1 + 1`` wide), else 0.

    Returns:
        Shape (M,), int64.
    """
    bboxes, scores = widened(bboxes, scores)
    if offset:
        bboxes = torch.cat([bboxes[:, :2], bboxes[:, 2:] + offset], dim=1)
    # torchvision compares in double precision, where float32's 0.1 is more than 0.1 and a box that
    # overlaps by exactly the threshold would be dropped; mmcv compares in the boxes' precision.
    threshold = torch.tensor(iou_threshold, dtype=bboxes.dtype).item()
    return torchvision.ops.nms(bboxes, scores, threshold)
