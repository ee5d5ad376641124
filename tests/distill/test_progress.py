import pytest
from mmengine.logging import MessageHub

from mmocr_kd.distill import training_progress

NAMES = [f'test_progress_{i}' for i in range(3)]


@pytest.fixture
def hubs():
    """Message hubs as runners have them."""
    yield [MessageHub.get_instance(name) for name in NAMES]
    for name in NAMES:
        MessageHub._instance_dict.pop(name, None)


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
