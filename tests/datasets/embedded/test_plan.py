import hashlib
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely.geometry import Polygon

from mmocr_kd.datasets.embedded.geometry import area
from mmocr_kd.datasets.embedded.plan import plan_scene
from mmocr_kd.datasets.embedded.spec import PER, SPLITS, SceneSpec

specs = st.builds(
    SceneSpec, st.sampled_from(SPLITS), st.integers(0, 1000),
    st.tuples(st.integers(64, 700), st.integers(64, 700)),
    st.tuples(st.integers(6, 30), st.integers(30, 90)), st.just((0, 8)), st.floats(0, 2),
    st.sampled_from(PER))
indices = st.integers(0, 10**6)


def quads_of(plan):
    return [word.quad for word in plan.words]


@settings(max_examples=150)
@given(specs, indices)
def test_quads_are_inside_the_image_convex_clockwise_and_not_degenerate(spec, index):
    for quad in quads_of(plan_scene(spec, index)):
        assert quad.shape == (4, 2)
        assert (quad >= 0).all() and (quad <= np.array(spec.image_size) - 1).all()
        assert area(quad) > 4
        shape = Polygon(quad)
        assert shape.is_valid and np.isclose(shape.convex_hull.area, shape.area)
        assert np.linalg.norm(quad - np.roll(quad, 1, 0), axis=1).min() > 0.5


@settings(max_examples=60)
@given(specs, indices)
def test_boards_do_not_overlap(spec, index):
    boards = [Polygon(placed.quad) for placed in plan_scene(spec, index).blocks]
    assert all(one.intersection(other).area < 0.5 for one, other in combinations(boards, 2))


@settings(max_examples=60)
@given(specs, indices)
def test_unreadable_words_and_only_those_are_ignored(spec, index):
    plan = plan_scene(spec, index)
    for placed in plan.blocks:
        sizes = []
        words = placed.words(plan.degradation.legible_height)
        for item, word in zip(placed.block.words, words, strict=True):
            left, top, right, bottom = item.box
            scale = np.sqrt(Polygon(word.quad).area / ((right - left) * (bottom - top)))
            sizes.append(placed.block.font_size * scale)
            assert word.ignore == (word.text == '###')
            assert word.text in ('###', item.text)
            # The quads are rounded to hundredths of a pixel, so near the limit either will do.
            if abs(sizes[-1] - plan.degradation.legible_height) > 0.2:
                assert word.ignore == (sizes[-1] < plan.degradation.legible_height)


def test_a_plan_depends_on_spec_and_index_alone():
    spec = SceneSpec('test', 7)
    forwards = [plan_scene(spec, index) for index in range(20)]
    backwards = [plan_scene(spec, index) for index in reversed(range(20))][::-1]
    for one, other in zip(forwards, backwards, strict=True):
        assert [word.text for word in one.words] == [word.text for word in other.words]
        np.testing.assert_array_equal(quads_of(one), quads_of(other))
        assert (one.photo, one.seed, one.degradation) == (other.photo, other.seed,
                                                          other.degradation)


def test_seeds_splits_and_indices_give_different_scenes():
    def key(split, seed, index):
        return tuple(word.text for word in plan_scene(SceneSpec(split, seed), index).words)

    keys = [key(split, seed, index) for split in SPLITS for seed in (0, 1) for index in range(10)]
    filled = [texts for texts in keys if texts]
    assert len(filled) > 50 and len(set(filled)) == len(filled)


def statistics(**fields):
    plans = [plan_scene(SceneSpec(**fields), index) for index in range(200)]
    return plans, [word for plan in plans for word in plan.words]


def test_scenes_are_varied():
    plans, words = statistics()
    sizes = [placed.block.font_size for plan in plans for placed in plan.blocks]
    assert min(sizes) < 10 and max(sizes) > 50
    assert 5 < len(words) / len(plans) < 15
    assert 0.1 < np.mean([word.ignore for word in words]) < 0.35
    assert 0 < np.mean([not plan.words for plan in plans]) < 0.1
    lines = [len({item.origin[1] for item in placed.block.words})
             for plan in plans for placed in plan.blocks]
    assert set(lines) == {1, 2, 3}
    angles = [np.degrees(np.arctan2(*(word.quad[1] - word.quad[0])[::-1])) for word in words]
    assert np.percentile(np.abs(angles), 50) < 15 and np.max(np.abs(angles)) > 25


@pytest.mark.parametrize('fields, golden', [
    ((), '2f793d80dd2e6ed52d74ab816fe85bd73683ba76c751b40bed9d15981ae6f8a7'),
    (('test', 3, (448, 448), (18, 26), (1, 1)),
     '7dbf023d0c3557705451eb0803d7b1e649193b549409fe11271597f4768d7c2d')])
def test_data_sets_stay_as_they_were_in_the_first_release(fields, golden):
    seen = hashlib.sha256()
    for index in range(20):
        plan = plan_scene(SceneSpec(*fields), index)
        blocks = [(placed.block.seed, placed.block.font_size, placed.block.face,
                   [word.text for word in placed.block.words], placed.quad.round().tolist())
                  for placed in plan.blocks]
        seen.update(repr((plan.seed, blocks)).encode())
    assert seen.hexdigest() == golden


def test_one_text_height_per_image_is_spread_evenly_over_the_octaves():
    spec = SceneSpec(image_size=(1024, 1024), text_height=(16, 200), num_blocks=(3, 8),
                     text_height_per='image')
    plans = [plan_scene(spec, index) for index in range(300)]
    sizes = [[placed.block.font_size for placed in plan.blocks] for plan in plans if plan.blocks]
    # Of blocks that had to shrink to fit, the others tell the height.
    heights = np.array([max(page) for page in sizes])
    assert all(len(set(page)) == 1 for page, height in zip(sizes, heights, strict=True)
               if height < 40)
    assert np.mean([len(page) for page in sizes]) > 3
    # log(32 / 16) / log(200 / 16) = 0.274, with a standard error of 0.026.
    assert 0.2 < (heights < 32).mean() < 0.35
    assert 0.2 < ((heights >= 32) & (heights < 64)).mean() < 0.35
    assert heights.min() >= 16 and heights.max() > 150
    assert len(set(heights)) > 60


def test_difficulty_zero_is_upright_and_clean():
    plans, words = statistics(difficulty=0)
    assert all(plan.degradation.blur == plan.degradation.noise == plan.degradation.light == 0
               and plan.degradation.motion == 0 and plan.degradation.jpeg is None
               for plan in plans)
    for word in words:
        assert np.allclose(word.quad[0, 1], word.quad[1, 1])
        assert np.allclose(word.quad[0, 0], word.quad[3, 0])


def test_no_blocks_gives_no_words():
    assert not statistics(num_blocks=(0, 0))[1]
