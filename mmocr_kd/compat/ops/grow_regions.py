"""Growing text kernels into text instances: what PSENet and PANet do after their networks.

Both are breadth-first searches from pixel to pixel, in which the first to arrive keeps the pixel.
Here a whole front of pixels takes one step at a time, in the order of the queue the compiled
operators work off, so that ties end alike.
"""
from __future__ import annotations

from typing import Callable

import numpy as np
import torch
from torch import Tensor

_STEPS = ((-1, 0), (1, 0), (0, -1), (0, 1))  # the order in which a pixel's neighbours are taken
# (rows, columns, labels that want them) -> which may be taken.
_Allow = Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]


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
    labels = internal_kernel_label.numpy().copy()
    labels[np.bincount(labels.ravel(), minlength=kernel_num)[labels] < min_kernel_area] = 0
    if len(kernel_mask) > 1:
        largest = kernel_mask[0].numpy() > 0
        _grow(labels, np.stack(labels.nonzero()), lambda y, x, label: largest[y, x])
    rows: list[list[int]] = labels.tolist()
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
    labels, vectors = kernel_label.numpy().copy(), embedding.numpy()
    means = _means(labels, vectors, kernel_region_num)

    def near(y: np.ndarray, x: np.ndarray, label: np.ndarray) -> np.ndarray:
        distance = np.square(means[label] - vectors[y, x]).sum(1)
        return np.asarray(mask.numpy()[y, x] & (distance < distance_threshold**2))

    _grow(labels, np.stack(((labels > 0) & (kernel_contour.numpy() > 0)).nonzero()), near)
    return [_describe(labels == label, score.numpy()) if label else [0.0, 0.0]
            for label in range(kernel_region_num)]


def _grow(labels: np.ndarray, front: np.ndarray, allow: _Allow) -> None:
    """Label what can be reached from a front (2, n), in place."""
    while front.shape[1]:
        front = _advance(labels, front, allow)


def _advance(labels: np.ndarray, front: np.ndarray, allow: _Allow) -> np.ndarray:
    """Label the free neighbours of a front (2, n) in place; returns them, in order."""
    near = (front[:, :, None] + np.array(_STEPS).T[:, None]).reshape(2, -1)
    inside = ((near >= 0) & (near < np.array(labels.shape)[:, None])).all(0)
    wanted = labels[tuple(front)].repeat(len(_STEPS))[inside]
    near = near[:, inside]
    free = (labels[tuple(near)] == 0) & allow(near[0], near[1], wanted)
    near, wanted = near[:, free], wanted[free]
    first = np.sort(np.unique(near[0] * labels.shape[1] + near[1], return_index=True)[1])
    labels[tuple(near[:, first])] = wanted[first]
    return near[:, first]


def _means(labels: np.ndarray, vectors: np.ndarray, number: int) -> np.ndarray:
    inside = labels > 0
    sums = np.zeros((number, vectors.shape[2]))
    np.add.at(sums, labels[inside], vectors[inside])
    counts = np.bincount(labels[inside], minlength=number)
    return sums / counts.clip(1)[:, None]


def _describe(instance: np.ndarray, score: np.ndarray) -> list[float]:
    y, x = instance.nonzero()
    mean = float(score[instance].mean()) if len(x) else 0.0
    return [mean, float(len(x)), *torch.from_numpy(np.stack([x, y], 1).ravel()).float().tolist()]
