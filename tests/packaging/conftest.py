"""The package built and installed once for all tests."""
import pytest
from installation import PIP_OFFLINE, Environment, build_wheel, copy_sources


@pytest.fixture(scope='session')
def project(tmp_path_factory):
    return copy_sources(tmp_path_factory.mktemp('packaging') / 'project')


@pytest.fixture(scope='session')
def wheel(project, tmp_path_factory):
    return build_wheel(project, tmp_path_factory.mktemp('wheel'))


@pytest.fixture(scope='session')
def installed(wheel, tmp_path_factory):
    """An environment with the wheel."""
    environment = Environment(tmp_path_factory.mktemp('environment') / 'venv')
    environment.pip('install', str(wheel), *PIP_OFFLINE)
    return environment
