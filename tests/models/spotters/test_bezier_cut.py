"""Outlines of words as Bezier curves."""
import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from mmocr_kd.models.spotters.bezier_cut import bernstein, chord_positions, fit_curve, fit_outline

NUMBERS = st.floats(-500, 500, width=32)


def positions(count):
    return np.concatenate([[0], np.sort(np.random.default_rng(count).random(count - 2)), [1]])


@given(arrays(np.float64, (4, 2), elements=NUMBERS), st.integers(4, 12))
def test_finds_the_cubic_that_points_are_on(control, count):
    where = positions(count)
    assert np.allclose(fit_curve(bernstein(where) @ control, where), control, atol=1e-4)


@given(arrays(np.float64, (6, 2), elements=NUMBERS), st.integers(2, 6),
       arrays(np.float64, (2, 2), elements=st.floats(-3, 3)),
       arrays(np.float64, (2, ), elements=NUMBERS))
def test_follows_affine_maps(points, count, matrix, shift):
    points, where = points[:count], positions(count)
    fitted = fit_curve(points, where)
    assert np.allclose(fit_curve(points @ matrix + shift, where), fitted @ matrix + shift,
                       atol=1e-4)


@example(np.array([[0, 0]] * 4 + [[57, 0], [2.8484663e-12, 0], [0, 0], [1, 0]], np.float32), 1.5, 0)
@example(np.array([[1, 1]] * 4 + [[1.1754944e-38, 1], [0, 1], [1, 1], [1, 1]], np.float32), 1, 1)
@given(arrays(np.float32, (8, 2), elements=NUMBERS), st.floats(0.1, 2), st.floats(0, 6.3))
def test_outlines_follow_scaling_and_rotation(polygon, scale, angle):
    matrix = scale * np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    expected = fit_outline(polygon).reshape(8, 2) @ matrix
    assert np.allclose(fit_outline(polygon @ matrix).reshape(8, 2), expected, atol=0.5)


def test_sides_of_a_quad_are_lines_divided_in_three():
    beziers = fit_outline([0, 0, 90, 30, 90, 60, 0, 30]).reshape(2, 4, 2)
    assert np.allclose(beziers[0], [[0, 0], [30, 10], [60, 20], [90, 30]])
    assert np.allclose(beziers[1], [[90, 60], [60, 50], [30, 40], [0, 30]])


def test_follows_a_circle():
    angles = np.linspace(np.pi * 5 / 6, np.pi / 6, 7)
    arc = np.stack([np.cos(angles), -np.sin(angles)], 1) * 100
    polygon = np.concatenate([arc, arc[::-1] * 0.7])
    upper = fit_outline(polygon).reshape(2, 4, 2)[0]
    radius = np.linalg.norm(bernstein(np.linspace(0, 1, 50)) @ upper, axis=1)
    assert np.abs(radius - 100).max() < 1
    assert np.allclose(upper[[0, -1]], arc[[0, -1]], atol=1e-4)


@pytest.mark.parametrize('count', [5, 7, 9])
def test_odd_numbers_of_corners(count):
    polygon = np.random.default_rng(0).uniform(0, 100, (count, 2))
    beziers = fit_outline(polygon).reshape(2, 4, 2)
    assert np.allclose(beziers[0, -1], polygon[count // 2 - 1], atol=1e-4)
    assert np.allclose(beziers[1, [0, -1]], polygon[[count // 2, -1]], atol=1e-4)


@pytest.mark.parametrize('polygon', [[5, 5] * 4, [0, 0, 0, 0, 9, 0, 9, 9, 9, 9, 0, 9]])
def test_repeated_corners(polygon):
    assert np.isfinite(fit_outline(polygon)).all()


def test_positions_are_shares_of_the_length():
    assert chord_positions(np.array([[0., 0], [3, 4], [3, 9]])).tolist() == [0, 0.5, 1]


def test_three_corners_are_no_word():
    with pytest.raises(ValueError, match='3 corners.*at least 4'):
        fit_outline([0, 0, 9, 0, 9, 9])
