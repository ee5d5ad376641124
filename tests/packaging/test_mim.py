"""OpenMIM's commands, typed as a user would."""
import pytest
from installation import ROOT

pytestmark = [pytest.mark.xdist_group('packaging'), pytest.mark.slow]
TEACHER = 'dbnet_mobilenetv3-large_fpnc_1e_embedded'
LOADERS = ('train', 'val', 'test')
SHORT = ['--cfg-options', 'train_dataloader.batch_size=2', 'default_hooks.logger.interval=1',
         *[f'{name}_dataloader.{field}' for name in LOADERS
           for field in ('dataset.num_images=4', 'num_workers=0', 'persistent_workers=False')]]


@pytest.fixture(scope='module')
def folder(installed, tmp_path_factory):
    """A folder of a user's in which the teacher of the first example was trained."""
    folder = tmp_path_factory.mktemp('user')
    installed.mim('train', 'mmocr_kd', f'{TEACHER}.py', *SHORT, cwd=folder)
    return folder


def test_search(installed, tmp_path):
    found = installed.mim('search', 'mmocr_kd', cwd=tmp_path)
    assert 'masket-resnet50_1200e_icdar2015' in found


def test_from_any_folder(installed, folder):
    log = installed.mim('train', 'mmocr_kd', 'masket_dbnet_mbv3.py', *SHORT, cwd=folder)
    assert 'loss_entropy' in log and 'loss_kd' in log
    checkpoint = folder / 'work_dirs' / 'masket_dbnet_mbv3' / 'epoch_1.pth'
    log = installed.mim('test', 'mmocr_kd', 'masket_dbnet_mbv3.py', '--checkpoint', checkpoint,
                        *SHORT, cwd=folder)
    assert 'icdar/hmean' in log


def test_with_mmocr_from_the_projects_folder(installed, folder, tmp_path):
    teacher = folder / 'work_dirs' / TEACHER / 'epoch_1.pth'
    config = 'configs/masket_dbnet_mbv3.py'
    log = installed.mim('train', 'mmocr', config, '--work-dir', tmp_path, *SHORT,
                        f'custom_hooks.0.teacher.checkpoint={teacher}', cwd=ROOT)
    assert 'loss_entropy' in log
    log = installed.mim('test', 'mmocr', config, '--checkpoint', tmp_path / 'epoch_1.pth',
                        '--work-dir', tmp_path, *SHORT, cwd=ROOT)
    assert 'icdar/hmean' in log


def test_without_a_teacher_it_says_how_to_train_one(installed, tmp_path):
    log = installed.mim('train', 'mmocr_kd', 'masket_dbnet_mbv3.py', *SHORT, cwd=tmp_path,
                        check=False)
    assert f'{TEACHER}.py' in log and 'mim train' in log
