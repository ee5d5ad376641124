"""Python processes of an environment in which mmocr_kd is installed, and does not get named."""
import shutil
import textwrap

import cv2
import mmengine
import numpy as np
import pytest
from installation import PIP_OFFLINE, Environment

pytestmark = pytest.mark.xdist_group('packaging')

QUIET = ('-W', 'ignore')
DATASET = """
    import sys
    from mmocr.datasets import OCRDataset  # needs mmcv's operators
    from mmocr.models import DBNet
    assert 'mmocr_kd' not in sys.modules

    class Answers(OCRDataset):
        def __init__(self): pass
        def __len__(self): return 4
        def __getitem__(self, i): return i, 'mmocr_kd' in sys.modules
"""
WORKERS = """
    import sys
    from torch.utils.data import DataLoader
    from answers import Answers
    if __name__ == '__main__':
        loader = DataLoader(Answers(), num_workers=1, multiprocessing_context=sys.argv[1])
        print([(int(i), bool(named)) for i, named in loader])
"""
INFERENCER = """
    import sys
    import numpy as np
    from mmocr.apis import TextDetInferencer
    found = TextDetInferencer(sys.argv[1], device='cpu')(np.zeros((64, 64, 3), np.uint8))
    print('FOUND', list(found['predictions'][0]), 'mmocr_kd' in sys.modules)
"""
CONFIG = """
    default_scope = 'mmocr'
    model = dict(
        type='DBNet',
        backbone=dict(type='mmdet.ResNet', depth=18, base_channels=4, style='pytorch'),
        neck=dict(type='FPNC', in_channels=[4, 8, 16, 32], lateral_channels=4, out_channels=4),
        det_head=dict(type='DBHead', in_channels=16, module_loss=dict(type='DBModuleLoss'),
                      postprocessor=dict(type='DBPostprocessor')),
        data_preprocessor=dict(type='TextDetDataPreprocessor', pad_size_divisor=32))
    load = [dict(type='LoadImageFromFile'),
            dict(type='LoadOCRAnnotations', with_polygon=True, with_bbox=True, with_label=True)]
    pack = dict(type='PackTextDetInputs',
                meta_keys=('img_path', 'ori_shape', 'img_shape', 'scale_factor'))
    dataset = dict(type='OCRDataset', data_root=r'{{ fileDirname }}', ann_file='words.json',
                   pipeline=[*load, dict(type='Resize', scale=(96, 64)), pack])
    loader = dict(batch_size=1, dataset=dataset, sampler=dict(type='DefaultSampler', shuffle=False))
    train_dataloader = dict(**loader, num_workers=1, multiprocessing_context='spawn')
    val_dataloader = test_dataloader = dict(**loader, num_workers=0)
    val_evaluator = test_evaluator = dict(type='HmeanIOUMetric')
    train_cfg = dict(by_epoch=True, max_epochs=1, val_interval=9)
    val_cfg, test_cfg = dict(type='ValLoop'), dict(type='TestLoop')
    optim_wrapper = dict(optimizer=dict(type='SGD', lr=.01))
    work_dir = 'run'
"""


def write(path, code):
    path.write_text(textwrap.dedent(code))
    return path


@pytest.fixture(scope='module')
def config(tmp_path_factory):
    """Of a plain MMOCR detector and a training of one iteration an epoch."""
    folder = tmp_path_factory.mktemp('plain')
    cv2.imwrite(str(folder / '0.png'), np.full((64, 96, 3), 127, np.uint8))
    word = {'polygon': [10, 10, 60, 10, 60, 30, 10, 30], 'bbox': [10, 10, 60, 30],
            'bbox_label': 0, 'ignore': False}
    mmengine.dump({'metainfo': {}, 'data_list': [
        {'img_path': '0.png', 'height': 64, 'width': 96, 'instances': [word]}]},
        folder / 'words.json')
    return write(folder / 'base.py', CONFIG)


def test_starting_python_loads_one_small_module(installed, tmp_path):
    code = 'import sys; print(*sys.modules)'
    without = Environment(tmp_path / 'venv').run('-c', code).split()
    assert set(installed.run('-c', code).split()) - set(without) == {'_mmocr_kd_startup'}


def test_starting_python_takes_no_time(installed):
    timed = installed.run('-X', 'importtime', '-c', 'pass')
    line, = (line for line in timed.splitlines() if '_mmocr_kd_startup' in line)
    assert int(line.split('|')[1]) < 20_000  # microseconds; 300 on a busy machine


@pytest.mark.parametrize('method', ['spawn', 'forkserver'])
def test_data_workers(installed, tmp_path, method):
    write(tmp_path / 'answers.py', DATASET)
    script = write(tmp_path / 'script.py', WORKERS)
    done = installed.run(*QUIET, script, method, cwd=tmp_path)
    assert '[(0, False), (1, False), (2, False), (3, False)]' in done


def test_inferencer(installed, config, tmp_path):
    done = installed.run(*QUIET, write(tmp_path / 'script.py', INFERENCER), config, cwd=tmp_path)
    assert "FOUND ['polygons', 'scores'] False" in done


@pytest.mark.slow
def test_mim_trains_resumes_and_tests(installed, config):
    folder = config.parent
    log = installed.mim('train', 'mmocr', config, cwd=folder)
    assert 'Saving checkpoint at 1 epochs' in log
    log = installed.mim('train', 'mmocr', config, '--resume', '--cfg-options',
                        'train_cfg.max_epochs=2', cwd=folder)
    assert 'resumed epoch: 1' in log and 'Saving checkpoint at 2 epochs' in log
    log = installed.mim('test', 'mmocr', config, '--checkpoint', folder / 'run' / 'epoch_2.pth',
                        cwd=folder)
    assert 'icdar/hmean' in log


def test_compiled_mmcv_wins(installed, tmp_path):
    (tmp_path / 'mmcv').mkdir()
    (tmp_path / 'mmcv' / '__init__.py').touch()
    (tmp_path / 'mmcv' / '_ext.py').write_text('compiled = True')
    code = 'import mmcv._ext; print(mmcv._ext.compiled)'
    assert installed.run('-c', code, cwd=tmp_path).strip() == 'True'


def test_python_starts_where_half_of_the_package_is_gone(wheel, tmp_path):
    environment = Environment(tmp_path / 'venv')
    environment.pip('install', str(wheel), *PIP_OFFLINE, '--no-compile')
    shutil.rmtree(environment.site / 'mmocr_kd' / 'compat')
    log = environment.run(*QUIET, '-c', 'import mmengine.runner, mmcv.ops', check=False)
    assert "No module named 'mmcv._ext'" in log.splitlines()[-1]
    for path in environment.site.rglob('_mmocr_kd_startup*'):
        path.unlink()
    assert environment.run('-c', 'print("starts")') == 'starts\n'


def test_uninstalling_removes_it(wheel, tmp_path):
    environment = Environment(tmp_path / 'venv')
    before = set(environment.site.iterdir())
    environment.pip('install', str(wheel), *PIP_OFFLINE, '--no-compile')
    assert environment.site / 'mmocr_kd.pth' in environment.site.iterdir()
    environment.pip('uninstall', '-y', 'mmocr_kd')
    left = set(environment.site.iterdir()) - before
    assert {path.name for path in left} <= {'__pycache__'}
