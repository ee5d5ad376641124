"""A teacher's maps shrink with their images, by the mean of what the teacher said."""
import math

import numpy as np
import pytest
import tiny
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from mmengine.structures import BaseDataElement

from mmocr_kd.adapters import rescale_batch, rescale_maps
from mmocr_kd.adapters.rescale_maps import NO_TEXT


def triangle_weights(old, new):
    """How much each old value counts for each new one: a triangle two new values wide."""
    scale = old / new
    weights = np.zeros((new, old))
    for row in range(new):
        centre = (row + .5) * scale
        for column in range(old):
            weights[row, column] = max(0, 1 - abs(column + .5 - centre) / max(scale, 1))
        weights[row] /= weights[row].sum()
    return weights


def by_hand(logits, size):
    """The logit of the weighted mean of probabilities, in float64."""
    rows, columns = (triangle_weights(*lengths) for lengths in zip(logits.shape, size))
    yes, no = (rows @ (1 / (1 + np.exp(-sign * logits))) @ columns.T for sign in (1, -1))
    return np.log(yes) - np.log(no)


sizes = st.tuples(st.integers(4, 24), st.integers(4, 24))


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(sizes, st.sampled_from([.3, .5, .8])), min_size=1, max_size=3))
def test_text_equals_brute_force(images):
    canvas = 24, 24
    old = [size for size, _ in images]
    new = [tuple(max(int(length * scale), 1) for length in size) for size, scale in images]
    maps = torch.randn(len(images), *canvas, generator=torch.Generator().manual_seed(0)) * 5
    shrunk = rescale_maps(maps, canvas, old, new, canvas, text=True)
    assert shrunk.shape == maps.shape and shrunk.dtype == torch.float32
    for one, whole, (height, width), (h, w) in zip(shrunk, maps, old, new):
        expected = by_hand(whole[:height, :width].double().numpy(), (h, w))
        np.testing.assert_allclose(one[:h, :w].numpy(), expected, rtol=1e-3, atol=1e-3)
        assert (one[h:] == NO_TEXT).all() and (one[:, w:] == NO_TEXT).all()


def test_features_are_means_and_their_padding_is_zero():
    maps = torch.randn(1, 3, 8, 8)
    shrunk = rescale_maps(maps, (32, 32), [(32, 24)], [(16, 12)], (32, 32), text=False)
    expected = triangle_weights(8, 4) @ maps[0, :, :, :6].numpy() @ triangle_weights(6, 3).T
    np.testing.assert_allclose(shrunk[0, :, :4, :3], expected, rtol=1e-4, atol=1e-5)
    assert shrunk.shape == maps.shape
    assert not shrunk[0, :, 4:].any() and not shrunk[0, :, :, 3:].any()


@pytest.mark.parametrize('value', [-60., -30., 0., 30., 60.])
def test_teachers_that_are_sure_stay_sure(value):
    """A logit beyond what float32 tells from 1 neither overflows nor changes."""
    shrunk = rescale_maps(torch.full((1, 16, 16), value), (16, 16), [(16, 16)], [(8, 8)], (8, 8),
                          text=True)
    assert torch.allclose(shrunk, torch.tensor(value), rtol=1e-4, atol=1e-5)


def test_a_thin_stroke_counts_wherever_it_is():
    """At a quarter, bilinear samples would see every other line alone."""
    counts = set()
    for row in range(8, 12):
        maps = torch.full((1, 32, 32), -30.)
        maps[:, row] = 30.
        small = rescale_maps(maps, (32, 32), [(32, 32)], [(8, 8)], (8, 8), text=True)
        counts.add(round(float(small.sigmoid().sum()), 2))
    assert len(counts) == 1 and counts.pop() == pytest.approx(2., abs=.01)


@pytest.mark.parametrize('text', [True, False])
@pytest.mark.parametrize('dtype', [torch.float32, torch.bfloat16, torch.float64])
def test_what_keeps_its_size_keeps_its_values(text, dtype):
    maps = (torch.randn(2, 16, 16) * 9).to(dtype)
    same = rescale_maps(maps, (16, 16), [(16, 16), (12, 9)], [(16, 16), (12, 9)], (16, 16), text)
    assert torch.equal(same[0], maps[0].float())
    assert torch.equal(same[1, :12, :9], maps[1, :12, :9].float())
    assert (same[1, 12:] == (NO_TEXT if text else 0)).all()


def test_the_logit_of_padding_is_what_a_store_says_of_it():
    assert NO_TEXT == pytest.approx(math.log(1 / 509), abs=.05)


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 8).map(lambda n: n * 32), st.sampled_from([.3, .4, .5, .7, 1.]),
       st.sampled_from([1, 2, 4, 8]))
def test_sizes_are_those_of_the_student(length, scale, stride):
    """Whatever the stride, the result fits a recording of the shrunk batch."""
    inputs = torch.zeros(1, 3, length, length)
    data = [tiny.sample([], size=(length, length - 3))]
    small, samples = rescale_batch(inputs, data, [scale])
    maps = torch.zeros(1, length // stride, length // stride)
    shrunk = rescale_maps(maps, (length, length), [data[0].img_shape], [samples[0].img_shape],
                          small.shape[-2:], text=True)
    assert shrunk.shape[1:] == tuple(side // stride for side in small.shape[-2:])


def test_stored_maps_stay_behind():
    """Of the shrunk image they would be the wrong size, and cut silently."""
    data = tiny.sample([tiny.box(4, 4)])
    data.teacher_maps = BaseDataElement(text=torch.zeros(64, 96, dtype=torch.uint8))
    _, samples = rescale_batch(torch.zeros(1, 3, 64, 96), [data], [.5])
    assert 'teacher_maps' not in samples[0] and 'teacher_maps' in data
    assert len(samples[0].gt_instances) == 1
