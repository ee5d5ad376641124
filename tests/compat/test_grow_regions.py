"""Growing kernels, against the definition: one queue, pixel by pixel."""
from collections import deque

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mmcv.ops import contour_expand, pixel_group

STEPS = ((-1, 0), (1, 0), (0, -1), (0, 1))


def neighbours(labels, y, x):
    for dy, dx in STEPS:
        if 0 <= y + dy < labels.shape[0] and 0 <= x + dx < labels.shape[1]:
            yield y + dy, x + dx


def expanded(masks, labels, min_area):
    """As the compiled operator expands: at once, into the largest kernel."""
    grown = np.where(np.bincount(labels.ravel())[labels] < min_area, 0, labels)
    queue = deque(zip(*grown.nonzero())) if len(masks) > 1 else deque()
    while queue:
        y, x = queue.popleft()
        for near in neighbours(grown, y, x):
            if masks[0][near] and not grown[near]:
                grown[near] = grown[y, x]
                queue.append(near)
    return grown


def grouped(mask, embedding, labels, contour, threshold):
    grown = labels.copy()
    queue = deque(zip(*((labels > 0) & (contour > 0)).nonzero()))
    while queue:
        y, x = queue.popleft()
        mean = embedding[labels == grown[y, x]].mean(0)
        for near in neighbours(grown, y, x):
            distance = np.linalg.norm(embedding[near] - mean)
            if mask[near] and not grown[near] and distance < threshold:
                grown[near] = grown[y, x]
                queue.append(near)
    return grown


@st.composite
def kernels(draw):
    """Nested masks, from the largest to the smallest, and the instances in the smallest."""
    rng = np.random.default_rng(draw(st.integers(0, 10**6)))
    height, width, number = (draw(st.integers(1, 12)) for _ in range(3))
    noise = cv2.blur(rng.random((height, width)), (2, 2))
    masks = np.stack([noise > level for level in np.linspace(.3, .6, number)]).astype(np.uint8)
    return masks, *cv2.connectedComponents(masks[-1], connectivity=4)[::-1]


@given(kernels(), st.integers(0, 4))
def test_contour_expand(found, min_area):
    masks, labels, number = found
    grown = contour_expand(masks, labels, min_area, number)
    assert np.array_equal(grown, expanded(masks, labels, min_area))


@given(kernels(), st.sampled_from([.05, .3, .6, 2.]), st.integers(0, 99))
def test_pixel_group(found, threshold, seed):
    masks, labels, number = found
    rng = np.random.default_rng(seed)
    mask, contour = masks[0] > 0, (rng.random(labels.shape) > .3).astype(np.uint8) * 255
    embedding = rng.random((*labels.shape, 3)).astype(np.float32)
    score = rng.random(labels.shape).astype(np.float32)
    groups = pixel_group(score, mask, embedding, labels, contour, number, threshold)
    grown = grouped(mask, embedding, labels, contour, threshold)
    assert len(groups) == number and groups[0] == [0, 0]
    for label in range(1, number):
        y, x = (grown == label).nonzero()
        mean, count, *points = groups[label]
        assert count == len(x) and np.array_equal(np.reshape(points, (-1, 2)), np.stack([x, y], 1))
        assert mean == pytest.approx(score[y, x].mean(), rel=1e-5)


def test_nothing_to_grow():
    nothing = np.zeros((3, 4), np.int32)
    assert np.array_equal(contour_expand(np.ones((2, 3, 4), np.uint8), nothing, 0, 1), nothing)
    flat = nothing.astype(np.float32)
    assert pixel_group(flat, flat > 0, np.zeros((3, 4, 2), np.float32), nothing,
                       nothing.astype(np.uint8), 1, .8) == [[0, 0]]
