import copy
import os
from operator import itemgetter

import export_student
import pytest
import tiny
import torch
from mmengine.config import Config
from mmengine.logging import HistoryBuffer
from mmengine.runner import Runner, load_checkpoint
from mmocr.registry import MODELS
from tiny_configs import distilling
from torch.utils.data import DataLoader

FITNET = {'loss': {'type': 'FitNetLoss'}, 'source': 'neck',
          'adaptor': {'type': 'ConvAdaptor', 'in_channels': 16, 'out_channels': 32}}


def distiller(tmp_path):
    spec = tiny.checkpoint(tmp_path / 'teacher.pth', tiny.dbnet_cfg(neck=8))
    return tiny.dbnet_cfg(type='DBNetDistiller', teacher=spec, terms=[FITNET])


@pytest.fixture
def trained(tmp_path):
    """The checkpoint of a real, very short training."""
    Runner(
        model=distiller(tmp_path), work_dir=str(tmp_path / 'run'), log_level='ERROR',
        train_dataloader=DataLoader([tiny.batch(seed=i) for i in range(2)],
                                    collate_fn=itemgetter(0)),
        optim_wrapper={'optimizer': {'type': 'Adam', 'lr': .01}},
        train_cfg={'by_epoch': True, 'max_epochs': 1},
        default_hooks={'checkpoint': {'type': 'CheckpointHook', 'interval': 1}},
        experiment_name=tmp_path.name, default_scope='mmocr').train()
    return tmp_path / 'run/epoch_1.pth'


def load_without_mmengine(path):
    """Load tensors and plain types only, whatever this process has allowed so far."""
    allowed = torch.serialization.get_safe_globals()
    torch.serialization.clear_safe_globals()
    try:
        return torch.load(path, weights_only=True)
    finally:
        torch.serialization.add_safe_globals(allowed)


def test_loads_strictly_into_the_plain_detector_with_the_trained_weights(trained, tmp_path):
    export_student.main([str(trained), str(tmp_path / 'deep/out.pth')])
    plain = MODELS.build(tiny.dbnet_cfg())
    before = torch.load(trained, weights_only=False)['state_dict']
    load_checkpoint(plain, str(tmp_path / 'deep/out.pth'), strict=True)
    for key, value in plain.state_dict().items():
        torch.testing.assert_close(value, before[key], rtol=0, atol=0)


def test_leaves_out_what_only_training_needs_and_keeps_the_meta(trained, tmp_path, capsys):
    export_student.main([str(trained), str(tmp_path / 'out.pth')])
    whole = torch.load(trained, weights_only=False)
    assert {'optimizer', 'message_hub', 'state_dict', 'meta'} <= set(whole)
    assert isinstance(whole['message_hub']['log_scalars']['train/loss'], HistoryBuffer)
    saved = load_without_mmengine(tmp_path / 'out.pth')
    assert set(saved) == {'meta', 'state_dict'}
    assert saved['meta'] == {**whole['meta'], 'written_by': 'export_student'}
    assert saved['meta']['iter'] == 2
    adaptors = [key for key in whole['state_dict'] if key.startswith('adaptors.')]
    assert adaptors and set(saved['state_dict']) == set(whole['state_dict']) - set(adaptors)
    said = capsys.readouterr().out
    assert f'kept {len(saved["state_dict"])} tensors, dropped {len(adaptors)}' in said
    assert f'{(tmp_path / "out.pth").stat().st_size / 1e6:.2f} MB instead of' in said


def test_half_is_the_same_rounded_in_half_the_size(trained, tmp_path):
    for name, *options in (('whole.pth', ), ('half.pth', '--half')):
        export_student.main([str(trained), str(tmp_path / name), *options])
    whole, half = (torch.load(tmp_path / f'{name}.pth')['state_dict'] for name in ('whole', 'half'))
    assert half.keys() == whole.keys()
    for key, value in whole.items():
        assert half[key].dtype == (torch.half if value.is_floating_point() else value.dtype)
        torch.testing.assert_close(half[key].to(value.dtype), value, rtol=1e-3, atol=1e-7)
    sizes = [(tmp_path / f'{name}.pth').stat().st_size for name in ('half', 'whole')]
    assert sizes[0] < .7 * sizes[1]


