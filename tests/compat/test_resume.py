"""MMEngine's own save and resume, in processes that know only the file."""
import os
import shutil
import subprocess
import sys
import zipfile
from collections import Counter, OrderedDict

import numpy as np
import pytest
import torch
from mmengine.config import Config, ConfigDict
from mmengine.config.lazy import LazyObject
from mmengine.logging import HistoryBuffer, MessageHub
from mmengine.optim.scheduler.param_scheduler import OneCycleParamScheduler
from mmengine.registry import PARAM_SCHEDULERS
from torch import nn

from mmocr_kd.compat.resume import _safe_globals, _Unpickling

TRAINING = """
import sys, warnings
warnings.simplefilter('ignore')
import_, first = sys.argv[3:]
if import_ == 'nothing':  # as where mmocr_kd is not installed
    sys.meta_path = [f for f in sys.meta_path if '_mmocr_kd' not in getattr(f, '__module__', '')]
else:
    __import__(import_)
__import__(first)
import numpy as np, torch
from mmengine.config import ConfigDict
from mmengine.hooks import Hook
from mmengine.model import BaseModel
from mmengine.runner import Runner

class Line(BaseModel):
    def __init__(self):
        super().__init__()
        self.linear = torch.nn.Linear(2, 1)
    def forward(self, inputs, mode):
        return {'loss': self.linear(inputs).square().mean()}

class Notes(Hook):  # everything a training may put into the message hub
    def after_train_iter(self, runner, **_):
        hub = runner.message_hub
        hub.update_scalar('train/tensor', torch.tensor(.5))
        hub.update_scalar('train/numpy', np.float32(.25))
        hub.update_info('numpy', np.arange(3))
        hub.update_info('best', np.float64(.75))
        hub.update_info('dataset_meta', ConfigDict(nested=dict(classes=('text', ))))

work_dir, epochs = sys.argv[1], int(sys.argv[2])
runner = Runner(
    Line(), work_dir, train_dataloader=dict(
        dataset=[dict(inputs=torch.rand(2)) for _ in range(6)], batch_size=2,
        sampler=dict(type='DefaultSampler', shuffle=True), collate_fn=dict(type='default_collate')),
    optim_wrapper=dict(type='OptimWrapper', optimizer=dict(type='Adam', lr=.1)),
    param_scheduler=[dict(type='PolyLR', end=4, by_epoch=True, convert_to_iter_based=True),
                     dict(type='OneCycleLR', eta_max=1., total_steps=12, by_epoch=False)],
    train_cfg=dict(by_epoch=True, max_epochs=epochs), custom_hooks=[Notes(), dict(type='EMAHook')],
    default_hooks=dict(logger=dict(type='LoggerHook', interval=1)), resume=epochs > 2)
runner.train()
hub = runner.message_hub
losses = hub.get_scalar('train/loss').data[1]
print('RESULT', runner.epoch, runner.iter, losses.sum(), hub.get_scalar('train/numpy').mean(),
      hub.get_info('numpy').tolist(), hub.get_info('best'),
      len(runner.optim_wrapper.optimizer.state))
"""


def train(work_dir, epochs, package='mmocr_kd', first='sys'):
    return subprocess.run(
        [sys.executable, '-c', TRAINING, str(work_dir), str(epochs), package, first],
        capture_output=True, text=True, timeout=1800)


def result(done):
    lines = [line for line in done.stdout.splitlines() if line.startswith('RESULT')]
    assert lines, done.stderr[-3000:]
    return lines[0]


@pytest.fixture(scope='module')
def work_dir(tmp_path_factory):
    """Of a training of two epochs with three iterations each."""
    path = tmp_path_factory.mktemp('resume')
    assert result(train(path, 2)) == 'RESULT 2 6 6 0.25 [0, 1, 2] 0.75 2'
    return path


def test_training_goes_on_with_its_history(work_dir):
    assert result(train(work_dir, 4)) == 'RESULT 4 12 12 0.25 [0, 1, 2] 0.75 2'


