"""Errors in words, counted by hand: detections and readings that are made up."""
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from mmdet.structures.bbox import HorizontalBoxes
from shapely.geometry import box as shapely_box
from tiny_spotter import sample

from mmocr_kd.losses import Labels
from mmocr_kd.measure import ImageRating, RatingsFile
from mmocr_kd.models.dld import Candidates, HeightErrors, PassErrors, Shrinker, StoredErrors
from mmocr_kd.models.dld.error_sources import truths_of

SCALES = .5, 1.


def box(left, top, right, bottom):
    return [left, top, right, top, right, bottom, left, bottom]


class MadeUp:
    """A spotter that finds what it is told to: {scale: [[(box at full resolution, score)]]}."""

    def __init__(self, found):
        self.found, self.seen = found, []

    def detect(self, inputs, data_samples):
        self.seen.append((inputs, data_samples))
        results = []
        for i, one in enumerate(data_samples):
            mine = self.found[one.dld_scale][i] if self.found else []
            factors = np.array(one.img_shape[::-1]) / np.array([160, 96])
            results.append(([np.array(b, float).reshape(-1, 2) * factors for b, _ in mine],
                            torch.tensor([score for _, score in mine])))
        return results


def model(found, read=None, **fields):
    """What :class:`PassErrors` asks of a DLD model; ``read``: probabilities, shape (K, N)."""

    def read_at_scales(inputs, data_samples, words):
        if not len(words):
            return None
        # Two classes, one step: the second one is right.
        p = torch.tensor(read)[..., None, None]
        labels = Labels(torch.ones(p.shape[1], 1).long(), torch.ones(p.shape[1]).long())
        return Candidates(torch.cat([1 - p, p], -1).log(), labels, words.image_index)

    return SimpleNamespace(**{
        'selector': SimpleNamespace(scale_factors=SCALES), 'spotter': MadeUp(found),
        'student': torch.nn.Dropout().train(), 'shrink': Shrinker(),
        'read_at_scales': read_at_scales, **fields})


class Texts(SimpleNamespace):
    """Words that can be read."""

    def __len__(self):
        return len(self.texts)


def words(*pairs):
    return Texts(texts=[text for _, text in pairs],
                 image_index=torch.tensor([i for i, _ in pairs], dtype=torch.long))


def errors_of(made_up, samples, readable=None, **fields):
    inputs = torch.zeros(len(samples), 3, 96, 160)
    return PassErrors(**fields)(made_up, inputs, samples, readable)


A, B, C = box(10, 10, 50, 30), box(60, 10, 100, 30), box(10, 50, 50, 70)
NOWHERE = box(110, 60, 150, 80)


def test_misses_and_false_alarms_of_a_detector():
    samples = [sample([A, B], ['a', 'b']), sample([C], ['c']), sample()]
    found = {.5: [[(A, .9)], [(A, .9), (B, .9)], [(C, .9)]],
             1.: [[(A, .9), (B, .9), (NOWHERE, .9)], [(C, .9)], []]}
    assert errors_of(model(found), samples).tolist() == [[1., .5], [2., 0.], [.5, 0.]]
    assert errors_of(model(found), samples, false_alarm_weight=2.).tolist() == [
        [1., 2.], [5., 0.], [2., 0.]]


def test_a_word_is_found_and_read():
    """1 - P(found) P(read), summed over the words of an image."""
    samples = [sample([A, B], ['a', 'b']), sample([C], ['c'])]
    found = {.5: [[(A, .9)], [(C, .9)]], 1.: [[(A, .9), (B, .9)], [(C, .9)]]}
    read = [[.2, .3, .4], [.6, .7, .8]]
    errors = errors_of(model(found, read), samples, words((0, 'a'), (0, 'b'), (1, 'c')))
    torch.testing.assert_close(errors, torch.tensor([[.8 + 1, .4 + .3], [.6, .2]]))


