import copy

import pytest
import torch
from torch import nn

from mmocr_kd.distill import CheckpointError, load_strictly, read_weights


class Net(nn.Module):
    """A model with a buffer that is computed, not saved; and one that is saved."""

    def __init__(self, mean=(123.675, 116.28, 103.53)):
        super().__init__()
        self.body = nn.Linear(2, 3)
        self.data_preprocessor = nn.Module()
        self.data_preprocessor.register_buffer('mean', torch.tensor(mean).view(-1, 1, 1), False)
        self.norm = nn.BatchNorm1d(3)


@pytest.fixture
def net():
    return Net()


def saved(tmp_path, content, name='w.pth'):
    torch.save(content, tmp_path / name)
    return tmp_path / name


def load(path, net):
    other = copy.deepcopy(net)
    for value in other.state_dict().values():
        value.zero_()
    load_strictly(other, read_weights(path), path)
    return all(torch.equal(a, b) for a, b in
               zip(net.state_dict().values(), other.state_dict().values()))


@pytest.mark.parametrize('wrap', [
    lambda state: state,
    lambda state: {'meta': {}, 'state_dict': state},
    lambda state: {'state_dict': {f'module.{k}': v for k, v in state.items()}},
    lambda state: {'state_dict': {f'_orig_mod.{k}': v for k, v in state.items()}},
    lambda state: {'state_dict': {f'module._orig_mod.{k}': v for k, v in state.items()}},
    lambda state: {'state_dict': {f'_orig_mod.module.{k}': v for k, v in state.items()}},
    lambda state: {k.replace('body.', 'body._orig_mod.'): v for k, v in state.items()},
])
def test_what_trainings_wrap_around_keys_is_taken_off(tmp_path, net, wrap):
    assert load(saved(tmp_path, wrap(net.state_dict())), net)


def test_torch_compile_really_writes_these_keys(tmp_path, net):
    assert load(saved(tmp_path, torch.compile(net).state_dict()), net)
    part = copy.deepcopy(net)
    part.body = torch.compile(part.body)
    assert load(saved(tmp_path, part.state_dict()), net)


def test_keys_that_would_cover_each_other_are_refused(tmp_path, net):
    state = net.state_dict()
    path = saved(tmp_path, {**state, 'module.body.bias': state['body.bias'] + 1})
    with pytest.raises(CheckpointError, match='keys twice'):
        read_weights(path)


def test_buffers_that_older_versions_saved_may_stand_there(tmp_path, net, log):
    """MMOCR's files of August 2022 hold ``data_preprocessor.mean`` and ``std``."""
    mean = {'data_preprocessor.mean': net.data_preprocessor.mean}
    assert load(saved(tmp_path, {**net.state_dict(), **mean}), net)
    assert not log


@pytest.mark.parametrize('mean, off', [((123.675, 116.28, 103.53), .005), ((0., 0., 0.), 5e-5)])
def test_values_that_were_rounded_say_the_same(tmp_path, log, mean, off):
    net = Net(mean)
    mean = {'data_preprocessor.mean': net.data_preprocessor.mean + off}
    assert load(saved(tmp_path, {**net.state_dict(), **mean}), net)
    assert not log


@pytest.mark.parametrize('mean', [torch.zeros(3, 1, 1), torch.full((1, 1, 1), 123.675),
                                  torch.full((2, 1, 1), 123.675)])
def test_the_config_counts_and_another_value_is_told(tmp_path, net, log, mean):
    before = net.data_preprocessor.mean.clone()
    assert load(saved(tmp_path, {**net.state_dict(), 'data_preprocessor.mean': mean}), net)
    assert torch.equal(net.data_preprocessor.mean, before)
    (told, ) = log
    assert 'the config says [123.675, 116.28, 103.53], and counts' in told


def test_buffers_unknown_to_the_model_stay_unexpected(tmp_path, net):
    path = saved(tmp_path, {**net.state_dict(), 'data_preprocessor.std': torch.ones(3, 1, 1)})
    with pytest.raises(CheckpointError, match='unexpected: data_preprocessor.std'):
        load(path, net)


def test_what_distilling_wrappers_add_is_left_out(tmp_path, net):
    extra = {f'{name}.x.weight': torch.ones(1) for name in ('adaptors', 'losses', 'selector')}
    assert load(saved(tmp_path, {**net.state_dict(), **extra}), net)


def test_but_not_where_the_model_has_it(tmp_path, net):
    net.losses = nn.Linear(1, 1)
    assert load(saved(tmp_path, net.state_dict()), net)


def test_a_model_that_does_not_fit_is_left_as_it_was(net):
    before = copy.deepcopy(net.state_dict())
    state = {key: value + 1 for key, value in before.items()} | {'more': torch.ones(1)}
    with pytest.raises(CheckpointError, match='w.pth does not fit Net of net.py'):
        load_strictly(net, state, 'w.pth', 'net.py')
    assert all(torch.equal(before[key], value) for key, value in net.state_dict().items())


@pytest.mark.parametrize('missing, shown, rest', [(5, 5, []), (7, 5, ['  ... and 2 more'])])
def test_of_many_differences_some_are_listed_and_the_rest_is_counted(missing, shown, rest):
    model = nn.Sequential(*[nn.Linear(1, 1, bias=False) for _ in range(8)])
    state = dict(list(model.state_dict().items())[missing:])
    with pytest.raises(CheckpointError) as error:
        load_strictly(model, state, 'w.pth')
    listed = [f'  missing: {i}.weight' for i in range(shown)]
    assert str(error.value).splitlines()[1:-1] == listed + rest


class TestFolders:

    def test_of_a_training_give_their_last_checkpoint(self, tmp_path, net):
        (tmp_path / 'run').mkdir()
        saved(tmp_path / 'run', {'body.weight': torch.zeros(3, 2)}, 'epoch_1.pth')
        saved(tmp_path / 'run', net.state_dict(), 'epoch_2.pth')
        (tmp_path / 'run' / 'last_checkpoint').write_text(str(tmp_path / 'run' / 'epoch_2.pth'))
        assert load(tmp_path / 'run', net)
        (tmp_path / 'run').rename(tmp_path / 'moved')
        assert load(tmp_path / 'moved', net)

    def test_without_one_are_named(self, tmp_path):
        with pytest.raises(FileNotFoundError, match='folder without a note last_checkpoint'):
            read_weights(tmp_path)

    def test_whose_last_checkpoint_is_gone_are_named(self, tmp_path):
        (tmp_path / 'last_checkpoint').write_text('run/epoch_2.pth')
        with pytest.raises(FileNotFoundError, match='without its last checkpoint epoch_2.pth'):
            read_weights(tmp_path)
