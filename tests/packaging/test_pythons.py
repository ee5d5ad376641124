"""docs/install.md, done: an environment of its own for each Python that is here.

Downloads some 3 GB for each, and so is not part of ``make test``.
"""
import shutil
import subprocess

import pytest
from installation import ROOT, copy_sources, without_pythonpath

pytestmark = [pytest.mark.nightly, pytest.mark.xdist_group('packaging'),
              pytest.mark.timeout(3 * 3600)]
PYTHONS = ('python3.10', 'python3.11', 'python3.12', 'python3.13')
LITE = [['-c', 'constraints.txt', '.[lite,embedded]']]
FORK = [['torch', 'torchvision', 'onedl-mmengine==0.10.12', 'onedl-mmcv==2.3.6',
         'onedl-mmdetection==3.5.1', 'imaug==0.4.3', 'click', 'lmdb', 'pyclipper',
         'rapidfuzz'],
        ['--no-deps', 'mmocr==1.0.1', '.']]
OLD = [['torch==2.1.2', 'torchvision==0.16.2', '.[lite,embedded]']]


@pytest.fixture
def project(tmp_path):
    return copy_sources(tmp_path / 'project')


def try_out(project, tmp_path, python, installs):
    """Install with each of pip's argument lists in turn, and do what a stranger does first."""
    if not runs(python, '-V'):
        pytest.skip(f'no {python} here')
    bin_ = tmp_path / 'venv' / 'bin'
    run(python, '-m', 'venv', tmp_path / 'venv', cwd=tmp_path)
    for arguments in installs:
        run(bin_ / 'pip', 'install', '-q', *arguments, cwd=project)
    if not runs(bin_ / 'python', '-c', 'import cv2'):  # no libGL here, as the error would say
        run(bin_ / 'pip', 'install', '-q', '--force-reinstall', '--no-deps', '-c',
            'constraints.txt', 'opencv-python-headless', cwd=project)
    (tmp_path / 'work').mkdir()
    log = run(bin_ / 'python', ROOT / 'tests' / 'packaging' / 'trial.py', '.',
              cwd=tmp_path / 'work')
    assert 'WORKS' in log
    print(log.splitlines()[-1])


def runs(command, *arguments):
    return shutil.which(command) is not None and not subprocess.run(
        [command, *arguments], capture_output=True).returncode


def run(*command, cwd):
    done = subprocess.run([*map(str, command)], cwd=cwd, text=True, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT,
                          env={**without_pythonpath(), 'OMP_NUM_THREADS': '1'})
    assert done.returncode == 0, done.stdout[-4000:]
    return done.stdout


@pytest.mark.parametrize('python', PYTHONS)
def test_with_mmcv_lite(project, tmp_path, python):
    try_out(project, tmp_path, python, LITE)


def test_on_an_old_pytorch(project, tmp_path):
    try_out(project, tmp_path, 'python3.10', OLD)


def test_on_the_fork(project, tmp_path):
    try_out(project, tmp_path, 'python3.12', FORK)