def test_words_nobody_can_spell_count_by_detection():
    """Not as if they were not there: such an image was once taught the smallest scale."""
    samples = [sample([A, B, C], ['ü', 'b', 'ü']), sample([A], ['ß'])]
    found = {.5: [[(B, .9)], []], 1.: [[(A, .9), (B, .9)], [(A, .9)]]}
    errors = errors_of(model(found, [[.25], [.5]]), samples, words((0, 'b')))
    torch.testing.assert_close(errors, torch.tensor([[1 + .75 + 1, 0 + .5 + 1], [1., 0.]]))
    found = {.5: [[]], 1.: [[(A, .9)]]}
    assert errors_of(model(found), samples[1:], words()).tolist() == [[1., 0.]]


def test_the_same_text_elsewhere_is_another_word():
    """Readable words are found again among all, in order, in their own image."""
    samples = [sample([A], ['b']), sample([A, B, C], ['b', 'long', 'b'])]
    found = dict.fromkeys(SCALES, [[(A, .9)], [(A, .9), (B, .9), (C, .9)]])
    errors = errors_of(model(found, [[.1, .2], [.3, .4]]), samples, words((1, 'b'), (1, 'b')))
    torch.testing.assert_close(errors, torch.tensor([[0., 0.], [.9 + .8, .7 + .6]]))


def test_ignored_words_are_neither_lost_nor_wrongly_found():
    samples = [sample([A, B], ['a', 'b'], ignored=[True, False])] * 3
    found = dict.fromkeys(SCALES, [[(A, .9)], [(A, .9), (B, .9)], [(box(20, 12, 40, 28), .9)]])
    assert errors_of(model(found), samples).tolist() == [[1.] * 2, [0.] * 2, [1.] * 2]


def test_each_detection_finds_one_word_and_each_word_is_found_once():
    samples = [sample([A], ['a'])]
    found = {.5: [[(A, .9), (A, .8)]], 1.: [[(box(10, 10, 50, 29), .9)]]}
    assert errors_of(model(found), samples).tolist() == [[.5, 0.]]


def test_scores_below_the_threshold_find_nothing():
    samples = [sample([A], ['a'])]
    found = {.5: [[(A, .4), (NOWHERE, .4)]], 1.: [[(A, .5)]]}
    assert errors_of(model(found), samples).tolist() == [[1., 0.]]
    assert errors_of(model(found), samples, threshold=.3).tolist() == [[.5, 0.]]


rectangles = st.tuples(st.integers(0, 120), st.integers(0, 70), st.integers(4, 40),
                       st.integers(4, 26)).map(lambda t: (t[0], t[1], t[0] + t[2], t[1] + t[3]))


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(rectangles, st.booleans()), max_size=5), st.lists(rectangles, max_size=5))
def test_matching_is_that_of_plain_loops(truth, detections):
    one = sample([box(*r) for r, _ in truth], ['x'] * len(truth), [skip for _, skip in truth])
    found = dict.fromkeys(SCALES, [[(box(*r), .9) for r in detections]])
    free = list(range(len(detections)))
    missed = 0
    for r, skip in truth:
        if not skip:
            near = [p for p in free if _iou(r, detections[p]) > .5]
            missed += not near
            if near:
                free.remove(near[0])
    alarms = sum(all(_share(detections[p], r) <= .5 for r, skip in truth if skip) for p in free)
    errors = errors_of(model(found), [one])
    assert errors[0, 1].item() == pytest.approx(missed + .5 * alarms)


def _iou(a, b):
    a, b = shapely_box(*a), shapely_box(*b)
    return a.intersection(b).area / a.union(b).area


def _share(part, whole):
    part = shapely_box(*part)
    return part.intersection(shapely_box(*whole)).area / part.area


def test_images_shrink_as_in_training_and_nothing_learns():
    made_up = model({}, shrink=Shrinker(pad_divisor=16, max_long_edge=100))
    errors_of(made_up, [sample([A], ['a'])])
    (half, _), (full, samples) = made_up.spotter.seen
    assert half.shape == (1, 3, 48, 80) and full.shape == (1, 3, 64, 112)  # 60x100, padded
    assert 'gt_instances' not in samples[0]
    assert made_up.student.training


def test_student_looks_in_eval_mode_and_without_gradient():
    made_up = model({})
    noted = []
    made_up.spotter.detect = lambda inputs, samples: noted.append(
        (made_up.student.training, torch.is_grad_enabled())) or [([], [])] * len(samples)
    errors = errors_of(made_up, [sample([A], ['a'])])
    assert noted == [(False, False)] * 2 and not errors.requires_grad


