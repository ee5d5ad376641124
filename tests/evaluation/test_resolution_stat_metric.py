import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from mmengine.evaluator import Evaluator
from mmocr.registry import METRICS
from mmocr.structures import TextDetDataSample

SCALES = [.3, .4, .5, .6, .7, .8]


def build(**fields):
    return METRICS.build({'type': 'ResolutionStatMetric', 'scale_factors': SCALES, **fields})


def evaluate(scales, indices=None, **fields):
    indices = [{}] * len(scales) if indices is None else [{'dld_scale_index': i} for i in indices]
    evaluator = Evaluator(build(**fields))
    evaluator.process([
        TextDetDataSample(metainfo={'img_path': 'a.jpg', 'dld_scale': scale, **index})
        for scale, index in zip(scales, indices)])
    return {name.removeprefix('resolution/'): value
            for name, value in evaluator.evaluate(len(scales)).items()}


def test_by_hand():
    results = evaluate([.3, .8, .3, .5], [0, 5, 0, 2])
    assert results == pytest.approx({
        'mean_scale': .475, 'rms_scale': (1.07 / 4)**.5, 'rel_cost': 1.07 / 4, 'hist_0.3': .5,
        'hist_0.4': 0, 'hist_0.5': .25, 'hist_0.6': 0, 'hist_0.7': 0, 'hist_0.8': .25})


def test_measured_costs():
    costs = [.104, .174, .257, .377, .502, .666]
    assert evaluate([.3, .8], rel_costs=costs)['rel_cost'] == pytest.approx(.385)


def test_costs_counted_in_several_ways():
    published = [.1, .2, .3, .4, .5, .6]
    honest = [.3, .4, .5, .6, .7, .8]
    results = evaluate([.3, .8], rel_costs={'published': published, 'honest': honest})
    assert results['rel_cost_published'] == pytest.approx(.35)
    assert results['rel_cost_honest'] == pytest.approx(.55) and 'rel_cost' not in results
    with pytest.raises(ValueError, match=r"rel_costs\['honest'\]=\[0.1\] must be 6 finite"):
        build(rel_costs={'published': published, 'honest': [.1]})


@given(st.lists(st.sampled_from(SCALES), min_size=1, max_size=12))
def test_equal_to_means_of_images(scales):
    results = evaluate(scales)
    assert results['mean_scale'] == pytest.approx(np.mean(scales))
    assert results['rms_scale']**2 == pytest.approx(np.mean(np.square(scales)))
    assert results['rel_cost'] == pytest.approx(results['rms_scale']**2)
    assert sum(value for name, value in results.items() if 'hist' in name) == pytest.approx(1)


@pytest.mark.parametrize('scale, index', [
    (torch.tensor(.7), torch.tensor(4)), (np.float32(.7), np.int64(4)), (.1 * 7, 4)])
def test_numbers_of_any_kind(scale, index):
    assert evaluate([scale], [index])['hist_0.7'] == 1


def test_one_scale():
    assert evaluate([1, 1], scale_factors=[1.0]) == {
        'mean_scale': 1, 'rms_scale': 1, 'rel_cost': 1, 'hist_1': 1}


def test_no_images_no_numbers():
    assert build().compute_metrics([]) == {}


@pytest.mark.parametrize('metainfo, message', [
    ({}, r"'a.jpg' has no dld_scale: is it a model that chooses resolutions"),
    ({'dld_scale': .55}, r'dld_scale=0.55, expected one of scale_factors=\[0.3'),
    ({'dld_scale': .5, 'dld_scale_index': 1}, 'dld_scale=0.5 and dld_scale_index=1, but')])
def test_samples_that_do_not_fit(metainfo, message):
    with pytest.raises(ValueError, match=message):
        build().process(None, [{'img_path': 'a.jpg', **metainfo}])


@pytest.mark.parametrize('fields, message', [
    ({'scale_factors': []}, 'scale_factors is empty'),
    ({'scale_factors': [.5, .3]}, 'must rise strictly'),
    ({'scale_factors': [.5, 1.5]}, r'must lie in \(0, 1\]'),
    ({'rel_costs': [.1]}, 'must be 6 finite numbers'),
    ({'rel_costs': [0, .1, .2, .3, .4, .5]}, 'must be 6 finite numbers'),
    ({'rel_costs': [float('nan')] * 6}, 'must be 6 finite numbers')])
def test_impossible_fields(fields, message):
    with pytest.raises(ValueError, match=message):
        build(**fields)
