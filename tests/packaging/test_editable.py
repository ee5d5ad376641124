"""``pip install -e .``: tools and configs are linked, not copied."""
import pytest
from installation import PIP_OFFLINE, Environment, copy_sources

pytestmark = pytest.mark.xdist_group('packaging')


@pytest.fixture(scope='module')
def project(tmp_path_factory):
    return copy_sources(tmp_path_factory.mktemp('editable') / 'project')


@pytest.fixture(scope='module')
def environment(project, tmp_path_factory):
    environment = Environment(tmp_path_factory.mktemp('editable') / 'venv')
    environment.pip('install', '-e', str(project), *PIP_OFFLINE)
    return environment


def test_links_follow_the_sources(project, environment):
    mim = project / 'mmocr_kd' / '.mim'
    assert all((mim / name).is_symlink() for name in ('configs', 'tools', 'model-index.yml'))
    (project / 'configs' / 'new_one.py').write_text('model = None')
    assert (mim / 'configs' / 'new_one.py').read_text() == 'model = None'


def test_installing_again_keeps_the_links(project, environment):
    environment.pip('install', '-e', str(project), *PIP_OFFLINE)
    assert (project / 'mmocr_kd' / '.mim' / 'tools' / 'train.py').exists()


def test_the_project_is_imported(project, environment):
    code = 'import importlib.util as u; print(u.find_spec("mmocr_kd").origin)'
    assert str(project) in environment.run('-c', code, cwd=project.parent)


def test_mim_finds_it_with_the_project_on_the_path(project, environment, tmp_path):
    """OpenMIM takes editable packages to be in site-packages, where they are not.

    So CONTRIBUTING.md tells to do this.
    """
    environment.run('setup.py', '-q', 'egg_info', cwd=project)
    found = environment.mim('search', 'mmocr_kd', cwd=tmp_path, PYTHONPATH=str(project))
    assert 'masket-resnet50_1200e_icdar2015' in found


def test_every_process_finds_the_operators_in_the_project(project, environment, tmp_path):
    code = ('import sys; print(sorted({"torch", "_mmocr_kd_startup"} & set(sys.modules)));'
            'from importlib.util import find_spec; print(find_spec("mmcv._ext").origin)')
    found = environment.run('-c', code, cwd=tmp_path)
    assert found.splitlines() == ["['_mmocr_kd_startup']",
                                  str(project / 'mmocr_kd' / 'compat' / 'ops' / '__init__.py')]
