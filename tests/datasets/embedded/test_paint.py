import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmocr_kd.datasets.embedded.paint import paint_scene
from mmocr_kd.datasets.embedded.plan import plan_scene
from mmocr_kd.datasets.embedded.spec import SPLITS, SceneSpec


def text_pixels(plan):
    """Which pixels the letters changed clearly."""
    change = np.abs(paint_scene(plan).astype(int) - paint_scene(plan, letters=False))
    return change.max(-1) > 12


def mask_of(quads, shape):
    mask = np.zeros(shape, np.uint8)
    for quad in quads:
        cv2.fillConvexPoly(mask, np.round(quad).astype(np.int32), 1)
    return mask.astype(bool)


def widened(mask, pixels):
    return cv2.dilate(mask.astype(np.uint8), np.ones((2 * pixels + 1, ) * 2)).astype(bool)


@settings(max_examples=40)
@given(st.sampled_from(SPLITS), st.integers(0, 50), st.integers(0, 10**6), st.floats(0, 2))
def test_text_lies_within_the_polygons(split, seed, index, difficulty):
    plan = plan_scene(SceneSpec(split, seed, difficulty=difficulty), index)
    changed = text_pixels(plan)
    inside = mask_of([word.quad for word in plan.words], changed.shape)
    # A shadow or outline may leave the polygon, by at most a tenth of the font's size.
    reach = max((placed.block.font_size for placed in plan.blocks), default=0) // 10 + 2
    outside = changed & ~widened(inside, reach)
    assert not outside.any()


@pytest.mark.parametrize('split', SPLITS)
def test_every_polygon_holds_text_that_fills_it(split):
    checked = 0
    for index in range(25):
        plan = plan_scene(SceneSpec(split), index)
        changed = text_pixels(plan)
        for word in plan.words:
            share = changed[mask_of([word.quad], changed.shape)].mean()
            assert share > 0.04, (index, word)
            checked += 1
    assert checked > 100


def test_polygons_are_tight():
    plan = next(plan for plan in (plan_scene(SceneSpec(text_height=(40, 60)), i) for i in range(99))
                if plan.blocks and not any(p.block.shadow for p in plan.blocks))
    changed = text_pixels(plan).astype(np.float32)
    for word in plan.words:
        flat = np.array([[0, 0], [199, 0], [199, 99], [0, 99]], np.float32)
        view = cv2.getPerspectiveTransform(word.quad.astype(np.float32), flat)
        rows, columns = np.nonzero(cv2.warpPerspective(changed, view, (200, 100)) > 0.5)
        assert rows.min() < 12 and rows.max() > 87
        assert columns.min() < 24 and columns.max() > 175


def test_painting_twice_gives_the_same_and_leaves_the_photos_alone():
    plan = plan_scene(SceneSpec(), 3)
    first = paint_scene(plan)
    copy = first.copy()
    np.testing.assert_array_equal(paint_scene(plan), copy)
    assert first.shape == (320, 320, 3) and first.dtype == np.uint8


def test_image_size_is_width_then_height():
    assert paint_scene(plan_scene(SceneSpec(image_size=(200, 120)), 0)).shape == (120, 200, 3)


def test_letters_are_readable_against_what_is_behind_them():
    contrasts = []
    for index in range(40):
        plan = plan_scene(SceneSpec(), index)
        gray, behind = (cv2.cvtColor(paint_scene(plan, letters), cv2.COLOR_BGR2GRAY).astype(int)
                        for letters in (True, False))
        for word in plan.words:
            inside = mask_of([word.quad], gray.shape)
            contrasts.append(np.percentile(np.abs(gray - behind)[inside], 90))
    assert np.percentile(contrasts, 5) > 25 and np.median(contrasts) > 60
