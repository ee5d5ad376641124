import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mmocr.utils import poly_intersection, poly_iou, polys2shapely

from mmocr_kd.evaluation.polygon_overlaps import (
    covered_shares,
    intersection_areas,
    ious,
    to_geometries,
)

BAD = [[0, 0, 1, 1], [0, 0, 1, 1, 2, 2, 3], [0, 0, 1, 1, 2, np.nan], [0, 0, np.inf, 1, 2, 2],
       [1e39, 0, 1, 1, 2, 2], [], None]


def geometries(polygons):
    return to_geometries(polygons, 'p', [True] * len(polygons))


def random_polygons(count, seed):
    """Convex, concave and self-crossing polygons of 3 to 8 corners."""
    rng = np.random.default_rng(seed)
    return [(rng.uniform(0, 60, 2) + rng.uniform(0, 40, (rng.integers(3, 9), 2))).ravel()
            for _ in range(count)]


@pytest.mark.parametrize('seed', range(4))
def test_equal_to_mmocrs_pair_by_pair(seed):
    rows, columns = random_polygons(7, seed), random_polygons(9, seed + 100)
    a, b = geometries(rows), geometries(columns)
    shared = intersection_areas(a, b)
    expected = [[poly_intersection(p, q) for q in polys2shapely(columns)]
                for p in polys2shapely(rows)]
    np.testing.assert_allclose(shared, expected, atol=1e-9)
    expected = [[poly_iou(p, q) for q in polys2shapely(columns)] for p in polys2shapely(rows)]
    np.testing.assert_allclose(ious(a, b, shared), expected, atol=1e-9)
    assert shared.any() and not shared.all()


def test_rectangles_by_hand():
    a = geometries([[0, 0, 4, 0, 4, 4, 0, 4]])
    b = geometries([[2, 0, 6, 0, 6, 2, 2, 2], [4, 0, 8, 0, 8, 4, 4, 4]])
    shared = intersection_areas(a, b)
    assert shared.tolist() == [[4, 0]]
    np.testing.assert_allclose(ious(a, b, shared), [[4 / 20, 0]])
    np.testing.assert_allclose(covered_shares(b, shared), [[.5, 0]])


def test_the_unit_of_length_does_not_matter():
    """Such as where coordinates are shares of the image's sides."""
    rows, columns = random_polygons(5, 0), random_polygons(6, 1)
    found = []
    for scale in (1, 1 / 256):
        a, b = (geometries([p * scale for p in polygons]) for polygons in (rows, columns))
        shared = intersection_areas(a, b)
        found.append([ious(a, b, shared), covered_shares(b, shared)])
    np.testing.assert_allclose(*found, rtol=1e-4, atol=1e-6)
    assert found[0][0].any()


def test_lines_overlap_nothing():
    line = geometries([[0, 0, 4, 4, 2, 2]])
    shared = intersection_areas(line, line)
    assert ious(line, line, shared).tolist() == covered_shares(line, shared).tolist() == [[0]]


@pytest.mark.parametrize('rows, columns', [(0, 0), (0, 3), (3, 0)])
def test_nothing_overlaps_nothing(rows, columns):
    a, b = (geometries(random_polygons(n, 0)) for n in (rows, columns))
    shared = intersection_areas(a, b)
    assert shared.shape == ious(a, b, shared).shape == covered_shares(b, shared).shape == (
        rows, columns)


@pytest.mark.parametrize('bad', BAD)
def test_no_polygon(bad):
    with pytest.raises(ValueError, match=r'pred\[1\].* is no polygon: expected at least three'):
        to_geometries([[0, 0, 1, 0, 1, 1], bad], 'pred', [False, True])


@pytest.mark.parametrize('bad', BAD)
def test_no_polygon_where_none_is_needed(bad):
    square = [0, 0, 4, 0, 4, 4, 0, 4]
    rows = to_geometries([bad, square], 'gt', [False, True])
    columns = geometries([square])
    shared = intersection_areas(rows, columns)
    assert ious(rows, columns, shared).tolist() == [[0], [1]]
    assert covered_shares(columns, shared).tolist() == [[0], [1]]


COORDINATES = st.one_of(st.integers(-3, 3), st.floats(width=32), st.floats(-10, 10, width=32))
POLYGONS = st.lists(st.lists(COORDINATES, max_size=12), max_size=4)


@settings(max_examples=300, deadline=None)
@given(POLYGONS, POLYGONS)
def test_whatever_lies_there_can_be_compared(rows, columns):
    """Corners on each other or on lines, crossings, huge and non-finite numbers, odd counts."""
    a, b = (to_geometries(polygons, 'p', [False] * len(polygons)) for polygons in (rows, columns))
    shared = intersection_areas(a, b)
    for values in (ious(a, b, shared), covered_shares(b, shared)):
        assert values.shape == (len(rows), len(columns))
        assert ((values >= 0) & (values <= 1 + 1e-6)).all()