def test_half_leaves_what_it_cannot_hold(trained, tmp_path):
    whole = torch.load(trained, weights_only=False)
    key, other = [key for key in whole['state_dict'] if key.endswith('running_var')][:2]
    whole['state_dict'][key][0] = 1e5
    torch.save(whole, trained)
    export_student.main([str(trained), str(tmp_path / 'half.pth'), '--half'])
    half = torch.load(tmp_path / 'half.pth')['state_dict']
    assert half[key].equal(whole['state_dict'][key]) and half[key].dtype == torch.float32
    assert half[other].dtype == torch.half


def test_exporting_twice_or_in_place_changes_nothing_more(trained, tmp_path):
    first, second = tmp_path / 'first.pth', tmp_path / 'second.pth'
    export_student.main([str(trained), str(first)])
    export_student.main([str(first), str(second)])
    once = torch.load(first)
    export_student.main([str(first), str(first)])
    for path in (first, second):
        again = torch.load(path)
        assert again['meta'] == once['meta']
        assert list(again['state_dict']) == list(once['state_dict'])
        assert all(again['state_dict'][k].equal(v) for k, v in once['state_dict'].items())


@pytest.mark.parametrize('content, words', [
    ({'meta': {}}, 'no .state_dict.'),
    ({'meta': {}, 'state_dict': {}}, 'no .state_dict.'),
    ({'state_dict': {'weight': 'not a tensor'}}, 'no .state_dict.'),
    ([1, 2], 'no .state_dict.'),
])
def test_refuses_what_has_no_state_dict(content, words, tmp_path):
    torch.save(content, tmp_path / 'odd.pth')
    with pytest.raises(SystemExit, match=words):
        export_student.main([str(tmp_path / 'odd.pth'), str(tmp_path / 'out.pth')])
    assert not (tmp_path / 'out.pth').exists()


@pytest.mark.parametrize('content', [None, b'', b'no checkpoint', b'PK\x03\x04 cut off'])
def test_refuses_missing_and_damaged_files(content, tmp_path):
    path = tmp_path / 'bad.pth'
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(SystemExit, match='bad.pth cannot be read'):
        export_student.main([str(path), str(tmp_path / 'out.pth')])


class Bomb:
    """Runs a command when unpickled."""

    def __reduce__(self):
        return os.mkdir, ('exploded', )


def test_runs_no_code_from_a_hostile_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    torch.save({'state_dict': {'w': torch.ones(1)}, 'extra': Bomb()}, 'bomb.pth')
    with pytest.raises(SystemExit, match='cannot be read'):
        export_student.main(['bomb.pth', 'out.pth'])
    assert not (tmp_path / 'exploded').exists()


def test_an_interrupted_write_leaves_the_old_file_and_no_part(trained, tmp_path, monkeypatch):
    out = tmp_path / 'out.pth'
    export_student.main([str(trained), str(out)])
    old = out.read_bytes()

    def half(checkpoint, path):
        path.write_bytes(b'half')
        raise OSError('disk full')

    before = sorted(tmp_path.iterdir())
    monkeypatch.setattr(torch, 'save', half)
    with pytest.raises(OSError, match='disk full'):
        export_student.main([str(trained), str(out)])
    assert out.read_bytes() == old and sorted(tmp_path.iterdir()) == before


def test_a_plain_checkpoint_passes_through(tmp_path):
    tiny.checkpoint(tmp_path / 'plain.pth', tiny.dbnet_cfg())
    before = copy.deepcopy(torch.load(tmp_path / 'plain.pth'))
    export_student.main([str(tmp_path / 'plain.pth'), str(tmp_path / 'out.pth')])
    after = torch.load(tmp_path / 'out.pth')['state_dict']
    assert all(after[key].equal(value) for key, value in before['state_dict'].items())


