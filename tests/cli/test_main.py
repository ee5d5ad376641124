"""The command itself."""
import os
import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path

import pytest
from click.testing import CliRunner

from mmocr_kd import __version__
from mmocr_kd.cli import main

ROOT = Path(__file__).parents[2]


def command(*args, path='', options=('-W', 'ignore'), cwd=None, module='_mmocr_kd_command',
            **env):
    """What the script "mmocr-kd" runs, in a process; ``path``: a folder in front of others."""
    return subprocess.run(
        [sys.executable, *options, '-m', module, *args],
        capture_output=True, text=True, timeout=600, cwd=cwd,
        env={**os.environ, **env, 'PYTHONPATH': os.pathsep.join([str(path), str(ROOT)])})


def test_help_names_every_verb():
    shown = CliRunner().invoke(main, ['-h']).output
    assert all(name in shown for name, verb in main.commands.items() if not verb.hidden)


def test_console_script_is_there():
    """What it does: below, and tests/packaging/test_wheel.py."""
    script, = [found for found in entry_points(group='console_scripts') if found.name == 'mmocr-kd']
    assert callable(script.load())


def test_runs_as_a_module():
    shown = subprocess.run([sys.executable, '-m', 'mmocr_kd', '--version'], capture_output=True,
                           text=True, timeout=600, check=True)
    assert shown.stdout.split() == ['mmocr-kd,', 'version', __version__]


@pytest.mark.parametrize('args', [['--version'], ['--help'], ['compare', '--help'],
                                  ['completion', 'fish']])
def test_starts_without_what_it_works_with(args):
    shown = command(*args, options=['-X', 'importtime'])
    assert shown.returncode == 0 and 'mmocr-kd' in shown.stdout
    loaded = {line.split('|')[-1].strip().partition('.')[0] for line in shown.stderr.splitlines()}
    assert 'click' in loaded and not {'torch', 'numpy', 'mmengine', 'rich'} & loaded


@pytest.mark.parametrize('module', ['_mmocr_kd_command', 'mmocr_kd'])
def test_a_verb_finds_our_components_registered(tmp_path, module):
    (tmp_path / 'own.py').write_text('custom_hooks = []')
    shown = command('cache', str(tmp_path / 'own.py'), options=(), module=module)
    assert shown.returncode == 1 and 'fault' not in shown.stderr
    assert 'pkg_resources' not in shown.stderr  # MMEngine's, which nobody here can change
    assert 'CachedTeacher' in shown.stderr, shown.stderr


def test_a_variable_of_many_configs_is_told_once(tmp_path):
    (tmp_path / 'base.py').write_text("base_root = '{{$MY_PHOTOS:photos}}'")
    (tmp_path / 'own.py').write_text("_base_ = 'base.py'\nroot = '{{$MY_PHOTOS:photos}}'")
    shown = command('cache', str(tmp_path / 'own.py'), MY_PHOTOS='/photos')
    assert (shown.stdout + shown.stderr).count('MY_PHOTOS') == 1, shown
    shown = command('cache', str(tmp_path / 'own.py'))
    assert 'MY_PHOTOS' not in shown.stdout + shown.stderr


def test_a_broken_stack_leads_to_the_doctor(tmp_path):
    (tmp_path / 'torch.py').write_text('raise OSError("libtorch.so: undefined symbol: x")')
    shown = command('cache', 'own.py', path=tmp_path)
    assert shown.returncode == 1 and 'Traceback' not in shown.stderr
    assert 'undefined symbol: x' in shown.stderr and '"mmocr-kd doctor"' in shown.stderr


@pytest.fixture
def completed(tmp_path):
    """What bash offers for a line that is not finished."""
    program = tmp_path / 'mmocr-kd'
    program.write_text(f'#!/bin/sh\nexport PYTHONPATH={ROOT}\n'
                       f'exec {sys.executable} -m _mmocr_kd_command "$@"')
    program.chmod(0o755)
    (tmp_path / 'script').write_text(command('completion', 'bash').stdout)

    def complete(line):
        words = line.split(' ')
        code = (f'source {tmp_path}/script; COMP_WORDS=({line}); COMP_CWORD={len(words) - 1}; '
                '_mmocr_kd_completion mmocr-kd; echo "${COMPREPLY[@]}"')
        return subprocess.run(
            ['bash', '-ec', code], capture_output=True, text=True, check=True,
            env={**os.environ, 'PATH': f'{tmp_path}:{os.environ["PATH"]}'}).stdout.split()

    return complete


def test_bash_completes_verbs_options_and_values(completed):
    assert completed('mmocr-kd rate') == ['rate-scales']
    assert completed('mmocr-kd diagnose --che') == ['--checkpoint']
    assert completed('mmocr-kd compare t.py --engine s') == ['slurm']
