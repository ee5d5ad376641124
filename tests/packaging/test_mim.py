"""OpenMIM's commands and ours, typed as a user would."""
import json
import shutil

import pytest
from installation import ROOT

pytestmark = [pytest.mark.xdist_group('packaging'), pytest.mark.slow]
LOADERS = ('train', 'val', 'test')
SHORT = ['--cfg-options', 'train_dataloader.batch_size=2', 'default_hooks.logger.interval=1',
         *[f'{name}_dataloader.{field}' for name in LOADERS
           for field in ('dataset.num_images=4', 'num_workers=0', 'persistent_workers=False')]]


def test_search(installed, tmp_path):
    found = installed.mim('search', 'mmocr_kd', cwd=tmp_path)
    assert 'masket-resnet50_1200e_icdar2015' in found


def test_the_doctor_finds_nothing_wrong(installed, tmp_path):
    """By the script that pip wrote, with everything that only an installation has."""
    told = json.loads(installed.run(installed.python.with_name('mmocr-kd'), 'doctor', '--json',
                                    cwd=tmp_path))
    found = {one['name']: one for one in told['works']}
    for name in ('start-up file', 'configs', 'mim'):
        assert found[name]['verdict'] == 'ok', found[name]
    listed = {one['name']: one for one in told['installed']}
    assert told['ok'] and listed['mmengine']['verdict'] == 'ok' and 'mmocr_kd' not in listed
    assert {'ray', 'submitit'} <= set(listed) and not {'pytest', 'mypy'} & set(listed)


def test_verbs(installed, tmp_path):
    said = installed.mim('run', 'mmocr_kd', 'cli', 'completion', 'bash', cwd=tmp_path)
    assert 'complete' in said
    said = installed.mim('run', 'mmocr_kd', 'cli', 'read', 'gone.jpg', '--det', 'gone.onnx',
                         cwd=tmp_path, check=False)
    assert "'gone.onnx' does not exist" in said


def test_from_any_folder_with_nothing_trained_before(installed, tmp_path):
    log = installed.mim('train', 'mmocr_kd', 'masket_dbnet_mbv3.py', *SHORT, cwd=tmp_path)
    assert 'loss_entropy' in log and 'loss_kd' in log
    checkpoint = tmp_path / 'work_dirs' / 'masket_dbnet_mbv3' / 'epoch_1.pth'
    log = installed.mim('test', 'mmocr_kd', 'masket_dbnet_mbv3.py', '--checkpoint', checkpoint,
                        *SHORT, cwd=tmp_path)
    assert 'icdar/hmean' in log


def test_the_missions_command_with_a_copy_of_the_configs(installed, tmp_path):
    shutil.copytree(ROOT / 'configs', tmp_path / 'configs')
    config = 'configs/masket_dbnet_mbv3.py'
    log = installed.mim('train', 'mmocr', config, *SHORT, cwd=tmp_path)
    assert 'loss_entropy' in log
    log = installed.mim('test', 'mmocr', config, '--checkpoint',
                        'work_dirs/masket_dbnet_mbv3/epoch_1.pth', *SHORT, cwd=tmp_path)
    assert 'icdar/hmean' in log


def test_without_a_teacher_it_says_how_to_train_one(installed, tmp_path):
    log = installed.mim('train', 'mmocr_kd', 'masket_dbnet_mbv3.py', *SHORT,
                        'custom_hooks.0.teacher.checkpoint=work_dirs/own/epoch_1.pth',
                        cwd=tmp_path, check=False)
    assert 'mim train mmocr' in log and '1e_embedded-12k.py --work-dir work_dirs/own' in log
