import copy

import numpy as np
import pytest
import tiny
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from mmocr.models.textdet import DBModuleLoss
from shapely.geometry import Point, Polygon

from mmocr_kd.adapters import draw_text_mask

SIZE = (48, 64)


def draw(samples, size=SIZE, input_size=SIZE, **fields):
    return draw_text_mask(samples, torch.zeros(len(samples), *size), input_size, **fields)


corner = st.tuples(st.integers(-20, 84), st.integers(-20, 68))


@settings(max_examples=60, deadline=None)
@given(st.lists(corner, min_size=3, max_size=6, unique=True))
def test_equals_point_in_polygon(corners):
    hull = Polygon(corners).convex_hull
    if hull.geom_type != 'Polygon' or hull.area < 1:
        return
    polygon = np.array(hull.exterior.coords[:-1]).flatten()
    mask = draw([tiny.sample([polygon], size=SIZE)])[0]
    for y in range(0, SIZE[0], 3):
        for x in range(0, SIZE[1], 3):
            point = Point(x, y)
            if hull.exterior.distance(point) > 1.5:  # cv2 draws the outline as well, in pixels
                assert mask[y, x].item() == hull.contains(point)


@pytest.mark.parametrize('polygon', [[0, 2, 0, 3, -3, 0], [-9, 4, -1, 20, -9, 30],
                                     [10, -9, 30, -1, 50, -9], [65, 4, 70, 20, 65, 30]])
def test_nothing_outside_is_pulled_onto_the_border(polygon):
    assert draw([tiny.sample([polygon])]).sum() <= 2  # the corners that do lie on it


def test_several_instances_and_images():
    mask = draw([tiny.sample([tiny.box(2, 3, 10, 8), tiny.box(30, 20, 10, 8)]), tiny.sample([])])
    assert mask.dtype == torch.bool and mask.shape == (2, *SIZE)
    assert mask[0, 3:12, 2:13].all() and mask[0, 20:29, 30:41].all()
    assert mask.sum() == 2 * 9 * 11


def test_is_drawn_at_the_size_of_the_logits():
    samples = [tiny.sample([tiny.box(8, 8, 40, 24)])]
    small = draw(samples, size=(12, 16))[0]
    assert small[2:9, 2:13].all() and small.sum() == 7 * 11


@given(st.sampled_from([1, 2, 4, 8]), st.sampled_from([1, 2, 4, 8]),
       st.tuples(st.integers(0, 3), st.integers(0, 2), st.integers(1, 3), st.integers(1, 2)))
def test_x_and_y_shrink_by_factors_of_their_own(down_x, down_y, place):
    left, top, width, height = (8 * side for side in place)
    samples = [tiny.sample([tiny.box(left, top, width, height)])]
    small = draw(samples, size=(SIZE[0] // down_y, SIZE[1] // down_x))[0]
    expected = torch.zeros_like(small)
    expected[top // down_y:(top + height) // down_y + 1,
             left // down_x:(left + width) // down_x + 1] = True
    assert torch.equal(small, expected)


def test_tiny_text_survives_low_resolution():
    assert draw([tiny.sample([tiny.box(9, 9, 6, 2)])], size=(12, 16)).any()


def test_ignored_instances_are_left_out_unless_asked_for():
    samples = [tiny.sample([tiny.box(2, 3), tiny.box(0, 30, 9, 9)], [True, False])]
    assert not draw(samples)[0, :28].any() and draw(samples)[0, 30:].any()
    assert draw(samples, include_ignored=True)[0, 3:28].any()
    assert not draw([tiny.sample([tiny.box(2, 3)], [True])]).any()


@pytest.mark.parametrize('polygon', [
    [1, 1, 5, 5], [3, 3] * 4, [1, 1, 5, 5, 9, 9, 3, 3], [float('nan')] * 8,
    [0, 0, float('inf'), 0, 5, 5, 0, 5], [-90, -90, -50, -90, -50, -50, -90, -50],
    [1e8, 1e8, 2e8, 1e8, 2e8, 2e8, 1e8, 2e8],
])
@pytest.mark.parametrize('kind', ['text', 'kernel'])
def test_degenerate_and_outside_polygons_draw_nothing(polygon, kind):
    good = tiny.box(20, 10, 30, 20)
    both = draw([tiny.sample([polygon, good])], kind=kind)
    assert torch.equal(both, draw([tiny.sample([good])], kind=kind))


def test_a_polygon_partly_outside_is_cut_off():
    mask = draw([tiny.sample([tiny.box(-1e6, -1e6, 1e6 + 10, 1e6 + 5)])])[0]
    assert mask[:6, :11].all() and mask.sum() == 66


def test_kernel_is_dbs_own_target():
    size = (192, 256)
    polygons = [tiny.box(20, 20, 200, 56),
                np.array([40, 100, 220, 120, 200, 180, 32, 160], np.float32)]
    samples = [tiny.sample(polygons, size=size)]
    kernel = draw(samples, size, size, kind='kernel')[0].numpy()
    target = np.asarray(DBModuleLoss().get_targets(copy.deepcopy(samples))[0])[0]
    assert (kernel != (target > 0)).mean() < .001
    assert kernel.sum() < draw(samples, size, size)[0].sum()


def test_annotations_are_only_read():
    samples = [tiny.sample([tiny.box(5, 5)])]
    before = copy.deepcopy(samples[0].gt_instances)
    for kind in ('text', 'kernel'):
        draw(samples, kind=kind)
    after = samples[0].gt_instances
    assert np.array_equal(before.polygons[0], after.polygons[0])
    assert torch.equal(before.ignored, after.ignored)


def test_mmocr_still_corrupts_its_polygons():
    """Why masks are drawn first. When this fails, MMOCR was mended and the order is free."""
    samples = [tiny.sample([tiny.box(20, 15, 30, 20)], size=SIZE)]
    before = draw(samples)
    DBModuleLoss().get_targets(samples)
    assert not torch.equal(before, draw(samples))
