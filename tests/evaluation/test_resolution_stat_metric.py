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


def evaluate(scales, costs=None, **fields):
    costs = [{}] * len(scales) if costs is None else [{'dld_cost': cost} for cost in costs]
    evaluator = Evaluator(build(**fields))
    evaluator.process([
        TextDetDataSample(metainfo={'img_path': 'a.jpg', 'dld_scale': scale, **cost})
        for scale, cost in zip(scales, costs)])
    return {name.removeprefix('resolution/'): value
            for name, value in evaluator.evaluate(len(scales)).items()}


def test_by_hand():
    results = evaluate([.3, .8, .3, .5])
    assert results == pytest.approx({
        'mean_scale': .475, 'rms_scale': (1.07 / 4)**.5, 'rel_cost': 1.07 / 4, 'hist_0.3': .5,
        'hist_0.4': 0, 'hist_0.5': .25, 'hist_0.6': 0, 'hist_0.7': 0, 'hist_0.8': .25})


def test_costs_are_those_of_the_predictions():
    assert evaluate([.3, .8], [.104, .666])['rel_cost'] == pytest.approx(.385)
    assert evaluate([.3, .8], [torch.tensor(.5), np.float32(.25)])['rel_cost'] == .375
    assert evaluate([.3, 1.], [.104, None])['rel_cost'] == pytest.approx(.552)  # 1 pixel for 1


def test_a_scale_that_is_no_candidate_is_told():
    results = evaluate([1., 1., .5, .55])
    assert results['hist_1'] == .5 and results['hist_0.55'] == results['hist_0.5'] == .25
    assert results['hist_0.3'] == 0 and results['mean_scale'] == pytest.approx(3.05 / 4)


def test_without_candidates_those_that_occur():
    assert evaluate([.5, .25], scale_factors=[]) == pytest.approx({
        'mean_scale': .375, 'rms_scale': .3125**.5 / 2**.5, 'rel_cost': .15625,
        'hist_0.25': .5, 'hist_0.5': .5})


@given(st.lists(st.sampled_from(SCALES), min_size=1, max_size=12))
def test_equal_to_means_of_images(scales):
    results = evaluate(scales)
    assert results['mean_scale'] == pytest.approx(np.mean(scales))
    assert results['rms_scale']**2 == pytest.approx(np.mean(np.square(scales)))
    assert results['rel_cost'] == pytest.approx(results['rms_scale']**2)
    assert sum(value for name, value in results.items() if 'hist' in name) == pytest.approx(1)


@pytest.mark.parametrize('scale', [torch.tensor(.7), np.float32(.7), .1 * 7])
def test_numbers_of_any_kind(scale):
    assert evaluate([scale])['hist_0.7'] == 1


def test_one_scale():
    assert evaluate([1, 1], scale_factors=[1.0]) == {
        'mean_scale': 1, 'rms_scale': 1, 'rel_cost': 1, 'hist_1': 1}


def test_no_images_no_numbers():
    assert build().compute_metrics([]) == {}


@pytest.mark.parametrize('metainfo, message', [
    ({}, r"'a.jpg' has no dld_scale: is it a model that chooses resolutions"),
    ({'dld_scale': 0.}, r'dld_scale=0.0 and dld_cost=0.0, expected a scale in \(0, 1\]'),
    ({'dld_scale': float('nan')}, 'dld_scale=nan'),
    ({'dld_scale': 1.5, 'dld_cost': .1}, 'dld_scale=1.5 and dld_cost=0.1'),
    ({'dld_scale': .5, 'dld_cost': -1.}, 'dld_cost=-1.0'),
    ({'dld_scale': .5, 'dld_cost': float('inf')}, 'dld_cost=inf')])
def test_samples_that_do_not_fit(metainfo, message):
    with pytest.raises(ValueError, match=message):
        build().process(None, [{'img_path': 'a.jpg', **metainfo}])


@pytest.mark.parametrize('fields, message', [
    ({'scale_factors': [.5, .3]}, 'must rise strictly'),
    ({'scale_factors': [.5, 1.5]}, r'must lie in \(0, 1\]')])
def test_impossible_fields(fields, message):
    with pytest.raises(ValueError, match=message):
        build(**fields)