def annotated(**fields):
    one = sample([A, B], ['a', 'b'])
    del one.gt_instances.polygons
    for name, value in fields.items():
        setattr(one.gt_instances, name, value)
    return one


BOXES = [[10, 10, 50, 30], [60, 10, 100, 30]]


@pytest.mark.parametrize('fields', [
    {'bboxes': np.array(BOXES, np.float32)}, {'bboxes': torch.tensor(BOXES)},
    {'bboxes': HorizontalBoxes(torch.tensor(BOXES))}, {'polygons': [torch.tensor(A), np.array(B)]},
    {'polygons': [A, B]}, {'bboxes': torch.tensor(BOXES), 'ignored': np.array([False, False])}],
    ids=['numpy', 'tensor', 'HorizontalBoxes', 'mixed', 'lists', 'flags'])
def test_annotations_of_any_kind(fields):
    found = dict.fromkeys(SCALES, [[(A, .9)]])
    assert errors_of(model(found), [annotated(**fields)]).tolist() == [[1., 1.]]


def test_annotations_without_places():
    one = annotated()
    del one.gt_instances.bboxes
    with pytest.raises(ValueError, match='tiny.png has words without polygons and boxes'):
        truths_of([one])


@pytest.mark.parametrize('fields, message', [
    ({'threshold': 1.5}, 'threshold=1.5'), ({'false_alarm_weight': -1.}, 'false_alarm_weight=-1')])
def test_impossible_fields(fields, message):
    with pytest.raises(ValueError, match=message):
        PassErrors(**fields)


# Stored ones


def rated(tmp_path, scales=(.25, .5, 1.)):
    path = tmp_path / 'ratings.jsonl'
    wanted = dict(config='c.py', checkpoint='c.pth', identity='1', split='train',
                  scales=list(scales), thresholds=[.3, .6], protocol='e2e')
    measured = dict(size=[96, 160], macs=[1, 2, 4][:len(scales)], ms=[1., 2., 4.][:len(scales)])
    with RatingsFile(path, wanted, lambda: measured) as file:
        file.write(ImageRating('a.png', 4, [[0, 0], [2, 2], [4, 3]], [[1, 0], [2, 0], [0, 0]], 9.))
        file.write(ImageRating('b.png', 1, [[1, 1], [1, 1], [1, 1]], [[0, 0], [0, 0], [4, 0]], 9.))
    return str(path)


def stored(source, *paths, scales=SCALES):
    samples = [sample() for _ in paths]
    for one, path in zip(samples, paths):
        one.set_metainfo({'img_path': path})
    asked = SimpleNamespace(selector=SimpleNamespace(scale_factors=scales))
    return source(asked, torch.zeros(len(paths), 3, 8, 8), samples, None)


def test_stored_errors_are_those_of_the_image_at_the_selectors_scales(tmp_path):
    source = StoredErrors(rated(tmp_path))  # .6 is the best threshold at full resolution
    assert stored(source, 'b.png', 'a.png').tolist() == [[0., 0.], [2., 1.]]
    low = StoredErrors(rated(tmp_path), threshold=.3, false_alarm_weight=.25)
    assert stored(low, 'a.png', 'b.png', scales=(.25, 1.)).tolist() == [[4.25, 0.], [0., 1.]]
    assert not source.needs_words and PassErrors.needs_words


def test_stored_errors_are_read_once(tmp_path):
    path = rated(tmp_path)
    source = StoredErrors(path)
    stored(source, 'a.png')
    open(path, 'w').close()
    assert stored(source, 'a.png').tolist() == [[2., 1.]]


def test_nobody_has_rated_that(tmp_path):
    source = StoredErrors(rated(tmp_path))
    with pytest.raises(ValueError, match="no rating of 'c.png'.*'a.png'.*rate-scales --split"):
        stored(source, 'a.png', 'c.png')
    with pytest.raises(ValueError, match=r'scale_factors=\[0.3, 1.0\]: rate those'):
        stored(StoredErrors(rated(tmp_path)), 'a.png', scales=(.3, 1.))
    with pytest.raises(FileNotFoundError):
        stored(StoredErrors(str(tmp_path / 'none.jsonl')), 'a.png')