@pytest.mark.parametrize('flags, place', [([], 0), (['--peer'], 1)])
def test_either_student_of_a_mutual_training(flags, place, tmp_path):
    students = [tiny.dbnet_cfg(), tiny.dbnet_cfg(width=.5, neck=8)]
    model = {'type': 'MutualDistiller', 'students': students,
             'terms': [{'loss': {'type': 'BinaryKDLoss'}}]}
    config = distilling(tmp_path, 'mutual', model)
    torch.manual_seed(0)
    both = MODELS.build(copy.deepcopy(model))
    torch.save({'meta': {}, 'state_dict': both.state_dict()}, tmp_path / 'both.pth')
    export_student.main([str(tmp_path / 'both.pth'), str(tmp_path / 'out.pth'), '--config',
                         str(config), *flags])
    plain = MODELS.build(students[place])
    load_checkpoint(plain, str(tmp_path / 'out.pth'), strict=True)
    trained = (both.student, both.peer)[place].state_dict()
    assert all(value.equal(trained[key]) for key, value in plain.state_dict().items())
    assert Config.fromfile(tmp_path / 'out.py').model.to_dict() == students[place]


def test_there_is_no_second_student(tmp_path):
    tiny.checkpoint(tmp_path / 'plain.pth', tiny.dbnet_cfg())
    with pytest.raises(SystemExit, match='plain.pth has no second student'):
        export_student.main([str(tmp_path / 'plain.pth'), str(tmp_path / 'out.pth'), '--peer'])


class TestNothingIsLost:
    """Nothing is replaced that the tool did not write, and nothing is exported from nothing."""

    @pytest.fixture
    def training(self, tmp_path):
        """A training's checkpoint with its config beside it, of the same name."""
        config = distilling(tmp_path, 'wrapper')
        model = MODELS.build(Config.fromfile(config).model)
        config = config.rename(tmp_path / 'epoch_1.py')
        torch.save({'meta': {}, 'state_dict': model.state_dict(), 'optimizer': {}},
                   tmp_path / 'epoch_1.pth')
        return tmp_path / 'epoch_1.pth', config

    @pytest.mark.parametrize('out, words', [
        ('epoch_1.pth', 'epoch_1.pth exists and was not written'),  # the training itself
        ('epoch_1.student', 'epoch_1.py exists and was not written'),  # the config beside it
        ('published.pth', 'published.pth exists and was not written'),
        ('folder', 'folder exists and was not written'),
        ('notes.txt', 'notes.txt exists and was not written')])
    def test_what_others_wrote_stays(self, training, tmp_path, out, words):
        torch.save({'meta': {}, 'state_dict': {'w': torch.ones(1)}}, tmp_path / 'published.pth')
        (tmp_path / 'folder').mkdir()
        (tmp_path / 'notes.txt').write_text('mine')
        before = {path: path.read_bytes() for path in tmp_path.iterdir() if path.is_file()}
        with pytest.raises(SystemExit, match=words):
            export_student.main([str(training[0]), str(tmp_path / out), '--config',
                                 str(training[1])])
        assert {path: path.read_bytes() for path in tmp_path.iterdir()
                if path.is_file()} == before

    def test_its_own_output_is_replaced(self, training, tmp_path):
        for _ in range(2):
            export_student.main([str(training[0]), str(tmp_path / 'out.pth'), '--config',
                                 str(training[1])])
        assert (tmp_path / 'out.py').read_text().startswith('# Written by export_student.py')
        MODELS.build(Config.fromfile(tmp_path / 'out.py').model)

    @pytest.mark.parametrize('key', ['selector.fc.weight', 'adaptors.0.conv.weight'])
    def test_a_checkpoint_without_a_student_is_refused(self, key, tmp_path):
        torch.save({'meta': {}, 'state_dict': {key: torch.ones(1)}}, tmp_path / 'odd.pth')
        with pytest.raises(SystemExit, match='odd.pth holds no weights of a student.*' + key):
            export_student.main([str(tmp_path / 'odd.pth'), str(tmp_path / 'out.pth')])
        assert not (tmp_path / 'out.pth').exists()
