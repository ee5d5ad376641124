import numpy as np
import pytest
import torch
from tiny_scenes import box, scene

from mmocr_kd.evaluation.spotting_instances import read_predictions, read_targets


def sample():
    return scene([(box(0, 0), 'a'), (box(50, 0), 'b', True)], [(box(0, 0), 'a', .7)]).to_dict()


def test_fields_are_read():
    targets, predictions = read_targets(sample()), read_predictions(sample())
    assert targets.texts == ['a', 'b'] and targets.ignored.tolist() == [False, True]
    assert [polygon.area for polygon in targets.polygons] == [200, 200]
    assert predictions.texts == ['a'] and predictions.scores == np.float32(.7)
    assert predictions.char_scores is None


@pytest.mark.parametrize('values', [[0.5], np.array([.5]), torch.tensor([.5])])
def test_scores_of_any_kind(values):
    data_sample = sample()
    data_sample['pred_instances']['scores'] = values
    assert read_predictions(data_sample).scores.tolist() == [.5]


@pytest.mark.parametrize('group, read, name, hint', [
    ('pred_instances', read_predictions, 'texts', 'is the model a text spotter'),
    ('pred_instances', read_predictions, 'scores', 'is the model a text spotter'),
    ('gt_instances', read_targets, 'texts', 'with_text=True'),
    ('gt_instances', read_targets, 'ignored', 'PackTextSpottingInputs')])
def test_missing_fields(group, read, name, hint):
    data_sample = sample()
    del data_sample[group][name]
    with pytest.raises(ValueError, match=f"'test/img_1.jpg' has {group} with .*{hint}"):
        read(data_sample)
    del data_sample[group]
    with pytest.raises(ValueError, match=rf'{group} with \[\], expected .*{hint}'):
        read(data_sample)


def test_fields_of_different_length():
    data_sample = sample()
    data_sample['pred_instances']['texts'] = ['a', 'b']
    with pytest.raises(ValueError, match=r'have \[1, 2, 1\] entries: expected equally many'):
        read_predictions(data_sample)


NO_POLYGONS = [np.array(numbers, np.float32) for numbers in (
    [10, 10, 90, 50], [], [1, 1, np.nan, 1, 5, 5], [1, 1, np.inf, 1, 5, 5], [1, 1, 2, 1, 5, 5, 3])]


@pytest.mark.parametrize('bad', NO_POLYGONS)
@pytest.mark.parametrize('text, ignored', [('a', True), ('###', False), ('', False)])
def test_nobody_looks_for_what_is_ignored(bad, text, ignored):
    polygons = read_targets(scene([(bad, text, ignored)], []).to_dict()).polygons
    assert [polygon.area for polygon in polygons] == [0]


@pytest.mark.parametrize('bad', NO_POLYGONS)
def test_an_instance_that_is_looked_for_must_be_somewhere(bad):
    data_sample = scene([(box(0, 0), 'a'), (bad, 'b')], []).to_dict()
    with pytest.raises(ValueError, match=r"'test/img_1.jpg' has gt_instances.polygons\[1\]="):
        read_targets(data_sample)


@pytest.mark.parametrize('bad', NO_POLYGONS)
def test_a_prediction_may_lie_nowhere(bad):
    polygons = read_predictions(scene([], [(bad, 'b'), (box(0, 0), 'a')]).to_dict()).polygons
    assert [polygon.area for polygon in polygons] == [0, 200]


def test_a_score_that_is_no_number():
    data_sample = scene([], [(box(0, 0), 'a', float('nan'))]).to_dict()
    with pytest.raises(ValueError, match=r"'test/img_1.jpg' has pred_instances.scores=\[nan\]"):
        read_predictions(data_sample)


def test_texts_that_json_made_numbers():
    data_sample = scene([(box(0, 0), 123), (box(0, 0), None, True)], []).to_dict()
    assert read_targets(data_sample).texts == ['123', '###']
    data_sample['gt_instances']['texts'] = [1.5, '']
    with pytest.raises(ValueError, match=r"'test/img_1.jpg' has the text 1.5"):
        read_targets(data_sample)
