"""Low text is looked at again at full resolution, and nothing else is."""
from itertools import combinations

import cv2
import numpy as np
import pytest
import tiny_dld
import tiny_dld_detector
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from mmengine.structures import InstanceData
from mmocr.structures import TextDetDataSample, TextSpottingDataSample
from tiny_mask_rcnn import spotter_cfg as mask_rcnn_cfg

from mmocr_kd.models.dld import Regions, Shrinker

SIZE = (256, 384)
# What the reader below needs: pixels of height to find a word, and to read it.
FOUND, READ = 4, 12
SHRINKER = Shrinker()


def draw(words, size=SIZE, factor=(1., 1.)):
    """An image of bright bars (left, top, width, height) on black, each of a brightness of its own.

    Its text is that number; ``factor`` is by how much the original was enlarged.
    """
    image = torch.zeros(3, *size)
    for number, (left, top, width, height) in enumerate(words):
        image[:, top:top + height, left:left + width] = 100 + number
    sample = TextDetDataSample(metainfo={
        'img_shape': size, 'scale_factor': factor,
        'ori_shape': tuple(round(edge / by) for edge, by in zip(size, factor[::-1]))})
    return image, sample


def reader(inputs, data_samples, trim=0):
    """Finds bars high enough, and reads those that are higher still; trims what it finds."""
    results = []
    for image, sample in zip(inputs, data_samples):
        height, width = sample.img_shape
        gray = image[0, :height, :width].numpy()
        found, texts = [], []
        _, _, boxes, _ = cv2.connectedComponentsWithStats((gray > 50).astype(np.uint8))
        for left, top, wide, high, _ in boxes[1:]:
            if high >= FOUND:
                corners = np.array([[left, top], [left + wide, top], [left + wide, top + high],
                                    [left, top + high]], np.float32)
                corners += np.array([[1, 1], [-1, 1], [-1, -1], [1, -1]], np.float32) * trim
                found.append((corners / np.float32(sample.scale_factor)).ravel())
                brightness = gray[top + high // 2, left + wide // 2]
                texts.append(str(round(brightness.item())) if high >= READ else '?')
        result = TextSpottingDataSample(metainfo=sample.metainfo)
        result.pred_instances = InstanceData(
            polygons=found, texts=texts, scores=torch.ones(len(found)))
        results.append(result)
    return results


def spotted(images, scale, regions=None, predict=reader, cost=None, shrinker=SHRINKER):
    """Predictions for images (image, sample) at one scale, as a DLD model makes them."""
    canvas = [max(edges) for edges in zip(*(image.shape[1:] for image, _ in images))]
    inputs = torch.zeros(len(images), 3, *canvas)
    for target, (image, _) in zip(inputs, images):
        target[:, :image.shape[1], :image.shape[2]] = image
    samples = [sample for _, sample in images]
    scales = [scale] * len(images)
    results = shrinker.predict(predict, inputs, samples, scales)
    if cost is not None:
        for result in results:
            result.set_metainfo({'dld_cost': cost})
    if regions is not None:
        regions.repeat(predict, inputs, samples, results, shrinker, scales)
    return results


def words_of(result):
    """Sorted pairs of text and outline."""
    found = result.pred_instances
    return sorted((text, tuple(np.ravel(polygon).tolist()))
                  for text, polygon in zip(found.texts, found.polygons, strict=True))


def texts_of(result):
    return sorted(result.pred_instances.texts)


@st.composite
def scenes(draw_value, least=1):
    """At most one bar in each of 12 cells; all can be found at half the resolution."""
    words = []
    cells = [(x, y) for x in range(0, SIZE[1], 128) for y in range(0, SIZE[0], 64)]
    for left, top in draw_value(st.lists(st.sampled_from(cells), min_size=least, unique=True)):
        width, height = draw_value(st.integers(20, 110)), draw_value(st.integers(14, 52))
        words.append((left + draw_value(st.integers(4, 124 - width)),
                      top + draw_value(st.integers(4, 60 - height)), width, height))
    return words


factors = st.sampled_from([(1., 1.), (1.6, .8)])


@settings(max_examples=60, deadline=None)
@given(scenes(), factors)
def test_each_word_is_there_once_and_as_well_read_as_in_the_full_image(words, factor):
    images = [draw(words, factor=factor)]
    (full, ), (small, ) = spotted(images, 1.), spotted(images, .5)
    (result, ) = spotted(images, .5, Regions(below=READ))
    assert texts_of(result) == texts_of(full)
    small_words, full_words = set(words_of(small)), dict(words_of(full))
    for text, polygon in words_of(result):
        # Far from any low word it is the small pass's word; else the one of the full image.
        assert (text, polygon) in small_words or polygon == pytest.approx(full_words[text], abs=.01)


@settings(max_examples=30, deadline=None)
@given(scenes(least=0), factors, st.sampled_from([.25, .5]))
def test_where_nothing_is_low_the_small_pass_remains(words, factor, scale):
    images = [draw(words, factor=factor)]
    (small, ) = spotted(images, scale)
    (result, ) = spotted(images, scale, Regions(below=1e-3), cost=.3)
    assert words_of(result) == words_of(small)
    assert result.dld_regions == [] and result.dld_cost == .3


@settings(max_examples=30, deadline=None)
@given(scenes(), factors)
def test_where_all_is_low_it_is_the_full_pass(words, factor):
    images = [draw(words, factor=factor)]
    (full, ) = spotted(images, 1.)
    (result, ) = spotted(images, .5, Regions(below=1e3))
    for (text, polygon), (other, expected) in zip(words_of(result), words_of(full), strict=True):
        assert text == other and polygon == pytest.approx(expected, abs=.01)


@settings(max_examples=30, deadline=None)
@given(st.lists(scenes(least=0), min_size=2, max_size=3))
def test_neighbours_in_the_batch_change_nothing(pages):
    images = [draw(words, (SIZE[0] + 40 * i, SIZE[1] - 30 * (i % 2)))
              for i, words in enumerate(pages) for words in [[w for w in words if w[0] < 220]]]
    together = spotted(images, .5, Regions(below=READ), cost=.25)
    for image, result in zip(images, together):
        (alone, ) = spotted([image], .5, Regions(below=READ), cost=.25)
        assert words_of(result) == words_of(alone)
        assert (result.dld_regions, result.dld_cost) == (alone.dld_regions, alone.dld_cost)


def test_full_images_have_nothing_to_repeat():
    asked = []

    def predict(inputs, data_samples):
        asked.append(tuple(inputs.shape))
        return reader(inputs, data_samples)

    spotted([draw([(20, 20, 60, 16)])], 1., Regions(below=1e3), predict)
    assert asked == [(1, 3, *SIZE)]


# A low word on the left whose region, x from 0 to 160 and y from 64 to 192, cuts a high one.
LOW, HIGH = (40, 120, 60, 16), (120, 80, 200, 90)


@pytest.mark.parametrize('trim', [0, 4])
def test_words_at_a_seam_are_not_cut_in_two(trim):
    """Whether what is seen of the high word reaches to the very seam or ends a little before."""
    def predict(inputs, data_samples):
        return reader(inputs, data_samples, trim if inputs.shape[-1] == 160 else 0)

    images = [draw([LOW, HIGH])]
    (small, ), (full, ) = spotted(images, .5), spotted(images, 1.)
    (result, ) = spotted(images, .5, Regions(below=READ), predict)
    assert result.dld_regions == [[0, 64, 160, 192]]
    low, high = words_of(result)
    assert high == words_of(small)[0]  # '?' sorts last
    assert low[0] == '100' and low[1] == pytest.approx(words_of(full)[0][1], abs=trim)


def test_what_the_small_pass_missed_near_low_text_comes_back():
    tiny, far = (110, 124, 20, 5), (300, 20, 20, 5)
    (result, ) = spotted([draw([LOW, tiny, far])], .5, Regions(below=READ))
    assert texts_of(result) == ['100', '?']


@pytest.mark.parametrize('trim', [0, 1])
def test_a_piece_of_what_the_small_pass_missed_does_not_come_back(trim):
    """It reaches over the seam at 160."""
    def predict(inputs, data_samples):
        return reader(inputs, data_samples, trim if inputs.shape[-1] == 160 else 0)

    tiny = (150, 124, 30, 5)
    (result, ) = spotted([draw([LOW, tiny])], .5, Regions(below=READ), predict)
    assert result.dld_regions == [[0, 64, 160, 192]] and texts_of(result) == ['100']


def found(*boxes):
    """A model that finds one thing in the first image it sees, and these boxes in the others."""
    seen = []

    def predict(inputs, data_samples):
        seen.append(data_samples[0])
        here = boxes if len(seen) > 1 else (LOW, HIGH)
        polygons = [np.array([x, y, x + w, y, x + w, y + h, x, y + h], np.float32)
                    for x, y, w, h in here]
        result = TextSpottingDataSample(metainfo=data_samples[0].metainfo)
        result.pred_instances = InstanceData(
            polygons=[polygon / np.tile(data_samples[0].scale_factor, 4).astype(np.float32)
                      if len(seen) > 1 else polygon for polygon in polygons],
            texts=['first' if len(seen) == 1 else 'again'] * len(polygons))
        return [result]

    return predict, seen


def test_where_nothing_is_found_again_nothing_remains():
    predict, _ = found()
    (result, ) = spotted([draw([])], .5, Regions(below=10), predict)
    assert texts_of(result) == ['first']  # the high word, which lies in no region
    assert words_of(result)[0][1][:2] == HIGH[:2]


@pytest.mark.parametrize('width, stays', [(40, True), (20, False)])
def test_what_lies_mostly_on_a_word_that_is_kept_is_a_piece_of_it(width, stays):
    """20 pixels of it are on the high word: half and more is too much."""
    right = HIGH[0] + 19
    predict, _ = found((right - width, 60, width, 30))  # the region begins at y = 64
    (result, ) = spotted([draw([])], .5, Regions(below=10), predict)
    assert (texts_of(result) == ['again', 'first']) == stays


@pytest.mark.parametrize('height, again', [(20, True), (26, False)])
def test_only_text_below_the_limit_is_low(height, again):
    (result, ) = spotted([draw([(100, 100, 60, height)])], .5, Regions(below=READ))
    assert bool(result.dld_regions) == again


def test_images_that_have_to_shrink_anyway_are_small():
    """At scale 1, because their longer edge is too long."""
    (result, ) = spotted([draw([LOW])], 1., Regions(below=READ),
                         shrinker=Shrinker(max_long_edge=192))
    assert result.dld_regions and texts_of(result) == ['100']


def test_a_region_is_told_to_be_an_image_of_its_own_size():
    predict, seen = found()
    spotted([draw([], factor=(1.6, .8))], .5, Regions(below=10), predict)
    whole, part = seen
    assert tuple(part.scale_factor) == (1.6, .8)
    height, width = part.img_shape
    assert part.ori_shape == (round(height / .8), round(width / 1.6))
    assert part.img_shape != whole.img_shape


def test_a_region_is_the_text_with_its_margin_rounded_outwards():
    (result, ) = spotted([draw([(200, 130, 40, 14)])], .5, Regions(below=READ, margin=1.), cost=.25)
    # x from 200 - 14 to 240 + 14, y from 130 - 14 to 144 + 14, a pixel of blur apart.
    assert result.dld_regions == [[160, 96, 256, 160]]
    assert result.dld_cost == .25 + 96 * 64 / (256 * 384)


def test_the_cost_of_a_region_at_the_edge_counts_its_padding():
    (result, ) = spotted([draw([(300, 220, 40, 14)], (250, 350))], .5,
                         Regions(below=READ, margin=1.), cost=.25)
    assert result.dld_regions == [[256, 192, 350, 250]]
    assert result.dld_cost == .25 + 96 * 64 / (256 * 352)


box = st.tuples(st.integers(-20, 600), st.integers(-20, 500), st.integers(1, 200),
                st.integers(1, 80))


@settings(max_examples=100, deadline=None)
@given(st.lists(box, max_size=12), st.floats(.5, 4))
def test_rectangles_are_apart_and_hold_every_text_with_its_margin(boxes, margin):
    size = (480, 610)
    texts = [np.array([[x, y], [x + w, y], [x + w, y + h], [x, y + h]], np.float32)
             for x, y, w, h in boxes]
    around = Regions(margin=margin).around(texts, size, 32)
    assert len(around) <= len(texts)
    assert not any(one.meets(other) for one, other in combinations(around, 2))
    for one in around:
        assert 0 <= one.left < one.right <= size[1] and 0 <= one.top < one.bottom <= size[0]
        assert one.left % 32 == one.top % 32 == 0
        assert one.right % 32 == 0 or one.right == size[1]
        assert one.bottom % 32 == 0 or one.bottom == size[0]
    for (_, _, w, h), text in zip(boxes, texts):
        low, high = text.min(0) - margin * min(w, h), text.max(0) + margin * min(w, h)
        low, high = low.clip(0, (609, 479)), high.clip(1, (610, 480))
        assert any((low >= one[:2]).all() and (high <= np.array(one[2:]) + 1e-3).all()
                   for one in around)


def test_rectangles_that_are_as_good_as_one_become_one():
    lines = [np.array([[100, y], [300, y], [300, y + 20], [100, y + 20]], np.float32)
             for y in (40, 170, 400)]
    near = Regions(margin=1.).around(lines, (480, 640), 32)
    assert near == [(64, 0, 320, 224), (64, 352, 320, 448)]


@pytest.mark.parametrize('field, value', [('below', 0), ('below', float('nan')), ('margin', .4),
                                          ('margin', float('nan'))])
def test_impossible_numbers_are_named(field, value):
    with pytest.raises(ValueError, match=f'regions: {field}={value}'):
        Regions(**{field: value})


# Models

ALL, NONE = {'below': 1e4, 'margin': 1e3}, {'below': 1e-6}


def det_rec(folder, **fields):
    return tiny_dld.tight(tiny_dld.shake(tiny_dld.dld(selector=False, **fields)))


def mask_rcnn(folder, **fields):
    student = mask_rcnn_cfg(folder)
    student['detector']['test_cfg']['rcnn']['score_thr'] = .01
    return tiny_dld.dld(selector=False, student=student, **fields)


def detector(folder, **fields):
    return tiny_dld_detector.dld(**fields)


def retina(folder, **fields):
    return tiny_dld_detector.dld(tiny_dld_detector.retina_cfg(), **fields)


def predicted(build, folder, scale, regions=None):
    """What a model with weights at random finds: contents of all fields, image by image."""
    model = build(folder, scale_factors=[scale], regions=regions).eval()
    inputs, samples = tiny_dld.prepared(model)
    with torch.no_grad():
        results = model.predict(inputs, samples)
    return [{field: [np.asarray(entry).tolist() for entry in value]
             for field, value in result.pred_instances.items()} for result in results], results


@pytest.mark.parametrize('build', [det_rec, mask_rcnn, detector, retina])
def test_models_give_the_full_pass_where_all_is_low(build, tmp_path):
    small, full = (predicted(build, tmp_path, scale)[0] for scale in (.5, 1.))
    repeated, results = predicted(build, tmp_path, .5, ALL)
    assert any(one['polygons'] for one in small)
    for before, expected, after, result in zip(small, full, repeated, results):
        if not before['polygons']:
            expected = before  # nothing says where to look
        assert after == expected
        assert bool(result.dld_regions) == bool(before['polygons'])
    assert predicted(build, tmp_path, .5, NONE)[0] == small != full


def test_unknown_fields_are_refused():
    with pytest.raises(TypeError, match='divisor'):
        tiny_dld.dld(selector=False, scale_factors=[.5], regions={'divisor': 8})