@pytest.mark.parametrize('first', ['mmengine.runner', 'mmengine.hooks'])
def test_nor_has_it_to_be_imported_where_it_is_installed(work_dir, tmp_path, first):
    """Whatever part of MMEngine is imported first."""
    shutil.copytree(work_dir, tmp_path / 'copy')
    (tmp_path / 'copy' / 'last_checkpoint').write_text(str(tmp_path / 'copy' / 'epoch_2.pth'))
    done = train(tmp_path / 'copy', 3, '_mmocr_kd_startup', first)
    assert result(done) == 'RESULT 3 9 9 0.25 [0, 1, 2] 0.75 2'


@pytest.mark.skipif(tuple(map(int, torch.__version__.split('.')[:2])) < (2, 6),
                    reason='loads without check')
def test_it_does_not_without_this_package(work_dir):
    done = train(work_dir, 5, 'nothing')
    assert done.returncode and 'weights_only' in done.stderr.lower()


@pytest.mark.parametrize('module', [b'numpy.core', b'numpy._core'])
def test_both_numpy_versions_can_have_written_it(tmp_path, module):
    buffer = HistoryBuffer([np.float32(1), 2.], [1, 1])
    torch.save({'buffer': buffer, 'scalar': np.float64(3)}, tmp_path / 'here.pth')
    rename_numpy(tmp_path / 'here.pth', tmp_path / 'there.pth', module)
    loaded = torch.load(tmp_path / 'there.pth', weights_only=True)
    assert loaded['buffer'].data[0].tolist() == [1, 2] and loaded['scalar'] == 3
    assert loaded['buffer'].mean() == 1.5


def rename_numpy(source, target, module):
    """Write the checkpoint as a NumPy would that calls its core ``module``."""
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, 'w') as new:
        for entry in old.infolist():
            data = old.read(entry)
            if entry.filename.endswith('data.pkl'):
                data = data.replace(b'cnumpy._core.', b'cnumpy.core.')
                assert data.count(b'cnumpy.core.') >= 2
                data = data.replace(b'cnumpy.core.', b'c' + module + b'.')
            new.writestr(entry.filename, data)


@pytest.fixture(params=['now', 'before PyTorch 2.6'])
def loaded(request, tmp_path):
    """What comes back of a value in a checkpoint, as this PyTorch loads it and as older ones do."""
    def save_and_load(value, **fields):
        torch.save(value, tmp_path / 'c.pth', **fields)
        if request.param == 'now':
            return torch.load(tmp_path / 'c.pth', weights_only=True)
        _Unpickling.allow(_safe_globals())
        return torch.load(tmp_path / 'c.pth', pickle_module=_Unpickling, weights_only=False)

    return save_and_load


def test_what_mmengine_writes_comes_back(loaded):
    hub = MessageHub('compat')
    for value in (1., 2., 4.):
        hub.update_scalar('train/loss', value)
    weights = OrderedDict(w=nn.Parameter(torch.ones(2)), half=torch.ones(1).half())
    found = loaded({'message_hub': hub.state_dict(), 'state_dict': weights,
                    'milestones': Counter([3, 3]), 'best': np.float64(.5)})
    buffer = found['message_hub']['log_scalars']['train/loss']
    assert buffer.mean(3) == pytest.approx(7 / 3) and buffer.statistics('max') == 4
    assert found['state_dict']['w'].tolist() == [1, 1] and found['best'] == .5
    assert found['state_dict']['half'].dtype == torch.float16 and found['milestones'][3] == 2


@pytest.mark.parametrize('name, value', [
    ('min', 1.), ('max', 4.), ('current', 2.), ('mean', 7 / 3)])
def test_statistics_of_a_history_are_the_ones_they_are_called(loaded, name, value):
    buffer = loaded(HistoryBuffer([1., 4., 2.], [1, 1, 1]))
    assert buffer.statistics(name) == pytest.approx(value)
    assert buffer._statistics_methods[name] is getattr(HistoryBuffer, name)


def test_parts_of_configs(loaded):
    cfg = Config({'metainfo': {'classes': ('a', 'b'), 'palette': [{'text': [1, 2]}], 'none': None}})
    for value in (cfg, cfg.metainfo, {'dataset_meta': {'nested': [cfg.metainfo]}}):
        found = loaded(value)
        assert type(found) is type(value) and found == value if value is not cfg else (
            found.to_dict() == cfg.to_dict())
    assert isinstance(loaded(cfg.metainfo).palette[0], ConfigDict)


