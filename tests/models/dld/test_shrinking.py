"""Batches at scales of their own, and predictions that do not depend on neighbours."""
import copy

import numpy as np
import pytest
import tiny
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from mmocr.structures import TextDetDataSample
from tiny_dld import WORDS, pages
from tiny_spotter import page

from mmocr_kd.models.dld import Shrinker
from mmocr_kd.models.dld.shrinking import shrinkers
from mmocr_kd.models.spotters.quad_crops import reading_quads
from mmocr_kd.models.spotters.words import words_to_learn

sizes = st.tuples(st.integers(1, 90), st.integers(1, 90))
scales = st.sampled_from([.3, .5, .8, 1.])


def padded_batch(images, divisor=32):
    """Images (C, H, W) as a data preprocessor pads them, and their samples."""
    edges = [max(image.shape[axis] for image in images) for axis in (1, 2)]
    canvas = [-(-edge // divisor) * divisor for edge in edges]
    inputs = torch.zeros(len(images), images[0].shape[0], *canvas)
    for target, image in zip(inputs, images):
        target[:, :image.shape[1], :image.shape[2]] = image
    return inputs, [tiny.sample([], size=tuple(image.shape[1:])) for image in images]


def _words(samples):
    return words_to_learn(samples, lambda *_: True,
                          lambda polygon: (reading_quads([polygon], 'annotated')[0], False))


def look(inputs, data_samples):
    """A model that tells exactly what it was shown."""
    return [TextDetDataSample(metainfo={'seen': image.clone(), 'size': sample.img_shape})
            for image, sample in zip(inputs, data_samples)]


def test_factors_are_those_of_the_images():
    inputs, samples = padded_batch([torch.rand(3, 61, 97), torch.rand(3, 33, 50)])
    small = Shrinker()(inputs, samples, [.3, .8])
    for before, after, factor in zip(samples, small.data_samples, small.factors.tolist()):
        (height, width), (new_height, new_width) = before.img_shape, after.img_shape
        assert factor == pytest.approx([new_width / width, new_height / height])
    assert small.inputs.shape[2] % 32 == small.inputs.shape[3] % 32 == 0


def test_words_follow_their_image():
    images = [page(WORDS), page([]), page([('owl', (12, 40))], size=(70, 120))]
    inputs, samples = padded_batch([image.float() for image, _ in images])
    samples = [sample for _, sample in images]
    words = _words(samples)
    small = Shrinker()(inputs, samples, [.3, .5, .8])
    again = _words(small.data_samples)
    assert again.texts == words.texts
    torch.testing.assert_close(words.scaled(small.factors).points, again.points)


def test_words_that_vanish_stay():
    """At the smallest scale a word of 2x2 pixels is less than one."""
    sample = tiny.sample([tiny.box(5, 5, 2, 2), tiny.box(10, 20)])
    sample.gt_instances.texts = ['i', 'word']
    words = _words([sample])
    small = Shrinker()(torch.rand(1, 3, 64, 96), [sample], [.1])
    assert len(small.data_samples[0].gt_instances) == 2
    quads = words.scaled(small.factors).points
    assert quads.shape == (2, 4, 2)
    assert (quads[0].amax(0) - quads[0].amin(0)).max() < .5


def test_nothing_passed_in_is_changed():
    images = pages()
    inputs, _ = padded_batch([image.float() for image, _ in images])
    samples = [sample for _, sample in images]
    before = copy.deepcopy((inputs, [sample.to_dict() for sample in samples]))

    def paint(images, data_samples):
        images.zero_()
        for sample in data_samples:
            sample.set_metainfo({'img_shape': None})
        return list(data_samples)

    Shrinker()(inputs, samples, [.3, .5, .8])
    Shrinker().predict(paint, inputs.clone(), samples, [.3, .5, .8])
    assert torch.equal(inputs, before[0])
    for sample, old in zip(samples, before[1]):
        assert sample.img_shape == old['img_shape']
        assert sample.scale_factor == old['scale_factor']
        np.testing.assert_array_equal(sample.gt_instances.polygons, old['gt_instances']['polygons'])


def test_the_limit_of_the_long_edge():
    inputs, samples = padded_batch([torch.rand(3, 40, 90), torch.rand(3, 90, 30)])
    small = Shrinker(max_long_edge=45)(inputs, samples, [.8, 1.])
    assert [sample.img_shape for sample in small.data_samples] == [(20, 45), (45, 15)]
    torch.testing.assert_close(small.factors, torch.tensor([[.5, .5], [.5, .5]]))
    seen = Shrinker(max_long_edge=45).predict(look, inputs, samples, [.8, 1.])
    assert [result.size for result in seen] == [(20, 45), (45, 15)]


def test_antialias():
    stripes = torch.zeros(1, 3, 32, 64)
    stripes[..., ::2] = 1.
    rough, smooth = (Shrinker(antialias=flag)(stripes, None, [.3]).inputs[..., :9, 2:17]
                     for flag in (False, True))
    assert smooth.std() < .1 < rough.std()


def test_without_samples():
    small = Shrinker()(torch.rand(2, 3, 64, 96), None, [.5, .5])
    assert small.data_samples is None and small.inputs.shape == (2, 3, 32, 64)
    assert torch.equal(small.factors, torch.full((2, 2), .5))


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(sizes, scales), min_size=1, max_size=4), st.sampled_from([1, 8, 32]),
       st.sampled_from([1, 16, 32]), st.sampled_from([None, 40]))
