"""Which points lie in polygons."""
import cv2
import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mmocr_kd.models.spotters.mask_rcnn.masked_crops import inside

# Points half way between whole numbers, corners on whole ones: no point is on an edge by chance.
_CORNER = st.tuples(st.integers(0, 12), st.integers(0, 12))
GRID = torch.tensor([[x + .37, y + .61] for y in range(12) for x in range(12)])


@settings(max_examples=60)
@given(st.lists(st.lists(_CORNER, min_size=3, max_size=3), min_size=1, max_size=4))
def test_agrees_with_opencv(triangles):
    ours = inside(GRID.expand(len(triangles), -1, -1), torch.tensor(triangles).float())
    for triangle, mine in zip(triangles, ours):
        contour = np.array(triangle, np.float32)
        for point, one in zip(GRID.tolist(), mine):
            distance = cv2.pointPolygonTest(contour, point, measureDist=True)
            if abs(distance) > 1e-3:
                assert bool(one) == (distance > 0)


def test_concave():
    horseshoe = torch.tensor([[[0, 0], [9, 0], [9, 9], [6, 9], [6, 3], [3, 3], [3, 9], [0, 9.]]])
    points = torch.tensor([[[1.5, 5], [4.5, 5], [7.5, 5], [4.5, 1], [10, 5], [-1, 5]]])
    assert inside(points, horseshoe).tolist() == [[True, False, True, True, False, False]]


def test_repeated_points_change_nothing():
    square = torch.tensor([[1., 1], [5, 1], [5, 5], [1, 5]])
    longer = torch.cat([square, square[-1:].expand(3, 2)])
    points = torch.rand(1, 50, 2) * 6
    assert torch.equal(inside(points, square[None]), inside(points, longer[None]))


def test_a_polygon_without_area_and_none():
    line = torch.tensor([[[1., 1], [5, 5], [5, 5]]])
    assert not inside(torch.tensor([[[2., 3], [3, 2]]]), line).any()
    assert inside(torch.zeros(0, 4, 2), torch.zeros(0, 3, 2)).shape == (0, 4)
