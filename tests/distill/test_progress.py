from collections import OrderedDict

import pytest
from mmengine.logging import MessageHub

from mmocr_kd.distill import Schedule, training_progress

NAMES = [f'test_progress_{i}' for i in range(3)]


@pytest.fixture
def hubs(monkeypatch):
    """Message hubs as runners have them, and none of trainings that broke off before."""
    monkeypatch.setattr(MessageHub, '_instance_dict', OrderedDict())
    return [MessageHub.get_instance(name) for name in NAMES]


def train(hub, epoch, iteration):
    hub.update_info_dict({'loop_stage': 'train', 'epoch': epoch, 'iter': iteration,
                          'max_epochs': 7})


def test_without_a_training_there_is_none(hubs):
    assert training_progress() is None


def test_runners_that_do_not_train_do_not_count(hubs):
    train(hubs[1], 2, 30)  # the newest, MMEngine's current one, was only built
    assert training_progress() == (2, 30, 7)


def test_a_training_inside_another_counts_until_it_ends(hubs):
    train(hubs[0], 1, 10)
    train(hubs[2], 3, 40)
    assert training_progress() == (3, 40, 7)
    hubs[2].pop_info('loop_stage')
    assert training_progress() == (1, 10, 7)


def test_validation_belongs_to_the_training(hubs):
    train(hubs[0], 1, 10)
    hubs[0].update_info('loop_stage', 'val')
    assert training_progress() == (1, 10, 7)


def test_schedules_that_change_ask_where_the_training_is(hubs):
    changing = Schedule(by_epoch=False, start=10, warmup=4)
    assert Schedule().weight_now() == 1
    with pytest.raises(RuntimeError, match='no Runner of MMEngine'):
        changing.weight_now()
    train(hubs[0], 2, 11)
    assert changing.weight_now() == .5
    assert (Schedule(start=2).weight_now(), Schedule(start=3).weight_now()) == (1, 0)


def test_loops_without_epochs_have_none_to_count(hubs):
    train(hubs[0], 0, 11)
    hubs[0].update_info('max_epochs', 1)
    with pytest.raises(ValueError, match='set by_epoch=False'):
        Schedule(stop=3).weight_now()
    assert Schedule(by_epoch=False, stop=12).weight_now() == 1


def test_a_training_that_fails_leaves_a_hub_that_trains():
    MessageHub.get_instance('failed').update_info('loop_stage', 'train')
    assert training_progress() is not None


def test_the_next_test_does_not_go_on_with_it():
    assert training_progress() is None
