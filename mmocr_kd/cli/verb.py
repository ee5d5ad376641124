"""What all verbs share: examples in their help, one way to fail, one way to be stopped."""
from __future__ import annotations

import dis
import sys
from functools import cache
from importlib import import_module
from logging import LogRecord
from pathlib import Path
from types import TracebackType
from typing import Any, Sequence

import click

HELP = {'help_option_names': ['-h', '--help']}
STOPPED = 130  # exit code of what Ctrl-C ended, as shells have it
_OF_THE_WORLD = (OSError, ImportError, RuntimeError, MemoryError)
_BARE = (LookupError, AttributeError, AssertionError)  # whose words say little without their type


def _debug(context: click.Context, parameter: click.Parameter, value: bool) -> None:
    context.meta[__name__] = value or context.meta.get(__name__, False)  # before the verb, or after


debug_option = click.Option(
    ['--debug'], is_flag=True, expose_value=False, envvar='MMOCR_KD_DEBUG', callback=_debug,
    help='Show the traceback of an error [also: MMOCR_KD_DEBUG=1].')


class Verb(click.Command):
    """A verb: ``@click.command('name', cls=Verb, examples=[...])``.

    Whatever its function raises ends it with one line on stderr and exit code 1 (2: wrong usage,
    130: Ctrl-C), so that verbs catch nothing. ``--debug`` raises it.

    Args:
        examples: Command lines for the help.
        stopped: What Ctrl-C leaves, and how it goes on.
        registers: Whether it needs our registered components, and with them MMOCR's stack.
    """

    def __init__(self, *args: Any, examples: Sequence[str] = (), stopped: str = '',
                 registers: bool = True, **kwargs: Any) -> None:
        kwargs.setdefault('context_settings', HELP)
        super().__init__(*args, **kwargs)
        self.examples, self.stopped, self.registers = examples, stopped, registers
        self.params.append(debug_option)

    def parse_args(self, context: click.Context, args: list[str]) -> list[str]:
        """Read the command line, in which ``--cfg-options`` may have many values."""
        return super().parse_args(context, _one_by_one(args))

    def format_epilog(self, context: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the examples as they are typed: lines are not wrapped."""
        if self.examples:
            with formatter.section('Examples'):
                for line in self.examples:
                    formatter.write(f'{"":{formatter.current_indent}}{line}\n')

    def invoke(self, context: click.Context) -> Any:
        """Do the work, and say what went wrong."""
        try:
            if self.registers:
                register()
            return super().invoke(context)
        except (click.ClickException, click.exceptions.Exit, click.Abort, BrokenPipeError):
            raise
        except KeyboardInterrupt:
            click.echo(f'\nStopped. {self.stopped}'.rstrip(), err=True)
            context.exit(STOPPED)
        except Exception as error:
            if context.meta[__name__]:
                raise
            raise click.ClickException(told(error)) from error


def _one_by_one(args: list[str]) -> list[str]:
    """``--cfg-options a=1 b=2``, as MMOCR's own tools take it, in click's way."""
    name, found = '--cfg-options', list[str]()
    for arg in args:
        follows = found[-2:-1] == [name] and '=' in arg and not arg.startswith('-')
        found += [name, arg] if follows else [arg]
    return found


def register() -> None:
    """Load the package, and with it all components, for a verb that needs them.

    Raises:
        ImportError: If it fails, as where MMOCR's stack is broken.
    """
    try:
        load_package()
        _repeat_nothing()
    except Exception as error:  # whatever a broken package raises
        raise ImportError(f'mmocr_kd cannot be loaded: {_words(error)}\n"mmocr-kd doctor" says '
                          'what is wrong with the installation, and what to type') from error


def load_package() -> None:
    """Run ``mmocr_kd/__init__.py``, which the command puts off (see ``_mmocr_kd_command.py``)."""
    package = sys.modules[__name__.partition('.')[0]]
    if not hasattr(package, '__version__'):
        package.__spec__.loader.exec_module(package)  # type: ignore[union-attr]
    import_module('mmocr')  # without it, the package registers nothing


@cache
def _repeat_nothing() -> None:
    """Of a variable that configs read, MMEngine tells for each file, of a table dozens of times."""
    from mmengine.logging import MMLogger
    once = set[str]()

    def is_new(record: LogRecord) -> bool:
        words = record.getMessage()
        if not words.startswith('Using env variable'):
            return True
        new = words not in once
        once.add(words)
        return new

    MMLogger.get_current_instance().addFilter(is_new)


def told(error: Exception) -> str:
    """What a person reads of an error.

    Errors of a ``raise`` have words that somebody wrote for a person, and those of files, packages
    and memory tell something of the machine. Any other, such as a missing key, is a fault of ours.

    Args:
        error: As caught.
    """
    trace = _innermost(error.__traceback__)
    if str(error) and (isinstance(error, _OF_THE_WORLD) or _raised(trace)):
        return _words(error)
    place = f'{Path(trace.tb_frame.f_code.co_filename).name}, line {trace.tb_lineno}'
    return (f'{type(error).__name__}: {_words(error)} ({place}). This is a fault of mmocr-kd, not '
            'of yours: run the same command with --debug, and report what it shows')


def _words(error: Exception) -> str:
    words = str(error.args[0]) if isinstance(error, KeyError) and error.args else str(error)
    return f'{type(error).__name__}: {words}' if isinstance(error, _BARE) else words


def _innermost(trace: TracebackType | None) -> TracebackType:
    assert trace is not None
    return trace if trace.tb_next is None else _innermost(trace.tb_next)


def _raised(trace: TracebackType) -> bool:
    """Whether it comes from a ``raise`` (or an ``assert``): Python itself has no such step."""
    return dis.opname[trace.tb_frame.f_code.co_code[trace.tb_lasti]] == 'RAISE_VARARGS'
