"""Detectors that teach themselves, trained by MMEngine's runner."""
import copy

import pytest
import tiny
import torch
from mmengine.hooks import Hook
from mmengine.optim import OptimWrapper
from mmengine.registry import OPTIM_WRAPPERS
from mmocr.registry import MODELS
from test_masket_distill_hook import build_runner, hook

EMA = {'type': 'EMATeacher', 'momentum': .6}
KEEPER = {'type': 'EMATeacherHook'}


class Follower(Hook):
    """Computes the average from the student's weights after each iteration that is to count."""

    def __init__(self, counts=lambda iteration: True):
        self.counts, self.steps, self.logs = counts, 0, []

    def before_train(self, runner):
        self.average = {k: v.double() for k, v in runner.model.state_dict().items()}

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None):
        self.logs.append(outputs)
        if self.counts(runner.iter):
            self.steps += 1
            m = min(1 - 1 / (self.steps + 1), EMA['momentum'])
            for key, theta in runner.model.state_dict().items():
                self.average[key] = m * self.average[key] + (1 - m) * theta

    def check(self, saved):
        assert saved['steps'] == self.steps
        assert saved['state_dict'].keys() == self.average.keys()
        for key, value in saved['state_dict'].items():
            if value.is_floating_point():
                torch.testing.assert_close(value.double(), self.average[key], rtol=1e-4, atol=1e-5)


@OPTIM_WRAPPERS.register_module()
class SkippingOptimWrapper(OptimWrapper):
    """Leaves out every second step, as automatic mixed precision does where gradients overflow."""

    calls = 0

    def step(self, **kwargs):
        self.calls += 1
        if self.calls % 2:
            super().step(**kwargs)


def follow(tmp_path, *hooks, counts=lambda iteration: True, **fields):
    runner = build_runner(tmp_path, *hooks, **fields)
    follower = Follower(counts)
    runner.register_hook(follower)
    runner.train()
    path = tmp_path / fields.get('name', 'run') / f'epoch_{runner.max_epochs}.pth'
    return runner, follower, torch.load(path, weights_only=False)


def test_the_average_follows_the_formula_and_stays_out_of_the_students_checkpoint(tmp_path):
    runner, follower, saved = follow(tmp_path, hook(EMA), KEEPER)
    (average, ) = saved['ema_teachers']
    follower.check(average)
    assert follower.steps == 8 and all({'loss_entropy', 'loss_kd'} <= set(log)
                                       for log in follower.logs)
    plain = MODELS.build(tiny.dbnet_cfg())
    plain.load_state_dict(saved['state_dict'])
    assert any(not value.equal(average['state_dict'][key])
               for key, value in saved['state_dict'].items())


@pytest.mark.parametrize('optim, counts', [
    ({'accumulative_counts': 3}, lambda i: i % 3 == 2 or i == 7),
    ({'type': 'SkippingOptimWrapper'}, lambda i: i % 2 == 0)], ids=['accumulated', 'skipped'])
def test_only_steps_of_the_optimizer_count(tmp_path, optim, counts):
    optim = {'optimizer': {'type': 'SGD', 'lr': .01}, **optim}
    # BatchNorm's statistics are taken where the weights are.
    _, follower, saved = follow(tmp_path, hook(EMA), KEEPER, counts=counts, optim_wrapper=optim)
    follower.check(saved['ema_teachers'][0])
    assert follower.steps < 8


@pytest.mark.parametrize('kind', ['hook', 'wrapper', 'with EMAHook'])
def test_resumes_equal_to_the_bit(tmp_path, kind):
    model, hooks = tiny.dbnet_cfg(), [KEEPER]
    if kind == 'wrapper':
        model.update(type='DBNetDistiller', teacher=EMA, terms=[{'loss': {'type': 'MaskETLoss'}}])
    else:
        hooks.append(hook(EMA))
    if kind == 'with EMAHook':
        hooks.append({'type': 'EMAHook', 'momentum': .2})
    ends = {}
    for name, epochs in (('whole', (2, )), ('halves', (1, 2))):
        for end in epochs:
            runner = build_runner(tmp_path, *copy.deepcopy(hooks), model=model, name=name,
                                  epochs=end, resume=end != epochs[0])
            runner.train()
        ends[name] = torch.load(tmp_path / name / 'epoch_2.pth', weights_only=False)
    whole, halves = ends['whole'], ends['halves']
    assert whole['ema_teachers'][0]['steps'] == halves['ema_teachers'][0]['steps'] == 8
    for states in zip(*([end['state_dict'], end['ema_teachers'][0]['state_dict']]
                        for end in (whole, halves))):
        assert all(value.equal(states[1][key]) for key, value in states[0].items())


def test_two_hooks_of_which_one_has_another_teacher(tmp_path):
    other = tiny.checkpoint(tmp_path / 'teacher.pth', tiny.dbnet_cfg(width=.5, neck=8))
    _, follower, saved = follow(tmp_path, hook(other), hook(EMA), KEEPER, epochs=1)
    assert {'loss_kd', 'distill1.loss_kd'} <= set(follower.logs[0])
    assert len(saved['ema_teachers']) == 1


def test_starts_anew_where_the_checkpoint_has_no_average(tmp_path):
    build_runner(tmp_path, epochs=1).train()
    runner = build_runner(tmp_path, hook(EMA), KEEPER, resume=True, log_level='WARNING',
                          experiment_name='resumed')
    runner.train()
    saved = torch.load(tmp_path / 'run' / 'epoch_2.pth', weights_only=False)
    assert saved['ema_teachers'][0]['steps'] == 4
    assert any("has no 'ema_teachers'" in path.read_text()
               for path in (tmp_path / 'run').glob('*/*.log'))


def test_averages_of_another_config(tmp_path):
    build_runner(tmp_path, hook(EMA), KEEPER, epochs=1).train()
    runner = build_runner(tmp_path, hook(EMA), hook(dict(EMA, momentum=.9)), KEEPER, resume=True)
    with pytest.raises(ValueError, match='averages of 1 EMATeachers, the config 2'):
        runner.train()


def test_a_hook_without_a_teacher_and_a_teacher_without_a_hook(tmp_path):
    with pytest.raises(ValueError, match='EMATeacherHook found no EMATeacher'):
        build_runner(tmp_path, KEEPER, name='no teacher').train()
    with pytest.raises(RuntimeError, match="add dict.type='EMATeacherHook'."):
        build_runner(tmp_path, hook(EMA), name='no hook').train()


def test_the_optimizer_is_left_alone_after_training(tmp_path):
    runner = build_runner(tmp_path, hook(EMA), KEEPER, epochs=1)
    runner.train()
    assert not runner.optim_wrapper.optimizer._optimizer_step_post_hooks


class Break(Hook):
    """Ends the first training in its middle."""

    broke = False

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None):
        if batch_idx == 1 and not self.broke:
            self.broke = True
            raise KeyboardInterrupt


def test_a_training_that_broke_off_and_starts_again_counts_each_step_once(tmp_path):
    runner = build_runner(tmp_path, hook(EMA), KEEPER, epochs=1)
    runner.register_hook(Break())
    with pytest.raises(KeyboardInterrupt):
        runner.train()
    assert len(runner.optim_wrapper.optimizer._optimizer_step_post_hooks) == 1
    again = next(each for each in runner.hooks if type(each).__name__ == 'EMATeacherHook')
    again.before_train(runner)
    assert len(runner.optim_wrapper.optimizer._optimizer_step_post_hooks) == 1
