"""Whole trainings of DLD by MMEngine's runner: interrupted, resumed, averaged, on two processes."""
import copy
import os
import socket

import pytest
import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from mmengine.hooks import Hook
from mmengine.model import MMDistributedDataParallel
from mmengine.runner import Runner
from mmocr.registry import MODELS
from tiny_dld import SCALES, SKD, WORDS, dld, prepared, same, selector_cfg, student_cfg
from tiny_recog import checkpoint
from tiny_spotter import page

TAU = {'type': 'GumbelTemperatureHook'}
DECAY = .5


class PowerCut(Exception):
    pass


class Interrupt(Hook):
    """Stops in the middle of the second epoch."""

    def after_train_iter(self, runner, *args, **kwargs):
        if runner.epoch == 1:
            raise PowerCut


class Dice(Hook):
    """The same draws in the same iteration, whenever the training began; notes temperatures."""

    def __init__(self):
        self.taus = {}

    def before_train_iter(self, runner, *args, **kwargs):
        torch.manual_seed(runner.iter)

    def after_train_iter(self, runner, *args, **kwargs):
        self.taus[runner.iter] = runner.model.selector.tau


class Pages(torch.utils.data.Dataset):
    """Three images of different sizes, one of them without text."""

    def __len__(self):
        return 3

    def __getitem__(self, index):
        words, size = [(WORDS, (96, 160)), ([('owl', (12, 40))], (70, 120)), ([], (96, 100))][index]
        image, sample = page(words, size=size)
        return {'inputs': image, 'data_samples': sample}


@pytest.fixture(scope='module')
def spec(tmp_path_factory):
    return checkpoint(tmp_path_factory.mktemp('teacher') / 'teacher.pth', student_cfg(), seed=5)


def train(spec, folder, *hooks, epochs=3, **fields):
    # Not from a config: printing it nicely takes longer than the training.
    model = dld(spec, selector=selector_cfg(temperature_decay=DECAY))
    runner = Runner(model, str(folder), **{
        'train_dataloader': {'batch_size': 2, 'num_workers': 0, 'dataset': Pages(),
                             'sampler': {'type': 'DefaultSampler', 'shuffle': True}},
        'train_cfg': {'by_epoch': True, 'max_epochs': epochs},
        'optim_wrapper': {'optimizer': {'type': 'Adam', 'lr': 1e-3},
                          'paramwise_cfg': {'custom_keys': {'selector': {'lr_mult': 5}}}},
        'randomness': {'seed': 0}, 'log_level': 'ERROR', 'default_scope': 'mmocr',
        'experiment_name': f'{folder.parent.name}-{folder.name}-{len(hooks)}-{len(fields)}',
        **fields})
    for hook in hooks:
        runner.register_hook(hook)
    runner.train()
    return runner


def saved(folder, epoch=3):
    return torch.load(folder / f'epoch_{epoch}.pth', weights_only=True)


def resumed(spec, folder, cut, **fields):
    """Goes on from a copy of an interrupted training."""
    folder.mkdir()
    for name in ('epoch_1.pth', 'last_checkpoint'):
        (folder / name).write_bytes((cut / name).read_bytes())
    (folder / 'last_checkpoint').write_text(str(folder / 'epoch_1.pth'))
    dice = Dice()
    train(spec, folder, dice, resume=True, **fields)
    return saved(folder), dice.taus


def test_interrupted_and_resumed_training_ends_where_the_other_one_does(spec, tmp_path):
    whole, dice = train(spec, tmp_path / 'whole', first := Dice(), custom_hooks=[TAU]), first
    with pytest.raises(PowerCut):
        train(spec, tmp_path / 'cut', Dice(), Interrupt(), custom_hooks=[TAU])
    first = saved(tmp_path / 'whole')
    second, taus = resumed(spec, tmp_path / 'again', tmp_path / 'cut', custom_hooks=[TAU])
    assert same(first['state_dict'], second['state_dict'])
    moments = [one['optimizer']['state'] for one in (first, second)]
    assert all(torch.equal(moments[0][i]['exp_avg'], moments[1][i]['exp_avg']) for i in moments[0])
    assert list(dice.taus.values()) == [5., 5., 2.5, 2.5, 1.25, 1.25]
    assert taus == {i: tau for i, tau in dice.taus.items() if i >= 2}
    assert whole.iter == 6
    # The temperature is what would be lost: without the hook the selector ends elsewhere.
    other, taus = resumed(spec, tmp_path / 'hot', tmp_path / 'cut')
    assert set(taus.values()) == {5.}
    key = 'selector.fc.weight'
    assert not torch.equal(other['state_dict'][key], first['state_dict'][key])


