"""From masks to outlines."""
import cv2
import numpy as np
import pytest

from mmocr_kd.models.spotters.mask_rcnn.detector_pass import mask_outline

BOX = np.array([1, 2, 30, 12], np.float32)


def drawn(*polygons, size=(60, 80)):
    mask = np.zeros(size, np.uint8)
    for polygon in polygons:
        cv2.fillPoly(mask, [np.array(polygon)], 1)
    return mask.astype(bool)


def iou(points, mask):
    other = drawn(np.round(points - .5).astype(int), size=mask.shape)
    return (other & mask).sum() / (other | mask).sum()


@pytest.mark.parametrize('kind', ['poly', 'quad'])
def test_a_rectangle(kind):
    mask = drawn([[10, 10], [50, 10], [50, 30], [10, 30]])
    points = mask_outline(mask, BOX, kind)
    assert points.shape == (4, 2) and points.dtype == np.float32
    np.testing.assert_allclose(sorted(map(tuple, points)),
                               [(10.5, 10.5), (10.5, 30.5), (50.5, 10.5), (50.5, 30.5)], atol=.01)


def test_the_largest_part():
    small, large = [[2, 2], [8, 2], [8, 8], [2, 8]], [[20, 20], [70, 25], [68, 45], [20, 40]]
    mask = drawn(small, large)
    assert iou(mask_outline(mask, BOX), drawn(large)) > .95


def test_curved_words_are_followed_within_the_tolerance():
    angles = np.linspace(0, np.pi, 40)
    circle = np.stack([np.cos(angles), np.sin(angles)], -1)
    arc = ([40, 20] + np.concatenate([circle * 35, (circle * 22)[::-1]])).astype(int)
    mask = drawn(arc)
    fine, coarse = (mask_outline(mask, BOX, tolerance=t) for t in (.5, 4))
    assert len(coarse) < len(fine) < 60
    assert iou(coarse, mask) < iou(fine, mask) and iou(fine, mask) > .93


@pytest.mark.parametrize('mask', [
    np.zeros((60, 80), bool), drawn([[5, 5], [5, 5], [5, 5]]), drawn([[5, 5], [30, 5], [30, 5]])])
def test_masks_without_area_give_the_box(mask):
    assert mask_outline(mask, BOX).tolist() == [[1, 2], [30, 2], [30, 12], [1, 12]]


@pytest.mark.parametrize('tolerance', [0, 1, 1000])
def test_always_a_polygon(tolerance):
    mask = drawn([[10, 10], [12, 10], [11, 12]])
    assert len(mask_outline(mask, BOX, tolerance=tolerance)) >= 3