def test_predictions_do_not_depend_on_neighbours(cases, pad_divisor, batch_divisor, limit):
    generator = torch.Generator().manual_seed(0)
    images = [torch.rand(2, *size, generator=generator) for size, _ in cases]
    chosen = [scale for _, scale in cases]
    shrinker = Shrinker(pad_divisor, limit)
    together = shrinker.predict(look, *padded_batch(images, batch_divisor), chosen)
    for image, scale, result in zip(images, chosen, together):
        alone = shrinker.predict(look, *padded_batch([image], batch_divisor), [scale])[0]
        assert result.size == alone.size
        assert torch.equal(result.seen, alone.seen)
        assert all(edge % pad_divisor == 0 for edge in result.seen.shape[1:])


def test_equal_canvases_go_together():
    calls = []

    def predict(inputs, data_samples):
        calls.append(tuple(inputs.shape))
        return look(inputs, data_samples)

    images = [torch.rand(3, 64, 96) for _ in range(5)]
    Shrinker().predict(predict, *padded_batch(images), [.3, .8, .3, .25, 1.])
    # .8 of 64x96 is 51x77, which is padded to what 1. has.
    assert sorted(calls) == [(2, 3, 64, 96), (3, 3, 32, 32)]


def test_scale_one_shows_the_image_as_it_is():
    inputs, samples = padded_batch([torch.rand(3, 50, 70), torch.rand(3, 90, 120)])
    seen = Shrinker().predict(look, inputs, samples, [1., 1.])
    assert torch.equal(seen[0].seen, inputs[0, :, :64, :96])
    assert torch.equal(seen[1].seen, inputs[1])


def test_ground_truth_comes_back_as_it_was():
    """In testing it is loaded after resizing: in coordinates of the original file."""
    images = [page(WORDS), page([('owl', (12, 40))])]
    inputs, _ = padded_batch([image.float() for image, _ in images])
    samples = [sample for _, sample in images]
    before = copy.deepcopy(samples)

    def predict(inputs, data_samples):
        return [TextDetDataSample(metainfo=sample.metainfo,
                                  **{name: value for name, value in sample.items()})
                for sample in data_samples]

    for results in (Shrinker().predict(predict, inputs, samples, [.3, 1.]),
                    Shrinker().predict(lambda _, given: given, inputs, samples, [.5, .5])):
        for result, sample in zip(results, before):
            np.testing.assert_array_equal(result.gt_instances.polygons,
                                          sample.gt_instances.polygons)
            assert result.gt_instances.texts == sample.gt_instances.texts


@pytest.mark.parametrize('size', [(1, 1), (20, 31), (3, 80)])
def test_images_smaller_than_any_stride(size):
    seen = Shrinker().predict(look, *padded_batch([torch.rand(3, *size)], 1), [.3])
    assert seen[0].seen.shape == (3, 32, 32)
    assert min(seen[0].size) >= 1


@pytest.mark.parametrize('fields, match', [
    ({'pad_divisor': 0}, 'pad_divisor=0'), ({'max_long_edge': 0}, 'max_long_edge=0')])
def test_bad_fields(fields, match):
    with pytest.raises(ValueError, match=match):
        Shrinker(**fields)


@pytest.mark.parametrize('chosen, match', [
    ([.5], '1 scales for 2'), ([.5, 1.2], r'\(0, 1\]'), ([0., .5], r'\(0, 1\]')])
def test_bad_scales(chosen, match):
    inputs, samples = padded_batch([torch.rand(3, 64, 96)] * 2)
    with pytest.raises(ValueError, match=match):
        Shrinker()(inputs, samples, chosen)
    with pytest.raises(ValueError, match=f'{match}|shorter'):
        Shrinker().predict(look, inputs, samples, chosen)


def test_limits_of_training_and_prediction():
    assert shrinkers(None, 32, False) == {
        'train': Shrinker(32, 1600), 'test': Shrinker(32, 3000)}
    assert shrinkers({'test': None}, 64, True) == {
        'train': Shrinker(64, 1600, True), 'test': Shrinker(64, None, True)}


@pytest.mark.parametrize('limits, message', [
    ({'train': 0}, 'max_long_edge=0'), ({'val': 9}, "'val'.* takes 'train' and 'test'")])
def test_impossible_limits(limits, message):
    with pytest.raises(ValueError, match=message):
        shrinkers(limits, 32, False)