# By the heights of texts


def counted(tmp_path, texts=((4., 8.), (16., 32.), (64., 128.)), **fields):
    """Ratings of a spotter that finds what it sees 16 pixels high, without false alarms."""
    path = tmp_path / 'heights.jsonl'
    scales = (.25, .5, 1.)
    wanted = dict(config='c.py', checkpoint='c.pth', identity='1', split='val',
                  scales=list(scales), thresholds=[.5], protocol='detection')
    with RatingsFile(path, wanted, lambda: dict(size=[96, 160], macs=[1, 2, 4],
                                                ms=[1., 2., 4.])) as file:
        for i, heights in enumerate(texts * 4):
            hits = [[sum(height * scale >= 16 for height in heights)] for scale in scales]
            file.write(ImageRating(f'{i}.png', len(heights), hits, [[1], [0], [0]], None,
                                   list(heights)))
    return HeightErrors(str(path), **fields)


def asked(source, *samples, scales=SCALES):
    asks = SimpleNamespace(selector=SimpleNamespace(scale_factors=scales))
    return source(asks, torch.zeros(len(samples), 3, 96, 160), samples, None)


def test_errors_follow_the_heights_of_texts(tmp_path):
    source = counted(tmp_path)
    high, low = box(0, 0, 140, 64), box(0, 70, 90, 76)
    found = asked(source, annotated(polygons=[high, low]), annotated(polygons=[low, low]))
    assert found.dtype == torch.float32 and not found.requires_grad
    torch.testing.assert_close(found, torch.tensor([[1., 1.], [2., 2.]]), atol=.1, rtol=0)
    # A crop that is enlarged has larger texts.
    larger = asked(source, annotated(polygons=[box(0, 0, 150, 16), box(0, 20, 150, 36)]))
    torch.testing.assert_close(larger, torch.tensor([[2., 0.]]), atol=.15, rtol=0)
    assert not source.needs_words


def test_scales_need_not_be_the_rated_ones(tmp_path):
    source = counted(tmp_path, false_alarm_weight=2.)
    nothing = sample()
    nothing.gt_instances = nothing.gt_instances[:0]
    torch.testing.assert_close(asked(source, nothing, scales=(.25, .3, .5, .9)),
                               torch.tensor([[2., 2 * (1 - np.log2(.3 / .25)), 0., 0.]],
                                            dtype=torch.float32))


def test_ignored_texts_and_turned_ones(tmp_path):
    source = counted(tmp_path)
    turned = np.array([[30., 0.], [34., 4.], [4., 34.], [0., 30.]]).ravel()  # 5.7 pixels high
    one = annotated(polygons=[turned, box(0, 0, 140, 64)], ignored=[False, True])
    torch.testing.assert_close(asked(source, one), torch.tensor([[1., 1.]]), atol=.1, rtol=0)


def test_images_as_small_as_the_selector_sees_them(tmp_path):
    """Padding is not part of an image; a photo of 96x120 is one of 1024x1280."""
    small = annotated(polygons=[box(0, 0, 100, 6), box(0, 20, 100, 26)])
    small.set_metainfo({'img_shape': (96, 120)})
    full = annotated(polygons=[box(0, 0, 1000, 64)] * 2)
    found = asked(counted(tmp_path, full_long_edge=1280), small)
    torch.testing.assert_close(found, asked(counted(tmp_path), full))
    assert found[0, 0] < .1
    with pytest.raises(ValueError, match='full_long_edge'):
        counted(tmp_path, full_long_edge=0)


def test_heights_are_counted_once(tmp_path):
    source = counted(tmp_path)
    first = asked(source, sample())
    open(source.file, 'w').close()
    assert torch.equal(asked(source, sample()), first)


def test_no_heights_to_count(tmp_path):
    with pytest.raises(ValueError, match='before version 0.11'):
        asked(HeightErrors(rated(tmp_path)), sample())
    with pytest.raises(ValueError, match='false_alarm_weight=-1'):
        HeightErrors('r.jsonl', false_alarm_weight=-1.)
    with pytest.raises(FileNotFoundError):
        asked(HeightErrors(str(tmp_path / 'none.jsonl')), sample())
