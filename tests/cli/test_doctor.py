"""``mmocr-kd doctor`` in environments that are broken, each in its way."""
import json
import sys

import pytest
from click.testing import CliRunner
from test_main import command

from mmocr_kd.cli import checks, main, packages

OTHER_MMCV = """
import sys

class Finder:
    def find_spec(name, path=None, target=None):
        if name == 'mmcv._ext':
            raise ImportError('undefined symbol: _ZN2at')

sys.meta_path.insert(0, Finder)
"""


def write_package(folder, name, version, *fields):
    """What pip leaves of a package beside its code."""
    about = folder / f'{name.replace("-", "_")}-{version}.dist-info'
    about.mkdir(parents=True)
    about.joinpath('METADATA').write_text(
        '\n'.join([f'Metadata-Version: 2.1\nName: {name}\nVersion: {version}', *fields, '']))


def findings(shown):
    """Name -> finding, of what a command wrote as JSON."""
    told = json.loads(shown.stdout)
    assert told['ok'] == (shown.returncode == 0)
    return ({one['name']: one for one in told['installed']},
            {one['name']: one for one in told['works']})


@pytest.fixture(scope='module')
def wrong_versions(tmp_path_factory):
    """Wrong versions; PyTorch and OpenCV that do not load; a working folder on no disk."""
    folder = tmp_path_factory.mktemp('wrong')
    write_package(
        folder, 'mmocr_kd', '0.1', 'Provides-Extra: ray', 'Provides-Extra: test',
        'Requires-Dist: mmdet<3.2,>=3.1.0', 'Requires-Dist: mmengine>=0.10',
        'Requires-Dist: gone>=1', 'Requires-Dist: numpy<2; python_version < "3"',
        'Requires-Dist: goner>=2; extra == "ray"', 'Requires-Dist: old-one>=3; extra == "ray"',
        'Requires-Dist: gonest; extra == "test"')
    for name, version in (('mmdet', '3.3.0'), ('mmcv', '2.1.0'), ('mmcv-lite', '2.0.1'),
                          ('old-one', '2.9'), ('opencv-python', '4.9.0')):
        write_package(folder, name, version)
    (folder / 'torch.py').write_text('raise OSError("libcudart.so.9: cannot open shared object")')
    (folder / 'cv2.py').write_text('raise ImportError("libGL.so.1: cannot open")')
    return findings(command('doctor', '--json', path=folder, cwd='/proc'))


def test_wrong_versions_and_missing_packages(wrong_versions):
    found, _ = wrong_versions
    assert found['mmdet']['verdict'] == 'wrong' and '3.3.0' in found['mmdet']['says']
    assert found['mmdet']['remedy'] == 'pip install "mmdet<3.2,>=3.1.0"'
    assert found['gone']['verdict'] == 'wrong'
    assert found['gone']['remedy'] == 'pip install "gone>=1"'
    assert found['goner']['verdict'] == 'absent'
    assert found['goner']['remedy'] == 'pip install "mmocr_kd[ray]"'
    assert found['old-one']['verdict'] == 'wrong' and '2.9' in found['old-one']['says']
    assert found['mmengine']['verdict'] == 'ok'
    assert not {'numpy', 'gonest'} & set(found)


def test_two_mmcvs_lie_over_each_other(wrong_versions):
    found = wrong_versions[0]['mmcv']
    assert found['verdict'] == 'wrong' and 'mmcv 2.1.0 and mmcv-lite 2.0.1' in found['says']
    assert found['remedy'].startswith('pip uninstall -y mmcv mmcv-lite')


def test_metadata_of_another_version_is_noticed(wrong_versions):
    assert '(but 0.1)' in wrong_versions[0]['mmocr_kd']['says']


def test_what_needs_broken_packages_is_not_tried(wrong_versions):
    _, found = wrong_versions
    assert found['PyTorch']['verdict'] == found['OpenCV']['verdict'] == 'wrong'
    assert 'libcudart.so.9' in found['PyTorch']['says']
    assert found['PyTorch']['remedy'].startswith('pip install --force-reinstall --no-deps torch')
    assert found['OpenCV']['remedy'].endswith('opencv-python-headless==4.9.0')
    assert found['NumPy']['verdict'] == 'ok'
    needing = ('torchvision', 'MMEngine', 'mmcv', 'MMOCR', 'mmocr_kd', 'a text detector')
    assert all(found[name]['verdict'] == 'not tried' for name in needing)
    assert found['a text detector']['says'] == 'needs mmocr_kd'


def test_a_folder_that_cannot_be_written(wrong_versions):
    assert wrong_versions[1]['disk']['verdict'] == 'wrong'


@pytest.mark.skipif(sys.modules['mmcv._ext'].__file__.endswith('.so'), reason='compiled mmcv')
def test_mmcv_for_another_pytorch_and_operators_of_torchvision(tmp_path):
    (tmp_path / 'sitecustomize.py').write_text(OTHER_MMCV)
    write_package(tmp_path, 'mmcv', '2.0.1')
    _, found = findings(command('doctor', '--json', path=tmp_path))
    assert found['mmcv']['verdict'] == 'wrong' and 'undefined symbol' in found['mmcv']['says']
    assert found['mmcv']['remedy'] == 'pip uninstall -y mmcv && pip install "mmocr_kd[lite]"'
    assert found['MMEngine']['verdict'] == found['torchvision']['verdict'] == 'ok'
    assert found['MMOCR']['verdict'] == 'not tried'


def test_torchvision_for_another_pytorch_and_no_mmocr(tmp_path):
    (tmp_path / 'torchvision.py').write_text(
        'raise RuntimeError("operator torchvision::nms does not exist")')
    write_package(tmp_path, 'torch', '2.3.1+cpu')
    shown = command('doctor', path=tmp_path)
    lines = shown.stdout.splitlines()
    wrong, = [i for i, line in enumerate(lines) if 'WRONG' in line and 'torchvision:' in line]
    assert 'torchvision::nms does not exist' in lines[wrong]
    assert lines[wrong + 1].endswith('"torchvision==0.18.*"')
    assert shown.returncode == 1 and 'torchvision' in lines[-1] and 'Traceback' not in shown.stderr


def test_everything_works_here():
    """What is wrong here is wrong with this environment: its names say what."""
    found = list(checks.works())
    assert [one for one in found if one.verdict in (packages.WRONG, packages.UNTRIED)] == []
    assert {'a text detector', 'resuming', 'mmcv'} <= {
        one.name for one in found if one.verdict == packages.OK}


def test_checks_come_after_what_they_need():
    names = [one.name for one in checks.CHECKS]
    assert len(set(names)) == len(names)
    for i, one in enumerate(checks.CHECKS):
        assert set(one.needs) <= set(names[:i]), one.name


def test_without_packaging_it_says_so(monkeypatch):
    monkeypatch.setitem(sys.modules, 'packaging.requirements', None)
    monkeypatch.setattr(checks, 'CHECKS', [])
    shown = CliRunner().invoke(main, ['doctor'])
    assert shown.exit_code == 1 and 'pip install packaging' in shown.output


def test_the_tested_version_is_told(monkeypatch, tmp_path):
    (tmp_path / 'pins').write_text('# tested\nclick==0.1\nnumpy==9; python_version < "3"\n')
    monkeypatch.setattr(packages, '_TESTED', tmp_path / 'pins')
    assert packages.pinned('click') == 'click==0.1' and packages.pinned('numpy') == 'numpy'
    found = {one.name: one for one in packages.packages()}
    assert found['click'].says.endswith('(tested: 0.1)') and found['click'].verdict == 'ok'
