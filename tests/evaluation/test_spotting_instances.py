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
