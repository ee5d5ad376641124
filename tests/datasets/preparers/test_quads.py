import itertools

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from shapely.geometry import Polygon

from mmocr_kd.datasets.preparers.annotation_file import Line
from mmocr_kd.datasets.preparers.quads import to_instance
from mmocr_kd.reader.quads import clockwise, signed_area

SQUARE = np.array([[0, 0], [10, 0], [10, 10], [0, 10]], float)
LINE = Line('0,0', 'a.txt, line 3')
integers = st.integers(-50, 50)
quads = st.lists(st.tuples(integers, integers), min_size=4, max_size=4, unique=True).map(
    lambda points: np.array(points, float))


@pytest.mark.parametrize('order', list(itertools.permutations(range(4))))
def test_any_order_of_a_square_becomes_clockwise_from_its_first_corner(order):
    points = clockwise(SQUARE[list(order)])
    start = order[0]
    np.testing.assert_array_equal(points, np.roll(SQUARE, -start, axis=0))


@given(quads)
def test_the_result_is_simple_clockwise_and_has_the_same_corners(points):
    hull = Polygon(points).convex_hull
    assume(hull.geom_type == 'Polygon' and len(hull.exterior.coords) == 5)
    ordered = clockwise(points)
    assert Polygon(ordered).is_valid and signed_area(ordered) > 0
    assert sorted(map(tuple, ordered)) == sorted(map(tuple, points))
    np.testing.assert_array_equal(ordered[0], points[0])


@given(quads)
def test_a_simple_quad_keeps_its_sides(points):
    shape = Polygon(points)
    assume(shape.is_valid and shape.area > 0)
    assert Polygon(clockwise(points)).equals(shape)


def test_instances_are_what_mmocrs_packer_wants():
    assert to_instance(LINE, SQUARE, ignore=np.bool_(True), text='a') == [
        dict(poly=[0, 0, 10, 0, 10, 10, 0, 10], ignore=True, text='a')]


@pytest.mark.parametrize('points', [[[5, 5]] * 4, [[0, 0], [10, 0], [10, 0], [0, 0]],
                                    [[0, 0], [3, 3], [6, 6], [9, 9]]])
def test_boxes_without_area_are_left_out_with_a_warning(points):
    with pytest.warns(UserWarning, match=r'a\.txt, line 3.*no area'):
        assert to_instance(LINE, np.array(points, float), ignore=False) == []
