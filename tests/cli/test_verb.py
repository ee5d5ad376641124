"""What all verbs share: errors, exit codes, Ctrl-C, examples."""
import re
import shlex

import click
import pytest
import torch
from click.testing import CliRunner

from mmocr_kd.cli import main
from mmocr_kd.cli.verb import Verb, debug_option, told

VERBS = {name: verb for name, verb in main.commands.items() if not verb.hidden}


def run(function, *args, after=(), **fields):
    """Call a verb ``try`` that does what the function does."""
    @click.group(params=[debug_option])
    def group():
        pass

    group.add_command(click.command('try', cls=Verb, **fields)(function))
    return CliRunner().invoke(group, [*args, 'try', *after])


def fail(error):
    raise error


WORDS = {
    'raised': lambda: fail(ValueError('threshold=2 must be in [0, 1]')),
    'key': lambda: fail(KeyError('DBNet2 is not in the registry')),
    'asserted': lambda: exec('assert 0, "no such field"'),
    'file': lambda: open('gone/gone.json'),
    'package': lambda: __import__('gone_package'),
    'pytorch': lambda: torch.ones(2) @ torch.ones(3),
    'later': lambda: fail(NotImplementedError('not for NRTR')),
}
SAID = {'raised': 'threshold=2 must be', 'key': 'KeyError: DBNet2 is not', 'file': 'gone/gone.json',
        'asserted': 'AssertionError: no such field', 'package': 'gone_package',
        'pytorch': 'size', 'later': 'not for NRTR'}
FAULTS = {
    'key': lambda: {}['x'], 'attribute': lambda: ().x, 'type': lambda: 1 + '',
    'index': lambda: [][0], 'value': lambda: int('x'), 'zero': lambda: 1 / 0,
    'silent': lambda: fail(ValueError()),
}


@pytest.mark.parametrize('name', WORDS)
def test_words_for_a_person_are_said_in_one_line(name):
    shown = run(WORDS[name])
    assert shown.exit_code == 1 and shown.stdout == ''
    line, = shown.stderr.splitlines()
    assert line.startswith('Error: ') and SAID[name] in line and 'fault' not in line


@pytest.mark.parametrize('name', FAULTS)
def test_what_nobody_meant_to_raise_is_our_fault(name):
    shown = run(FAULTS[name])
    line, = shown.stderr.splitlines()
    assert shown.exit_code == 1 and 'This is a fault of mmocr-kd' in line and '--debug' in line
    assert 'test_verb.py, line ' in line


def test_an_error_is_judged_where_it_was_raised():
    """A cause, or a frame further out with a ``raise``, changes nothing."""
    try:
        FAULTS['key']()
    except KeyError as cause:
        try:
            raise ValueError('box 3 has no polygon') from cause
        except ValueError as error:
            assert told(error) == 'box 3 has no polygon'

    def outer():
        try:
            FAULTS['zero']()
        except ZeroDivisionError:
            raise

    assert 'fault' in run(outer).stderr


@pytest.mark.parametrize('where', ['before', 'after', 'environment', 'nowhere'])
def test_debug_shows_the_error_itself(where, monkeypatch):
    if where == 'environment':
        monkeypatch.setenv('MMOCR_KD_DEBUG', '1')
    before, after = (['--debug'] if where == name else [] for name in ('before', 'after'))
    shown = run(FAULTS['zero'], *before, after=after)
    assert isinstance(shown.exception, SystemExit if where == 'nowhere' else ZeroDivisionError)
    assert shown.exit_code == 1


def test_wrong_usage_is_another_exit_code_and_shows_no_fault():
    assert run(lambda: None).exit_code == 0
    assert run(lambda: fail(click.UsageError('not both'))).exit_code == 2
    assert run(lambda: None, after=['--gone']).exit_code == 2
    assert CliRunner().invoke(main, ['gone']).exit_code == 2


def test_exit_codes_of_verbs_pass():
    assert run(lambda: fail(SystemExit(7))).exit_code == 7
    assert run(lambda: click.get_current_context().exit(3)).exit_code == 3


def test_ctrl_c_says_how_it_goes_on():
    shown = run(lambda: fail(KeyboardInterrupt()), stopped='Type it again.')
    assert shown.exit_code == 130 and shown.stderr.split('\n')[1] == 'Stopped. Type it again.'


def test_a_reader_that_went_away_is_no_error():
    shown = run(lambda: fail(BrokenPipeError(32, 'Broken pipe')))
    assert shown.exit_code == 1 and 'Error' not in shown.stderr


@pytest.mark.parametrize('name', VERBS)
def test_examples_are_shown_as_typed_and_are_understood(name):
    shown = CliRunner().invoke(main, [name, '--help']).output
    assert VERBS[name].examples
    for line in VERBS[name].examples:
        assert f'\n  {line}\n' in shown
        for command in re.sub(' >.*', '', line).split(' & '):
            program, verb, *options = shlex.split(command, comments=True)
            assert (program, verb) == ('mmocr-kd', name)
            VERBS[name].make_context(name, options)
