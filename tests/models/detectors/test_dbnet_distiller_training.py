"""The wrapper in real runners: beside other runners, compiled, counting iterations."""
import pytest
import tiny
from mmengine.config import Config
from mmengine.hooks import Hook
from mmengine.runner import Runner
from mmocr.registry import DATASETS
from torch.utils.data import Dataset


@DATASETS.register_module()
class FourTinyScenes(Dataset):
    """Four images with a word."""

    def __len__(self):
        return 4

    def __getitem__(self, index):
        data = tiny.batch(1, seed=index)
        del data['data_samples'][0].gt_instances.bboxes  # NumPy's: MMEngine cannot compile these
        return {key: values[0] for key, values in data.items()}


class Spy(Hook):
    """Which steps distilled."""

    def __init__(self):
        self.steps = []

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None):
        self.steps.append('loss_kd' in outputs)


@pytest.fixture
def spec(tmp_path):
    return tiny.checkpoint(tmp_path / 'teacher.pth', tiny.dbnet_cfg(width=.5, neck=8))


@pytest.fixture
def build(tmp_path, spec):
    def build(name='run', schedule=None, **fields):
        model = tiny.dbnet_cfg(type='DBNetDistiller', teacher=spec, schedule=schedule,
                               terms=[{'loss': {'type': 'MaskETLoss'}}])
        return Runner.from_cfg(Config({
            'model': model, 'work_dir': str(tmp_path / name), 'experiment_name': name,
            'train_dataloader': {'batch_size': 2, 'num_workers': 0,
                                 'dataset': {'type': 'FourTinyScenes'},
                                 'sampler': {'type': 'DefaultSampler', 'shuffle': False}},
            'train_cfg': {'by_epoch': True, 'max_epochs': 2}, 'default_scope': 'mmocr',
            'optim_wrapper': {'optimizer': {'type': 'SGD', 'lr': .01}}, 'log_level': 'ERROR',
            **fields}))
    return build


def steps(runner):
    spy = Spy()
    runner.register_hook(spy)
    runner.train()
    return spy.steps


def test_the_schedule_is_that_of_the_runner_that_trains(build):
    runner = build('first', {'start': 1})
    build('second')  # MMEngine takes its message hub for the current one
    assert steps(runner) == [False, False, True, True]


def test_one_training_after_another(build):
    assert steps(build('first', {'stop': 1})) == [True, True, False, False]
    assert steps(build('second', {'stop': 1})) == [True, True, False, False]


def test_iterations(build):
    loop = {'type': 'IterBasedTrainLoop', 'max_iters': 3}
    schedule = {'by_epoch': False, 'start': 1, 'stop': 2}
    assert steps(build('good', schedule, train_cfg=loop)) == [False, True, False]
    with pytest.raises(ValueError, match='counts epochs.*set by_epoch=False'):
        steps(build('bad', {'stop': 1}, train_cfg=loop))


def test_compiled(build, tmp_path):
    schedule = {'by_epoch': False, 'start': 1, 'stop': 3}
    spec = tiny.checkpoint(tmp_path / 'quick.pth', tiny.four_convs_cfg())
    model = tiny.four_convs_cfg(type='DBNetDistiller', teacher=spec, schedule=schedule,
                                terms=[{'loss': {'type': 'MaskETLoss'}}])
    runner = build('c', model=model, compile={'backend': 'eager'})
    assert steps(runner) == [False, True, True, False]


def test_compiled_with_a_weight_that_is_solved_for(build, tmp_path):
    """Its backward passes come before the training's own, through compiled graphs."""
    spec = tiny.checkpoint(tmp_path / 'quick.pth', tiny.four_convs_cfg())
    model = tiny.four_convs_cfg(type='DBNetDistiller', teacher=spec, terms=[
        {'loss': {'type': 'MaskETLoss'}, 'loss_weight': 'auto', 'every': 1}])
    runner = build('auto', model=model, compile={'backend': 'aot_eager'},
                   train_cfg={'by_epoch': True, 'max_epochs': 1})
    assert steps(runner) == [True, True]
    weights = runner.message_hub.get_scalar('train/weight_term0').data[0]
    assert len(set(weights)) == 2 and all(weight > 0 for weight in weights)


def test_a_teacher_that_is_not_there_shows_before_the_first_step(build, spec):
    runner = build(schedule={'start': 1})
    runner.model.distiller.teachers[0].checkpoint = 'gone.pth'
    spy = Spy()
    runner.register_hook(spy)
    with pytest.raises(FileNotFoundError, match='gone.pth'):
        runner.train()
    assert not spy.steps
