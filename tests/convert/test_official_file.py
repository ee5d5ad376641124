import os

import pytest
import torch
from torch import nn

from mmocr_kd.convert import OfficialLayoutError, read_official

STATE = {'head.weight': torch.arange(6.).reshape(2, 3), 'model.depth': torch.tensor(3)}


def prefixed(prefix):
    return {prefix + key: value for key, value in STATE.items()}


@pytest.mark.parametrize('content', [
    STATE,
    {'model': STATE, 'opt': {'state': {}, 'param_groups': [{'lr': .1}]}},
    {'state_dict': prefixed('model.'), 'epoch': 3, 'pytorch-lightning_version': '1.9.4'},
    {'state_dict_G': STATE, 'info': {'best': .7}},
    {'state_dict_G': prefixed('module.'), 'model': 'parseq'},
    {'state_dict': prefixed('model.module.')},
    {'model': nn.Linear(2, 2).state_dict() | STATE},
], ids=['bare', 'fastai', 'lightning', 'ltr', 'parallel', 'both', 'ordered'])
def test_finds_the_state_dict_in_all_its_wrappings(content, tmp_path):
    torch.save(content, tmp_path / 'official.pth')
    state = read_official(tmp_path / 'official.pth')
    assert set(STATE) <= set(state)
    assert all(state[key].equal(value) for key, value in STATE.items())


def test_reads_the_old_file_format(tmp_path):
    torch.save({'model': STATE}, tmp_path / 'old.pth', _use_new_zipfile_serialization=False)
    assert set(read_official(tmp_path / 'old.pth')) == set(STATE)


def test_keeps_a_prefix_that_not_all_keys_have(tmp_path):
    torch.save(prefixed('module.') | {'extra': torch.ones(1)}, tmp_path / 'mixed.pth')
    assert 'module.head.weight' in read_official(tmp_path / 'mixed.pth')


def test_widens_half_precision_but_no_integers(tmp_path):
    torch.save({'w': torch.ones(2).half(), 'n': torch.tensor(7)}, tmp_path / 'half.pth')
    state = read_official(tmp_path / 'half.pth')
    assert state['w'].dtype == torch.float32 and state['n'].dtype == torch.int64


@pytest.mark.parametrize('content, words', [
    ([1, 2], 'holds no state dict'),
    ({}, 'holds no state dict'),
    ({'model': {}}, 'holds no state dict'),
    ({'model': 'abinet', 'epoch': 2}, 'holds no state dict'),
    ({'state_dict': {1: torch.ones(1)}}, 'holds no state dict'),
    ({'w': torch.ones(1), 'epoch': 3}, "'epoch' is a int"),
    ({'w': torch.tensor([1., float('nan')])}, "'w' holds NaN or Inf"),
])
def test_refuses_what_is_no_state_dict(content, words, tmp_path):
    torch.save(content, tmp_path / 'odd.pth')
    with pytest.raises(OfficialLayoutError, match=words):
        read_official(tmp_path / 'odd.pth')


@pytest.mark.parametrize('content', [None, b'', b'no checkpoint', b'PK\x03\x04 cut off'])
def test_refuses_missing_and_damaged_files(content, tmp_path):
    path = tmp_path / 'bad.pth'
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(OfficialLayoutError, match='bad.pth cannot be read as weights'):
        read_official(path)


def test_refuses_a_file_cut_short(tmp_path):
    path = tmp_path / 'short.pth'
    torch.save(STATE, path)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(OfficialLayoutError, match='short.pth cannot be read'):
        read_official(path)


class Bomb:
    """Runs a command when unpickled."""

    def __reduce__(self):
        return os.mkdir, ('exploded', )


@pytest.mark.parametrize('zipped', [True, False])
def test_runs_no_code_from_a_hostile_file(zipped, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    torch.save({'model': STATE, 'opt': Bomb()}, 'bomb.pth', _use_new_zipfile_serialization=zipped)
    with pytest.raises(OfficialLayoutError, match='cannot be read'):
        read_official('bomb.pth')
    assert not (tmp_path / 'exploded').exists()