@pytest.mark.parametrize('kind', [*np.typecodes['AllInteger'], *np.typecodes['AllFloat'], '?'])
def test_numbers_and_arrays_of_numpy(loaded, kind):
    values = np.array([[0, 1], [1, 0]], dtype=kind)
    found = loaded({'array': values, 'number': values[0, 1]})
    assert found['array'].dtype == values.dtype and (found['array'] == values).all()
    assert found['number'] == 1 and found['number'].dtype == values.dtype


def test_texts_of_numpy(loaded):
    found = loaded({'array': np.array(['ab', 'c']), 'text': np.str_('d')})
    assert found['array'].tolist() == ['ab', 'c'] and found['text'] == 'd'


FIELDS = {'OneCycle': {'eta_max': 1., 'total_steps': 9}, 'CosineRestart': {
    'periods': [3], 'eta_min': 0.}, 'Step': {'step_size': 2}, 'MultiStep': {'milestones': [2]},
    'Exponential': {'gamma': .5}, 'CosineAnnealing': {'T_max': 9},
    'ReduceOnPlateau': {'monitor': 'loss'}}


def scheduler(name, **fields):
    """The one of that name, of a fresh optimizer."""
    kind = PARAM_SCHEDULERS.get(name)
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], .1, momentum=.9)
    family = next((fields for family, fields in FIELDS.items() if name.startswith(family)), {})
    if name.endswith('ParamScheduler'):
        fields['param_name'] = 'lr'
    return kind(optimizer, **{**family, **fields})


@pytest.mark.parametrize('name', sorted(PARAM_SCHEDULERS.module_dict))
def test_every_scheduler(loaded, name):
    ours = scheduler(name)
    for _ in range(3):
        ours.optimizer.step()
        ours.step(*([{'loss': 1.}] if 'Plateau' in name else []))
    resumed = scheduler(name)
    resumed.load_state_dict(loaded(ours.state_dict()))
    assert resumed.state_dict() == ours.state_dict()


@pytest.mark.parametrize('strategy', ['cos', 'linear'])
def test_one_cycle_goes_on_with_its_own_annealing(loaded, strategy):
    ours = scheduler('OneCycleLR', anneal_strategy=strategy)
    found = loaded(ours.state_dict())
    assert found['anneal_func'] is getattr(type(ours), f'_annealing_{strategy}')


class Reduced:
    """Pickles as a call."""

    def __init__(self, *call):
        self.call = call

    def __reduce__(self):
        return self.call


HOSTILE = {
    'print': Reduced(print, ('owned', )),
    'eval': Reduced(eval, ('1', )),
    'system': Reduced(os.system, ('true', )),
    'methods of modules': Reduced(getattr, (nn.Module, 'train')),
    'other methods': Reduced(getattr, (HistoryBuffer, '__init__')),
    'private things': Reduced(getattr, (HistoryBuffer, '__globals__')),
    'methods of the wrong class': Reduced(getattr, (OneCycleParamScheduler, 'min')),
    'methods of others': Reduced(getattr, (ConfigDict, 'min')),
    'of an object': Reduced(getattr, (HistoryBuffer(), 'mean')),
    'of what cannot be hashed': Reduced(getattr, ([], 'mean')),
    'lazy objects': LazyObject('os', 'system'),
    'lazy objects in configs': ConfigDict(a=LazyObject('os', 'system')),
    'objects in arrays': np.array([HistoryBuffer, None]),
    'a path of a class': Reduced(getattr, (OneCycleParamScheduler, '_annealing_cos.__globals__')),
}


@pytest.mark.parametrize('what', HOSTILE)
@pytest.mark.parametrize('protocol', [2, 4])
def test_anything_else_is_still_refused(loaded, what, protocol):
    with pytest.raises(Exception, match='never writes|[Uu]nsupported'):
        loaded({'x': HOSTILE[what]}, pickle_protocol=protocol)
