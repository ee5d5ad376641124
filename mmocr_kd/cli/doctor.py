"""``mmocr-kd doctor``: what is installed, what works, what to type otherwise."""
from __future__ import annotations

import json
import platform
import sys
import warnings
from dataclasses import asdict
from typing import Iterable, Iterator

import click

from ..version import __version__
from .checks import works
from .packages import ABSENT, OK, UNTRIED, WRONG, Finding, packages
from .verb import Verb

_MARKS = {OK: ('ok', 'green'), ABSENT: ('-', 'yellow'), WRONG: ('WRONG', 'red'),
          UNTRIED: ('?', 'yellow')}


@click.command(cls=Verb, registers=False, examples=['mmocr-kd doctor',
                                                    'mmocr-kd doctor --json > report.json'])
@click.option('--json', 'as_json', is_flag=True, help='Write all findings as JSON.')
def doctor(as_json: bool) -> None:
    """Say what is installed, what works, and what to type where something does not.

    Everything is tried for real, in about ten seconds: operators, a detector on an image of noise,
    a checkpoint, a rendered image. Works where MMOCR or PyTorch are broken or missing. Exit code 1
    if something is wrong; what is merely absent is no fault.
    """
    warnings.simplefilter('ignore')
    about = {'mmocr_kd': __version__, 'python': platform.python_version(),
             'platform': platform.platform(), 'executable': sys.executable}
    show = _nothing if as_json else _shown
    if not as_json:
        click.echo('\n'.join(f'{name}: {value}' for name, value in about.items()))
    found = {'installed': list(show('Installed', _packages())),
             'works': list(show('Works', works()))}
    wrong = [one for part in found.values() for one in part if one.verdict == WRONG]
    if as_json:
        lists = {part: [asdict(one) for one in those] for part, those in found.items()}
        click.echo(json.dumps({**about, **lists, 'ok': not wrong}, indent=2))
    else:
        click.echo(f'\n{len(wrong)} wrong: {", ".join(one.name for one in wrong)}. What to type '
                   'stands there; begin with the first.' if wrong else '\nAll is well.')
    sys.exit(1 if wrong else 0)


def _packages() -> Iterator[Finding]:
    try:
        yield from packages()
    except ImportError as error:
        yield Finding('packaging', WRONG, str(error), 'pip install packaging')


def _shown(title: str, found: Iterable[Finding]) -> Iterator[Finding]:
    """Print each as it comes, so that none waits for another that hangs."""
    click.echo(f'\n{title}')
    for one in found:
        mark, color = _MARKS[one.verdict]
        click.echo(f'  {click.style(f"{mark:5}", fg=color)} {one.name}: {one.says}')
        if one.remedy and one.verdict != OK:
            click.echo(f'          {one.remedy}')
        yield one


def _nothing(title: str, found: Iterable[Finding]) -> Iterable[Finding]:
    return found
