"""The oldest versions that setup.py allows, on the oldest Python: "make lowest", and every night.

uv finds them by the bounds of setup.py, so that no list of them has to be kept. Downloads some
3 GB.
"""
import os

import pytest
from installation import ROOT, copy_sources
from test_pythons import run, runs, try_out

pytestmark = [pytest.mark.nightly, pytest.mark.xdist_group('packaging'),
              pytest.mark.timeout(3 * 3600)]
OLDEST = os.environ.get('OLDEST', 'python3.10')
EXTRAS = ('lite', 'embedded', 'mim', 'read', 'test')
PARTS = ('distill', 'losses', 'measure', 'store')
# They need a later PyTorch, as docs/install.md says.
LEFT_OUT = ['--ignore=tests/distill/test_finite.py', *(f'--deselect=tests/{name}' for name in (
    'distill/test_model_teacher.py::test_computes_in_its_own_precision',
    'losses/test_ctc_alignment.py::test_alignment_stays_on_the_device_of_its_arguments'))]


def test_on_the_lowest_versions(tmp_path):
    if not runs(OLDEST, '-V'):
        pytest.skip(f'no {OLDEST} here: give another one, make lowest OLDEST=...')
    project, lowest = copy_sources(tmp_path / 'project'), tmp_path / 'lowest.txt'
    run(OLDEST, '-m', 'venv', tmp_path / 'uv', cwd=tmp_path)
    run(tmp_path / 'uv/bin/pip', 'install', '-q', 'uv', cwd=tmp_path)
    run(tmp_path / 'uv/bin/uv', 'pip', 'compile', '-q', '--resolution', 'lowest-direct', '--python',
        tmp_path / 'uv/bin/python', '-o', lowest, 'setup.py',
        *(f'--extra={extra}' for extra in EXTRAS), cwd=project)
    try_out(project, tmp_path, OLDEST, [['--no-deps', '-r', lowest], ['--no-deps', '.']])
    print(run(tmp_path / 'venv/bin/mmocr-kd', 'models', cwd=tmp_path))
    # Not "python -m pytest", which would find the sources before what is installed.
    print(run(tmp_path / 'venv/bin/pytest', '-q', '-p', 'no:cacheprovider', '-p', 'no:warnings',
              '-m', 'not slow and not nightly', *LEFT_OUT, *(f'tests/{part}' for part in PARTS),
              cwd=ROOT))
