"""Growing text kernels into text instances: what PSENet and PANet do after their networks.

Both are breadth-first searches from pixel to pixel, in which the first to arrive keeps the pixel.
Here a whole front of pixels takes one step at a time, in the order of the queue that MMCV's
compiled operators work off, so that ties end alike.
"""
from __future__ import annotations

from typing import Callable, Iterator

import cv2
import numpy as np

_STEPS = ((-1, 0), (1, 0), (0, -1), (0, 1))  # the order in which a pixel's neighbours are taken
# (rows, columns, labels that want them) -> which may be taken.
Allow = Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]


def grow_kernels(kernels: np.ndarray, min_kernel_area: int) -> np.ndarray:
    """PSENet's scale expansion as MMCV does it, into the largest kernel at once.

    Args:
        kernels: Masks from the largest to the smallest, uint8, shape (K, h, w).
        min_kernel_area: Smaller instances, in pixels, are dropped.

    Returns:
        The instance of each pixel from 1 on, 0 elsewhere; shape (h, w).
    """
    number, labels = cv2.connectedComponents(kernels[-1], connectivity=4)
    return expand(kernels, labels, min_kernel_area, number)


def expand(kernels: np.ndarray, labels: np.ndarray, min_kernel_area: int,
           number: int) -> np.ndarray:
    """The same from instances in the smallest kernel, shape (h, w), ``number`` with background."""
    labels = labels.copy()
    labels[np.bincount(labels.ravel(), minlength=number)[labels] < min_kernel_area] = 0
    if len(kernels) > 1:
        largest = kernels[0] > 0
        grow(labels, np.stack(labels.nonzero()), lambda y, x, label: largest[y, x])
    return labels


def group_pixels(text: np.ndarray, kernel: np.ndarray, vectors: np.ndarray,
                 distance: float) -> Iterator[np.ndarray]:
    """PANet's pixel aggregation.

    Args:
        text: Text pixels, bool, shape (h, w).
        kernel: Kernel pixels among them.
        vectors: Embedding of each pixel, float32, shape (h, w, C).
        distance: Largest distance from the mean embedding of an instance's kernel.

    Yields:
        Pixels of each instance, bool, shape (h, w).
    """
    kernel = kernel.astype(np.uint8)
    number, labels = cv2.connectedComponents(kernel, connectivity=4)
    contours, _ = cv2.findContours(kernel * 255, cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
    edges = cv2.drawContours(np.zeros(text.shape, np.uint8), contours, -1, (255, ))
    labels = aggregate(text, vectors, labels, edges, number, distance)
    return (labels == label for label in range(1, number))


def aggregate(text: np.ndarray, vectors: np.ndarray, labels: np.ndarray, edges: np.ndarray,
              number: int, distance: float) -> np.ndarray:
    """The same from labelled kernels and their edges; ``number`` counts the background."""
    labels = labels.copy()
    means = _means(labels, vectors, number)

    def near(y: np.ndarray, x: np.ndarray, label: np.ndarray) -> np.ndarray:
        far = np.square(means[label] - vectors[y, x]).sum(1)
        return np.asarray(text[y, x] & (far < distance**2))

    grow(labels, np.stack(((labels > 0) & (edges > 0)).nonzero()), near)
    return labels


def grow(labels: np.ndarray, front: np.ndarray, allow: Allow) -> None:
    """Label what can be reached from a front (2, n), in place."""
    while front.shape[1]:
        front = _advance(labels, front, allow)


def _advance(labels: np.ndarray, front: np.ndarray, allow: Allow) -> np.ndarray:
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
