"""Processes that see packages of the names and versions of the fork, which stand in for it."""
import subprocess
import sys
from pathlib import Path

import pytest

import _mmocr_kd_startup

VERSIONS = {'mmcv': ('onedl_mmcv', '2.3.6'), 'mmdet': ('onedl_mmdetection', '3.5.1')}
CODE = """
import sys
sys.path[:0] = sys.argv[1:]
import _mmocr_kd_startup
{before}
import mmcv, mmdet, mmocr
print(*mmocr.seen, mmcv.__version__, mmdet.__version__)
"""


@pytest.fixture
def site(tmp_path):
    """A folder of packages: modules that say their version, and an MMOCR that looks at them."""
    for name, (package, version) in VERSIONS.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / '__init__.py').write_text(f'__version__ = {version!r}')
        info = tmp_path / f'{package}-{version}.dist-info'
        info.mkdir()
        (info / 'METADATA').write_text(f'Metadata-Version: 2.1\nName: {package}\n'
                                       f'Version: {version}\n')
    (tmp_path / 'mmocr').mkdir()
    (tmp_path / 'mmocr' / '__init__.py').write_text(
        'import mmcv, mmdet\nseen = mmcv.__version__, mmdet.__version__')
    return tmp_path


def seen(site, before=''):
    project = Path(_mmocr_kd_startup.__file__).parent
    done = subprocess.run([sys.executable, '-c', CODE.format(before=before), site, project],
                          capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


@pytest.mark.parametrize('before', ['', 'import mmdet', 'import mmcv.missing'])
def test_mmocr_sees_what_it_accepts_and_others_the_truth(site, before):
    before = f'try: {before or "pass"}\nexcept ImportError: pass'
    assert seen(site, before) == ['2.1.0', '3.1.0', '2.3.6', '3.5.1']


def test_the_truth_is_back_where_mmocr_cannot_be_imported(site):
    (site / 'mmocr' / '__init__.py').write_text('import mmcv\nseen = 1 / 0')
    before = 'try: import mmocr\nexcept ZeroDivisionError: print(sys.modules["mmcv"].__version__)'
    done = subprocess.run(
        [sys.executable, '-c', CODE.format(before=before).split('\nimport mmcv, mmdet')[0], site,
         Path(_mmocr_kd_startup.__file__).parent], capture_output=True, text=True, timeout=600)
    assert done.stdout.split() == ['2.3.6'], done.stderr


def test_versions_of_others_are_not_touched(site):
    """An mmcv that MMOCR refuses and that nobody tried with it stays refused."""
    (site / 'onedl_mmcv-2.3.6.dist-info' / 'METADATA').rename(site / 'gone')
    (site / 'onedl_mmcv-2.3.6.dist-info').rmdir()
    assert seen(site) == ['2.3.6', '3.1.0', '2.3.6', '3.5.1']