def test_saved_weights_load_where_they_are_put_to_use(spec, tmp_path):
    """With averaged weights: EMAHook saves them as the model's."""
    runner = train(spec, tmp_path / 'run', epochs=1, custom_hooks=[TAU, {'type': 'EMAHook'}])
    weights = saved(tmp_path / 'run', 1)
    assert any(not torch.equal(value, weights['ema_state_dict'][f'module.{key}'])
               for key, value in weights['state_dict'].items())
    averaged = next(hook for hook in runner.hooks if type(hook).__name__ == 'EMAHook').ema_model
    assert averaged.module._teacher is runner.model._teacher
    assert averaged.module.spotter is averaged.module.student
    theirs = {id(p) for p in runner.model._teacher.model.parameters()}
    assert not theirs & {id(p) for p in averaged.parameters()}
    for state in (weights['state_dict'],
                  {key.removeprefix('module.'): value
                   for key, value in weights['ema_state_dict'].items() if key != 'steps'}):
        dld(losses={}).load_state_dict(state, strict=True)
        plain = {key: value for key, value in state.items() if not key.startswith('selector.')}
        MODELS.build(student_cfg()).load_state_dict(plain, strict=True)


def test_starts_from_the_teacher_and_logs_what_it_should(spec, tmp_path):
    still = {'optimizer': {'type': 'SGD', 'lr': 0.}}
    runner = train(spec, tmp_path / 'run', epochs=1, optim_wrapper=still)
    teacher = torch.load(spec['checkpoint'], weights_only=True)['state_dict']
    for name, p in runner.model.student.named_parameters():
        assert torch.equal(p, teacher[name])
    scalars = runner.message_hub.log_scalars
    for name in ('res_scale_mean', 'res_entropy', 'res_cost', 'tau', 'loss_res_acc', 'loss'):
        assert f'train/{name}' in scalars


def test_rates_of_the_selector(spec, tmp_path):
    runner = train(spec, tmp_path / 'run', epochs=1)
    rates = {}
    for group in runner.optim_wrapper.optimizer.param_groups:
        rates.setdefault(group['lr'], []).extend(group['params'])
    ours = {id(p) for p in runner.model.selector.parameters()}
    assert set(rates) == {1e-3, 5e-3} and {id(p) for p in rates[5e-3]} == ours


# --- two processes

DDP_CASES = {
    'all': {},
    'skd': {'losses': SKD, 'selector': None, 'scale_factors': SCALES, 'test_scale': .5},
}
# The second process has no word at all in the first step, and the first none in the second.
STEPS = [[WORDS, []], [[], WORDS]]


def one_rank(rank, port, spec, results):
    from mmengine.registry import init_default_scope
    init_default_scope('mmocr')
    torch.set_num_threads(1)
    os.environ.update(MASTER_ADDR='localhost', MASTER_PORT=str(port))
    dist.init_process_group('gloo', rank=rank, world_size=2)
    for name, fields in DDP_CASES.items():
        results[name, rank] = two_steps(rank, spec, fields)
    dist.destroy_process_group()


def two_steps(rank, spec, fields):
    """Gradients of this process alone, and those it gets from DDP, in each step."""
    model = dld(spec, **fields).train()
    wrapped = MMDistributedDataParallel(model, broadcast_buffers=False)
    results = []
    for step, words in enumerate(STEPS):
        data = prepared(model, page(words[rank]), page([], size=(64, 100)))
        alone = copy.deepcopy(model)
        results.append((gradients(alone, alone, data, rank + step),
                        gradients(wrapped, model, data, rank + step)))
    return results


def gradients(run, model, data, seed):
    torch.manual_seed(seed)
    run.zero_grad()
    inputs, samples = data
    model.parse_losses(run(inputs, samples, mode='loss'))[0].backward()
    return {key: p.grad.clone() for key, p in model.named_parameters()}


def test_two_processes_average_their_gradients(spec, tmp_path):
    with socket.socket() as s:
        s.bind(('localhost', 0))
        port = s.getsockname()[1]
    with mp.get_context('spawn').Manager() as manager:
        results = manager.dict()
        mp.spawn(one_rank, (port, copy.deepcopy(spec), results), nprocs=2)
        results = dict(results)
    for name in DDP_CASES:
        for (mine, first), (other, second) in zip(results[name, 0], results[name, 1]):
            assert same(first, second)
            assert any(not torch.equal(mine[key], other[key]) for key in mine)
            for key, gradient in first.items():
                torch.testing.assert_close(gradient, (mine[key] + other[key]) / 2,
                                           atol=1e-5, rtol=1e-3)
