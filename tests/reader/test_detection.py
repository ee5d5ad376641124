"""Polygons from maps: those of MMOCR's postprocessors."""
import cv2
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from mmocr.models.textdet.postprocessors import DBPostprocessor, PANPostprocessor, PSEPostprocessor
from mmocr.structures import TextDetDataSample

from mmocr_kd.apis.export.description import _postprocessor
from mmocr_kd.reader.detection import place_text

SCALE = .4, .7


def blobs(seed, channels=1, size=(60, 90)):
    """Smooth maps in which text may be seen, touching and nested as it comes."""
    noise = np.random.default_rng(seed).normal(size=(channels, *size)).astype(np.float32)
    smooth = [cv2.GaussianBlur(one, None, 3) for one in noise]
    return np.stack([one / one.std() for one in smooth])


def sigmoid(values):
    return torch.from_numpy(values).sigmoid().numpy()


def agree(postprocessor, raw, maps):
    sample = TextDetDataSample(metainfo={'scale_factor': SCALE})
    theirs = postprocessor(torch.from_numpy(raw.copy())[None], [sample])[0].pred_instances
    polygons, scores = place_text(maps, SCALE, _postprocessor(postprocessor))
    assert len(polygons) == len(theirs.polygons)
    for ours, polygon in zip(polygons, theirs.polygons):
        np.testing.assert_allclose(ours.ravel(), np.ravel(polygon), atol=1e-3)
    np.testing.assert_allclose(scores, theirs.scores, atol=1e-6)
    return len(polygons)


@pytest.mark.parametrize('kind', ['quad', 'poly'])
@pytest.mark.parametrize('fields', [{}, dict(mask_thr=.5, min_text_score=.6, unclip_ratio=2.,
                                             min_text_width=9, epsilon_ratio=.05)])
@settings(max_examples=25)
@given(seed=st.integers(0, 2**32 - 1))
def test_dbnets(kind, fields, seed):
    probs = sigmoid(2 * blobs(seed)[0])
    agree(DBPostprocessor(text_repr_type=kind, **fields), probs, probs)


def test_dbnets_most_candidates():
    probs = sigmoid(2 * blobs(0)[0])
    found = [agree(DBPostprocessor(max_candidates=most), probs, probs) for most in (1, 3, 3000)]
    assert found[0] < found[1] < found[2]


@pytest.mark.parametrize('value', [0., 1.])
def test_maps_of_nothing_and_of_text_alone(value):
    probs = np.full((20, 30), value, np.float32)
    assert agree(DBPostprocessor(text_repr_type='quad'), probs, probs) == value


@settings(max_examples=25)
@given(seed=st.integers(0, 2**32 - 1))
def test_psenets(seed):
    logits = 2 * blobs(seed)[0] + np.linspace(1, -1, 4, dtype=np.float32)[:, None, None]
    for fields in (dict(), dict(min_kernel_area=9, min_text_area=60, score_threshold=.9)):
        agree(PSEPostprocessor(text_repr_type='poly', **fields), logits, sigmoid(logits))


@settings(max_examples=25)
@given(seed=st.integers(0, 2**32 - 1))
def test_panets(seed):
    raw = blobs(seed, 6)
    raw[1] = raw[0] - 1
    maps = np.concatenate([sigmoid(raw[:2]), raw[2:]])
    for fields in (dict(), dict(distance_threshold=1., min_text_area=50, score_threshold=.7)):
        agree(PANPostprocessor(text_repr_type='poly', **fields), raw, maps)
