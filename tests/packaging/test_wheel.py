"""What is in the wheel."""
import shutil
import subprocess
import sys
import tarfile
import zipfile
from collections import Counter
from email.parser import Parser
from pathlib import Path

import pytest
import yaml
from installation import build_wheel, copy_sources
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

pytestmark = pytest.mark.xdist_group('packaging')


def names(wheel):
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


def build_sdist(project, into):
    subprocess.run(
        [sys.executable, '-c', 'import sys; from setuptools import build_meta; '
         'build_meta.build_sdist(sys.argv[1])', str(into)],
        cwd=project, check=True, capture_output=True)
    archive, = into.glob('*.tar.gz')
    return archive


def metadata(wheel):
    with zipfile.ZipFile(wheel) as archive:
        path, = (n for n in archive.namelist() if n.endswith('.dist-info/METADATA'))
        return Parser().parsestr(archive.read(path).decode())


def files(project, *folders):
    return {path.relative_to(project).as_posix() for folder in folders
            for path in (project / folder).rglob('*') if path.is_file()}


def test_ships_package_configs_and_tools(project, wheel):
    expected = {f'mmocr_kd/.mim/{name}' for name in files(project, 'configs', 'tools')}
    expected |= files(project, 'mmocr_kd') | {'mmocr_kd/.mim/model-index.yml', 'mmocr_kd.pth',
                                              'mmocr_kd/.mim/constraints.txt',
                                              '_mmocr_kd_startup.py', '_mmocr_kd_command.py'}
    assert {n for n in names(wheel) if '.dist-info/' not in n} == expected
    assert any(n.endswith('LICENSE') for n in names(wheel))
    assert 'mmocr_kd/py.typed' in names(wheel)  # type checkers read our annotations


def test_model_index_leads_to_shipped_configs(project, wheel):
    shipped = names(wheel)
    for metafile in yaml.safe_load((project / 'model-index.yml').read_text())['Import']:
        assert f'mmocr_kd/.mim/{metafile}' in shipped
        models = yaml.safe_load((project / metafile).read_text())['Models']
        assert models and all(f'mmocr_kd/.mim/{m["Config"]}' in shipped for m in models)


def test_config_names_are_unique(project):
    """OpenMIM looks a config up by its bare name and gives up if there are two."""
    everywhere = Counter(Path(name).name for name in files(project, 'configs', 'tools', 'mmocr_kd'))
    runnable = [path.name for path in (project / 'configs').rglob('*.py')
                if not {'_base_', 'dataset_zoo'} & set(path.parts)]
    assert 'masket_dbnet_mbv3.py' in runnable
    assert [name for name in runnable if everywhere[name] > 1] == []


def test_never_requires_mmcv_by_itself(wheel):
    """Installing mmcv-lite over a compiled mmcv would destroy it."""
    required = metadata(wheel).get_all('Requires-Dist')
    assert 'mmcv-lite==2.0.1; extra == "lite"' in required
    assert not [r for r in required if r.startswith('mmcv') and 'extra ==' not in r]


PYTHONS = ('3.10', '3.11', '3.12', '3.13')


def in_force(requirements, python, extra=''):
    """Name -> version ranges that hold for a Python."""
    found = {}
    for requirement in map(Requirement, requirements):
        if not requirement.marker or requirement.marker.evaluate(
                {'python_version': python, 'extra': extra}):
            name = canonicalize_name(requirement.name)
            found.setdefault(name, []).append(requirement.specifier)
    return found


@pytest.mark.parametrize('python', PYTHONS)
@pytest.mark.parametrize('extra', ['lite', 'all'])
def test_constraints_are_one_version_in_range(project, wheel, python, extra):
    lines = (project / 'constraints.txt').read_text().splitlines()
    pins = in_force([line for line in lines if line and line[0] != '#'], python)
    assert all(len(versions) == 1 for versions in pins.values()), pins
    required = in_force(metadata(wheel).get_all('Requires-Dist'), python, extra)
    for name, ranges in required.items():
        (pin, ), = pins[name]
        assert all(pin.version in versions for versions in ranges), (name, pin, ranges)


@pytest.mark.parametrize('python', PYTHONS)
def test_imgaug_and_numpy_fit_together(wheel, python):
    required = in_force(metadata(wheel).get_all('Requires-Dist'), python)
    one, two = ([numpy in versions for versions in required['numpy']] == [True]
                for numpy in ('1.26.4', '2.2.6'))
    assert two == ('imaug' in required) and one != two


def test_asks_for_the_setuptools_that_has_pkg_resources(wheel):
    """MMEngine finds ``mmocr::...`` with it, and Python 3.12 brings no setuptools along."""
    (versions, ), = (in_force(metadata(wheel).get_all('Requires-Dist'), '3.12')['setuptools'], )
    assert '80.10.2' in versions and '82.0.0' not in versions


def test_nothing_is_left_of_an_earlier_build(tmp_path):
    project = copy_sources(tmp_path / 'project')
    (project / 'configs' / 'old_name.py').write_text('model = None')
    before = build_wheel(project, tmp_path / 'before')
    (project / 'configs' / 'old_name.py').unlink()
    after = build_wheel(project, tmp_path / 'after')
    assert names(before) - names(after) == {'mmocr_kd/.mim/configs/old_name.py'}
    assert not (project / 'mmocr_kd' / '.mim').exists()  # building leaves the sources alone


def test_what_lies_about_in_a_checkout_is_not_shipped(project, wheel, tmp_path):
    checkout = tmp_path / 'checkout'
    shutil.copytree(project, checkout, ignore=shutil.ignore_patterns('*.egg-info', 'build'))
    for command in (['init', '-q'], ['add', '-A']):
        subprocess.run(['git', *command], cwd=checkout, check=True)
    lying = [checkout / name for name in ('tools/scratch.py', 'configs/textdet/mine.py',
                                          'mmocr_kd/losses/draft.py', 'configs/new/notes.md')]
    for path in lying:
        path.parent.mkdir(exist_ok=True)
        path.write_text('secret = 1')
    assert names(build_wheel(checkout, tmp_path / 'wheel')) == names(wheel)
    archive = build_sdist(checkout, tmp_path)
    with tarfile.open(archive) as sources:
        assert not {path.name for path in lying} & {Path(n).name for n in sources.getnames()}


def test_source_distribution_says_how_to_cite(project, tmp_path):
    with tarfile.open(build_sdist(project, tmp_path)) as sources:
        path, = (name for name in sources.getnames() if name.endswith('/CITATION.cff'))
        cited = yaml.safe_load(sources.extractfile(path))
    assert {'cff-version', 'message', 'title', 'authors'} <= set(cited)
    assert [kind['type'] for kind in cited['references']] == ['article', *['conference-paper'] * 2]


def test_source_distribution_builds_the_same_wheel(project, wheel, tmp_path):
    archive = build_sdist(project, tmp_path)
    assert names(build_wheel(archive, tmp_path / 'wheel')) == names(wheel)
