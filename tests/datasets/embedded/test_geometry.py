import numpy as np
from hypothesis import assume, given
from hypothesis import strategies as st
from shapely.geometry import Polygon

from mmocr_kd.datasets.embedded.geometry import (
    area,
    box_to_quad,
    overlaps,
    tilt,
    transform,
    translation,
)

numbers = st.floats(-100, 100)
quads = st.lists(st.tuples(numbers, numbers), min_size=4, max_size=4).map(np.array)


def view(width, height, roll, yaw, pitch, x, y):
    quad = transform(box_to_quad((0, 0, width, height)),
                     tilt((width, height), roll, yaw, pitch, 1.6 * max(width, height)))
    return quad + [x, y]


angles, sides = st.floats(-0.8, 0.8), st.floats(5, 80)
views = st.builds(view, sides, sides, angles, angles, angles, numbers, numbers)


@given(quads)
def test_area_is_the_signed_area_of_the_polygon(quad):
    x, y = quad.T
    shoelace = (x * np.roll(y, -1) - y * np.roll(x, -1)).sum() / 2
    assert np.isclose(area(quad), shoelace, atol=1e-6)


@given(views, st.lists(views, max_size=3))
def test_overlaps_agrees_with_shapely(quad, others):
    shared = [Polygon(quad).intersection(Polygon(other)).area for other in others]
    assume(all(area == 0 or area > 0.1 for area in shared))
    assert overlaps(quad, np.reshape(others, (-1, 4, 2))) == any(shared)


def test_sides_that_lie_on_each_other_are_no_overlap_but_what_lies_between_is():
    square = box_to_quad((0, 0, 5, 5))
    assert not overlaps(square, np.array([square + [5, 0], square - [0, 5]]))
    assert overlaps(square, square[None])
    assert overlaps(square, np.array([square + [9, 0], box_to_quad((0, -1, 5, 6))]))


def test_no_tilt_only_moves_the_origin_to_the_centre():
    points = box_to_quad((0, 0, 60, 20))
    assert np.allclose(transform(points, tilt((60, 20), 0, 0, 0, 100)), points - [30, 10])


@given(st.floats(-3, 3))
def test_roll_turns_clockwise_as_seen(angle):
    middle_right = np.array([[60., 10.]])
    turned = transform(middle_right, tilt((60, 20), angle, 0, 0, 100))
    assert np.allclose(turned, [[30 * np.cos(angle), 30 * np.sin(angle)]])


def test_yaw_and_pitch_shorten_and_shrink_the_far_side():
    quad = transform(box_to_quad((0, 0, 60, 20)), tilt((60, 20), 0, 0.5, 0, 100))
    left, right = quad[3, 1] - quad[0, 1], quad[2, 1] - quad[1, 1]
    assert abs(left - right) > 1 and np.ptp(quad[:, 0]) < 60
    quad = transform(box_to_quad((0, 0, 60, 20)), tilt((60, 20), 0, 0, 0.5, 100))
    assert abs(np.ptp(quad[:2, 0]) - np.ptp(quad[2:, 0])) > 1 and np.ptp(quad[:, 1]) < 20


@given(st.floats(-0.7, 0.7), st.floats(-0.7, 0.7), st.floats(-0.7, 0.7))
def test_a_tilted_box_stays_convex_and_clockwise(roll, yaw, pitch):
    quad = transform(box_to_quad((0, 0, 90, 30)), tilt((90, 30), roll, yaw, pitch, 144))
    assert area(quad) > 0
    assert np.isclose(Polygon(quad).convex_hull.area, Polygon(quad).area)


@given(quads, numbers, numbers)
def test_translation(quad, x, y):
    assert np.allclose(transform(quad, translation(x, y)), quad + [x, y])
