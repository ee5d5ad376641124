"""Corners in reading order, whatever the polygon."""
import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmocr_kd.models.spotters.quad_crops import reading_quads

WORD = np.array([[10, 10], [50, 10], [50, 22], [10, 22]], np.float32)


def _turned(points, degrees):
    angle = np.deg2rad(degrees)
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    return ((points - 30) @ turn + 30).astype(np.float32)


def _one(polygon, **fields):
    return reading_quads([polygon], **fields)[0]



@pytest.mark.parametrize('corners', ['annotated', 'upright'])
@pytest.mark.parametrize('degrees', [-40, -5, 0, 5, 40])
def test_a_tilted_word_keeps_its_corners(corners, degrees):
    word = _turned(WORD, degrees)
    np.testing.assert_allclose(_one(word.ravel(), corners=corners), word, atol=1e-2)


def test_annotated_corners_are_believed_upside_down():
    word = _turned(WORD, 180)
    np.testing.assert_array_equal(_one(word, corners='annotated'), word)
    np.testing.assert_allclose(_one(word), np.roll(word, 2, axis=0), atol=1e-2)


@pytest.mark.parametrize('start', range(4))
@pytest.mark.parametrize('step', [1, -1])
def test_upright_does_not_depend_on_where_a_polygon_starts(start, step):
    word = _turned(WORD, 12)
    np.testing.assert_allclose(_one(np.roll(word, start, axis=0)[::step]), word, atol=1e-2)


def test_an_annotation_against_the_clock_is_not_mirrored():
    np.testing.assert_array_equal(_one(WORD[[0, 3, 2, 1]], corners='annotated'), WORD)


@pytest.mark.parametrize('corners', ['annotated', 'upright'])
def test_vertical_words_are_turned_counter_clockwise(corners):
    tall = np.array([[10, 10], [20, 10], [20, 40], [10, 40]], np.float32)
    quad = _one(tall, corners=corners)
    np.testing.assert_allclose(quad, [[20, 10], [20, 40], [10, 40], [10, 10]], atol=1e-2)
    image = np.arange(50 * 50, dtype=np.float32).reshape(50, 50)
    flat = np.array([[0, 0], [30, 0], [30, 10], [0, 10]], np.float32) - .5
    crop = cv2.warpPerspective(image, cv2.getPerspectiveTransform(quad - .5, flat), (30, 10))
    np.testing.assert_allclose(crop, np.rot90(image[10:40, 10:20]), atol=.1)


def test_words_turned_downwards_are_read_the_same_from_both_kinds_of_corners():
    """Data sets start at the word's own top left; detectors do not know where that is."""
    word = _turned(WORD, 85)
    np.testing.assert_allclose(_one(word, corners='annotated'), _one(word), atol=1e-2)


def test_polygons_of_many_points_get_the_smallest_rectangle():
    top = [[10, 12], [20, 8], [30, 8], [40, 12]]
    bottom = [[40, 24], [30, 20], [20, 20], [10, 24]]
    quad = _one(np.array(top + bottom), corners='annotated')
    np.testing.assert_allclose(quad, [[10, 8], [40, 8], [40, 24], [10, 24]], atol=1e-2)


@pytest.mark.parametrize('points', [
    [[5, 5]] * 4,  # a point
    [[5, 5], [20, 5], [20, 5], [5, 5]],  # a line
    [[0, 0], [20, 10], [20, 0], [0, 10]],  # crossed
    [[0, 0], [20, 0], [5, 3], [0, 20]],  # concave
    [[0, 0], [20, 0], [5, 8]],  # a triangle
])
def test_what_is_no_quad_still_gives_one(points):
    quad = _one(np.array(points), corners='annotated')
    sides = np.linalg.norm(np.roll(quad, -1, axis=0) - quad, axis=1)
    assert sides.min() >= 1 - 1e-3
    assert cv2.isContourConvex(quad)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 50), st.integers(0, 50)), min_size=3, max_size=8),
       st.sampled_from(['annotated', 'upright']))
def test_every_polygon_gives_a_convex_quad_clockwise(points, corners):
    quad = _one(np.array(points), corners=corners)
    edges = np.roll(quad, -1, axis=0) - quad
    following = np.roll(edges, -1, axis=0)
    assert (edges[:, 0] * following[:, 1] - edges[:, 1] * following[:, 0] > 0).all()


def test_no_polygons():
    assert reading_quads([]).shape == (0, 4, 2)


def test_does_not_touch_the_polygons():
    tall = np.array([10, 40, 10, 10, 20, 10, 20, 40], np.float32)
    before = tall.copy()
    reading_quads([tall], corners='annotated')[0][:] = 0
    np.testing.assert_array_equal(tall, before)


@pytest.mark.parametrize('polygons, corners, match', [
    ([WORD], 'first', "corners='first'"),
    ([[1, 2, 3, 4]], 'upright', 'at least three points'),
    ([[1, 2, 3, 4, 5]], 'upright', 'no polygon'),
    ([[0, 0, 5, np.nan, 5, 5]], 'upright', 'finite'),
])
def test_bad_input(polygons, corners, match):
    with pytest.raises(ValueError, match=match):
        reading_quads(polygons, corners)
