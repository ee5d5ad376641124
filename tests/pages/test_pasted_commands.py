"""All commands of a page, as bash understands them when pasted: files, options, fields exist.

The shell is real (variables, loops, continued lines); the programs only write down how they were
called. What they would have done is tested elsewhere.
"""
from __future__ import annotations

import argparse
import json
import os
import re
import runpy
import subprocess
import sys
from itertools import groupby
from pathlib import Path

import pages
import pytest
from mmengine.config import Config, DictAction

from mmocr_kd.cli import main

PASTED = {page: [block.text for block in blocks]
          for page, blocks in groupby(pages.blocks('bash'), lambda block: block.page)}
PROGRAMS = ('mim', 'mmocr-kd', 'python', 'python3', 'make', 'pip', 'git')
RECORD = """#!{python}
import json, sys
from pathlib import Path
with open({log!r}, 'a') as log:
    log.write(json.dumps([Path(sys.argv[0]).name, *sys.argv[1:]]) + '\\n')
if 'clone' in sys.argv:
    Path(Path(sys.argv[-1]).stem).mkdir(exist_ok=True)
if sys.argv[1:3] == ['-m', 'venv']:
    Path(sys.argv[3], 'bin').mkdir(parents=True)
    Path(sys.argv[3], 'bin', 'activate').touch()
"""
# Of a stranger: named by the pages, not shipped.
OWN_CONFIGS = {'my_config.py', 'my_dld.py', 'my_dld_config.py', 'my_spotter_config.py',
               'own.py', 'own_targets.py', 'own_maps.py', 'work/config.py', 'work/student.py',
               'work/rec/config.py'}


@pytest.fixture
def paste(tmp_path):
    """Run commands in a folder that has the project's files; returns the calls they made."""
    log, programs = tmp_path / 'calls', tmp_path / 'bin'
    programs.mkdir()
    for name in PROGRAMS:
        (programs / name).write_text(RECORD.format(python=sys.executable, log=str(log)))
        (programs / name).chmod(0o755)
    for name in ('configs', 'tools'):
        (tmp_path / name).symlink_to(pages.ROOT / name)

    def run(text: str) -> list[list[str]]:
        environment = {**os.environ, 'PATH': f'{programs}:{os.environ["PATH"]}'}
        done = subprocess.run(['bash', '-ec', text], cwd=tmp_path, env=environment, text=True,
                              capture_output=True)
        assert done.returncode == 0, done.stderr
        return [json.loads(line) for line in log.read_text().splitlines()]

    return run


@pytest.mark.parametrize('page', PASTED)
def test_pasted_blocks_run_what_exists(page, paste):
    """In the page's order: later blocks may use variables and files of earlier ones."""
    made: set[str] = set()
    for program, *arguments in paste('\n'.join(PASTED[page])):
        if 'tools/export_student.py' in arguments:  # writes a config beside the checkpoint
            made.add(str(Path(arguments[2]).with_suffix('.py')))
        if not made & set(arguments):
            CHECKS[program](arguments)


def check_mim(arguments: list[str]) -> None:
    command, package, script, *options = arguments
    assert command in ('train', 'test', 'gridsearch', 'run') and package in ('mmocr', 'mmocr_kd')
    if command == 'run':
        return check_tool(f'tools/{script}.py', options)
    path = config_file(package, script)
    parser = argparse.ArgumentParser()
    for option in ('--checkpoint', '--work-dir', '--gpus', '--launcher', '--search-args'):
        parser.add_argument(option)
    parser.add_argument('--cfg-options', nargs='+', action=DictAction, default={})
    parsed = parser.parse_args(options)
    assert (parsed.checkpoint is not None) == (command == 'test')
    searched = re.findall(r'--(\S+)', parsed.search_args or '')
    if path is not None:
        check_fields(path, [*parsed.cfg_options, *searched])


def config_file(package: str, name: str) -> Path | None:
    if name in OWN_CONFIGS:
        return None
    if package == 'mmocr_kd' and '/' not in name:
        (path, ) = (pages.ROOT / 'configs').rglob(name)
        return path
    assert (pages.ROOT / name).is_file(), name
    return pages.ROOT / name


def check_fields(path: Path, fields: list[str]) -> None:
    """All but what completes an ``init_cfg``."""
    cfg = Config.fromfile(path, format_python_code=False)
    for field in fields:
        node = cfg
        for part in field.partition('.init_cfg')[0].split('.'):
            node = node[int(part)] if part.isdigit() else node[part]


def check_python(arguments: list[str]) -> None:
    if arguments[0].startswith('tools/'):
        check_tool(arguments[0], arguments[1:])
    elif arguments[0] == '-c':
        compile(arguments[1], 'page', 'exec')
    elif not arguments[0].startswith('-'):
        assert (pages.ROOT / arguments[0]).is_file(), arguments


class _Parsed(Exception):
    """The command line was understood."""


def check_tool(tool: str, arguments: list[str]) -> None:
    """The tool's own parser takes the command line, and configs it names exist."""
    parse = argparse.ArgumentParser.parse_args

    def parse_args(parser: argparse.ArgumentParser, *args: object) -> None:
        parse(parser, *args)
        raise _Parsed

    with pytest.MonkeyPatch.context() as patch, pytest.raises(_Parsed):
        patch.syspath_prepend(str(pages.ROOT / 'tools'))
        patch.setattr(sys, 'argv', [tool, *arguments])
        patch.setattr(argparse.ArgumentParser, 'parse_args', parse_args)
        runpy.run_path(str(pages.ROOT / tool), run_name='__main__')
    for argument in arguments:
        if argument.startswith('configs/'):  # or a config:checkpoint
            assert (pages.ROOT / argument.partition(':')[0]).exists(), argument


def check_verb(arguments: list[str]) -> None:
    verb, *options = arguments
    main.commands[verb].make_context(verb, options)


def check_make(arguments: list[str]) -> None:
    targets = re.findall(r'^(\w+):', (pages.ROOT / 'Makefile').read_text(), re.M)
    assert set(arguments) <= set(targets)


def check_pip(arguments: list[str]) -> None:
    setup = (pages.ROOT / 'setup.py').read_text()
    for extra in re.findall(r'\[([\w,]+)\]', ' '.join(arguments)):
        assert all(f"'{name}': " in setup for name in extra.split(','))
    for argument in arguments:
        if argument.endswith('.txt'):
            assert (pages.ROOT / argument).is_file(), argument


CHECKS = {'mim': check_mim, 'mmocr-kd': check_verb, 'python': check_python,
          'python3': lambda arguments: None, 'make': check_make, 'pip': check_pip,
          'git': lambda arguments: None}
