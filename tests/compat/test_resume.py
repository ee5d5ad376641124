"""MMEngine's own save and resume, in processes that know only the file."""
import subprocess
import sys
import zipfile

import numpy as np
import pytest
import torch
from mmengine.logging import HistoryBuffer

TRAINING = """
import sys, warnings
warnings.simplefilter('ignore')
if sys.argv[3] == 'with':
    import mmocr_kd
import numpy as np, torch
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

work_dir, epochs = sys.argv[1], int(sys.argv[2])
runner = Runner(
    Line(), work_dir, train_dataloader=dict(
        dataset=[dict(inputs=torch.rand(2)) for _ in range(6)], batch_size=2,
        sampler=dict(type='DefaultSampler', shuffle=True), collate_fn=dict(type='default_collate')),
    optim_wrapper=dict(type='OptimWrapper', optimizer=dict(type='Adam', lr=.1)),
    param_scheduler=dict(type='PolyLR', end=4, by_epoch=True, convert_to_iter_based=True),
    train_cfg=dict(by_epoch=True, max_epochs=epochs), custom_hooks=[Notes(), dict(type='EMAHook')],
    default_hooks=dict(logger=dict(type='LoggerHook', interval=1)), resume=epochs > 2)
runner.train()
hub = runner.message_hub
losses = hub.get_scalar('train/loss').data[1]
print('RESULT', runner.epoch, runner.iter, losses.sum(), hub.get_scalar('train/numpy').mean(),
      hub.get_info('numpy').tolist(), hub.get_info('best'),
      len(runner.optim_wrapper.optimizer.state))
"""


def train(work_dir, epochs, package='with'):
    return subprocess.run([sys.executable, '-c', TRAINING, str(work_dir), str(epochs), package],
                          capture_output=True, text=True, timeout=200)


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


@pytest.mark.skipif(tuple(map(int, torch.__version__.split('.')[:2])) < (2, 6),
                    reason='loads without check')
def test_it_does_not_without_this_package(work_dir):
    done = train(work_dir, 5, 'without')
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
