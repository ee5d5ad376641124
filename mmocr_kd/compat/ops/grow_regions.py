"""Growing text kernels into text instances: what PSENet and PANet do after their networks.

``mmocr_kd/reader/growing.py`` does it, also where there is no MMCV. This file is loaded as part of
``mmcv._ext``, without its package, so that one is imported when it is needed.
"""
from __future__ import annotations

import numpy as np
import torch
from torch import Tensor


def contour_expand(kernel_mask: Tensor, internal_kernel_label: Tensor, min_kernel_area: int,
                   kernel_num: int) -> list[list[int]]:
    """PSENet's scale expansion, as mmcv does it: into the largest kernel at once.

    The paper grows into one kernel after another. mmcv's compiled operator has the loop for it, but
    looks at the first kernel in each turn: its ``kernel_step`` stays 0, in mmcv 2.0.1 and in
    onedl-mmcv 2.3.6. What MMOCR publishes was measured with that.

    Args:
        kernel_mask: Kernels from the largest to the smallest, uint8, shape (K, h, w), on the CPU.
        internal_kernel_label: Instances in the smallest kernel from 1 on, 0 elsewhere, int32,
            shape (h, w).
        min_kernel_area: Smaller instances, in pixels, are dropped.
        kernel_num: Largest label plus one.

    Returns:
        The instance of each pixel, h lists of w.
    """
    from mmocr_kd.reader.growing import expand
    rows: list[list[int]] = expand(kernel_mask.numpy(), internal_kernel_label.numpy(),
                                   min_kernel_area, kernel_num).tolist()
    return rows


def pixel_group(score: Tensor, mask: Tensor, embedding: Tensor, kernel_label: Tensor,
                kernel_contour: Tensor, kernel_region_num: int,
                distance_threshold: float) -> list[list[float]]:
    """PANet's pixel aggregation.

    Args:
        score: Text probability, float32, shape (h, w), on the CPU like the others.
        mask: Text pixels, bool, shape (h, w).
        embedding: Of each pixel, float32, shape (h, w, C).
        kernel_label: Instances in the kernel from 1 on, 0 elsewhere, int32, shape (h, w).
        kernel_contour: Where instances begin to grow, uint8, shape (h, w).
        kernel_region_num: Largest label plus one.
        distance_threshold: Largest distance from the mean embedding of an instance's kernel.

    Returns:
        For each label its mean score, its number of pixels, and their x, y, x, y, ...
    """
    from mmocr_kd.reader.growing import aggregate
    labels = aggregate(mask.numpy(), embedding.numpy(), kernel_label.numpy(),
                       kernel_contour.numpy(), kernel_region_num, distance_threshold)
    return [_describe(labels == label, score.numpy()) if label else [0.0, 0.0]
            for label in range(kernel_region_num)]


def _describe(instance: np.ndarray, score: np.ndarray) -> list[float]:
    y, x = instance.nonzero()
    mean = float(score[instance].mean()) if len(x) else 0.0
    return [mean, float(len(x)), *torch.from_numpy(np.stack([x, y], 1).ravel()).float().tolist()]
