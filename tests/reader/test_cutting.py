"""Words are cut out of photos as the spotter's own network is shown them."""
import functools
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny_spotter import sample, spotter

from mmocr_kd.models.dld import Shrinker
from mmocr_kd.models.spotters.words import words_found
from mmocr_kd.reader.cutting import Cut
from mmocr_kd.reader.resizing import Prepared, prepare, unprepared
from mmocr_kd.reader.selection import shrunk

SIZE = (90, 150)
NOISE = np.random.default_rng(0).integers(0, 256, (*SIZE, 3), np.uint8)
IMAGE = dict(channels='rgb', steps=[], divisor=32, pad_value=0, mean=[123., 116., 103.],
             std=[58., 57., 56.])


@functools.cache
def a_spotter():
    return spotter(crop=dict(size=(16, 50)))


def words(turn=0., width=40., height=12., at=(60., 45.)):
    """A word's polygon on the noise."""
    angle = np.deg2rad(turn)
    along = np.array([np.cos(angle), np.sin(angle)])
    across = np.array([-along[1], along[0]])
    corners = [(-width, -height), (width, -height), (width, height), (-width, height)]
    return np.array([at + x / 2 * along + y / 2 * across for x, y in corners], np.float32)


def of_pytorch(model, polygon, scale):
    """What the spotter's recogniser is shown before normalisation, BGR."""
    inputs = torch.from_numpy(NOISE).permute(2, 0, 1)[None].float()
    inputs = torch.nn.functional.pad(inputs, (0, 10, 0, 6), value=0)
    samples = [sample(size=SIZE, scale=(.5, .4))]
    small = Shrinker()(inputs, samples, [scale])
    factors = np.array(small.data_samples[0].scale_factor, np.float32)
    words = words_found([[polygon * factors]], small.data_samples,
                        lambda one: model.cut.outline(one, False))
    source, sizes, words = model._to_read(small.inputs, small.data_samples, words,
                                          (inputs, samples))
    return model.cut(source, sizes, words)[0].permute(1, 2, 0).numpy()


@settings(max_examples=60, deadline=None)
@given(turn=st.floats(-90, 90), width=st.floats(3, 300), height=st.floats(1, 150),
       at=st.tuples(st.floats(-20, 320), st.floats(-20, 250)),
       scale=st.sampled_from([1., .5, .37]), crop_from=st.sampled_from(['lr', 'full']),
       oversample=st.sampled_from(['auto', 1, 3]), margin=st.sampled_from([0., .2]),
       vertical_ratio=st.sampled_from([1., 1.5]))
def test_cuts_what_the_spotter_cuts(turn, width, height, at, scale, crop_from, oversample, margin,
                                    vertical_ratio):
    model = a_spotter()
    model._cut = replace(model.cut, normalize=lambda crops: crops, margin=margin,
                         oversample=oversample, vertical_ratio=vertical_ratio)
    model.crop_from = crop_from
    polygon = words(turn, width, height, at)  # of the photo, twice as wide as what is shown
    theirs = of_pytorch(model, polygon, scale)
    seen = prepare(NOISE, IMAGE)
    full = Prepared(seen.pixels, (.5, .4), 1., SIZE)
    shown = shrunk(full, scale, dict(max_long_edge=None, antialias=False, divisor=32))
    factors = np.array(shown.scale, np.float32)  # the detector found it in what it was shown
    ours, = Cut(model.cut_rule())(full, shown, IMAGE, [polygon * factors / factors])
    assert ours.shape == theirs.shape == (16, 50, 3) and ours.dtype == np.float32
    np.testing.assert_allclose(ours, theirs, atol=.02)  # of 255


@pytest.mark.parametrize('channels', ['bgr', 'rgb', 'grey'])
@pytest.mark.parametrize('normalises', [True, False])
def test_what_was_shown_comes_back(channels, normalises):
    one = channels == 'grey'
    image = {**IMAGE, 'channels': channels, 'mean': IMAGE['mean'][:1 if one else 3],
             'std': IMAGE['std'][:1 if one else 3]} | ({} if normalises else {'mean': None})
    photo = NOISE[:, :, :1].repeat(3, 2) if one else NOISE
    shown = unprepared(prepare(photo, image), image)
    np.testing.assert_allclose(shown, photo, atol=1e-4)


def test_no_words_give_no_crops():
    seen = prepare(NOISE, IMAGE)
    assert Cut(a_spotter().cut_rule())(seen, seen, IMAGE, []) == []
