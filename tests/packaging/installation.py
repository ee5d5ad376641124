"""The package built and installed as pip does it, from a copy of the project."""
import os
import shutil
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SOURCES = ('mmocr_kd', '_mmocr_kd_startup.py', '_mmocr_kd_command.py', 'configs', 'tools',
           'setup.py', 'pyproject.toml', 'MANIFEST.in', 'LICENSE', 'model-index.yml',
           'constraints.txt', 'CITATION.cff')
PIP_OFFLINE = ('--no-index', '--no-deps', '--no-build-isolation', '-q')


class Environment:
    """A virtual environment that also sees the libraries of the running one."""

    def __init__(self, path):
        venv.create(path, with_pip=False)
        self.python = path / 'bin' / 'python'
        libraries = sysconfig.get_path('purelib')
        self.site = Path(self.run('-c', 'import sysconfig; print(sysconfig.get_path("purelib"))'
                                  ).strip())
        (self.site / 'libraries.pth').write_text(libraries + '\n')

    def pip(self, *args):
        pip = [sys.executable, '-m', 'pip', '--python', str(self.python)]
        subprocess.run([*pip, *args], check=True, capture_output=True, text=True,
                       env=without_pythonpath())

    def run(self, *args, cwd=None, check=True, **env):
        """Output of Python with these arguments."""
        done = subprocess.run(
            [str(self.python), *map(str, args)], cwd=cwd, text=True, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env={**without_pythonpath(), 'OMP_NUM_THREADS': '1', **env})
        assert not check or done.returncode == 0, done.stdout[-4000:]
        return done.stdout

    def mim(self, *args, **kwargs):
        return self.run('-W', 'ignore', '-m', 'mim', *args, **kwargs)


def without_pythonpath():
    return {name: value for name, value in os.environ.items() if name != 'PYTHONPATH'}


def copy_sources(target):
    target.mkdir()
    ignored = shutil.ignore_patterns('__pycache__', '.mim')
    for name in SOURCES:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, target / name, ignore=ignored)
        else:
            shutil.copy(source, target / name)
    return target


def build_wheel(project, into):
    subprocess.run([sys.executable, '-m', 'pip', 'wheel', str(project), '-w', str(into),
                    *PIP_OFFLINE], check=True, capture_output=True, text=True)
    wheel, = into.glob('*.whl')
    return wheel
