"""``mmocr-kd distill``: from a folder of photos to a small model, in one go."""
from __future__ import annotations

import json
import os
import re
import sys
import time
from itertools import chain
from typing import Any

import click

from .progress import Told, clock
from .verb import Verb, register

# The first is taken if none is named: its start weights come with the package.
STUDENTS = {'det': ('mobilenetv3-large', 'mobilenetv3-small', 'efficientnet-lite0'),
            'rec': ('crnn', 'svtr-tiny')}
_SCORES = {'word_acc': 'word accuracy', 'word_acc_ignore_case_symbol': 'case and symbols ignored',
           '1-N.E.D': '1 - edit distance'}
_UNITS = {'h': 3600, 'm': 60, 's': 1}


class Duration(click.ParamType):
    """Seconds, from '30m', '2h' or '1h30m'."""

    name = 'duration'

    def convert(self, value: Any, parameter: click.Parameter | None,
                context: click.Context | None) -> float:
        """Read it."""
        parts = re.findall(r'(\d+(?:\.\d+)?)([hms])', value)
        if not parts or ''.join(map(''.join, parts)) != value:
            self.fail(f'{value!r} is no duration, such as 30m, 2h or 1h30m', parameter, context)
        return sum(float(number) * _UNITS[unit] for number, unit in parts)


@click.command(cls=Verb, registers=False, stopped='The same command goes on where it was.',
               examples=[
                   'mmocr-kd distill det --images photos --out work',
                   'mmocr-kd distill rec --images photos --out work',
                   'mmocr-kd distill det --images photos --out work --labels gt.json --budget 30m',
                   'mmocr-kd distill det --images photos --out work --teacher my_detector.py '
                   '--teacher-checkpoint my_detector.pth'])
@click.argument('what', type=click.Choice([*STUDENTS]))
@click.option('--images', required=True, type=click.Path(), metavar='FOLDER',
              help='Photos, in folders of any depth.')
@click.option('--teacher', default='rapidocr', show_default=True, help="Who sees or reads text on "
              "them: 'rapidocr', a config that distils (its first teacher), or the config of a "
              'detector (rec: of a recogniser).')
@click.option('--teacher-checkpoint', metavar='FILE', help='Weights, if the teacher is the config '
              'of a model.')
@click.option('--student', type=click.Choice(list(chain(*STUDENTS.values()))), help='Who learns '
              f'[default: {", ".join(f"{what} {names[0]}" for what, names in STUDENTS.items())}].')
@click.option('--out', required=True, type=click.Path(), metavar='FOLDER',
              help='Everything is written here.')
@click.option('--labels', type=click.Path(), metavar='JSON',
              help="Labels of some of the photos, in MMOCR's format: learnt from, and tested on.")
@click.option('--budget', type=Duration(), help='How long all of it may take, such as 30m '
              '[default: as long as the number of photos asks for].')
@click.option('--seed', default=0, show_default=True, help='Of the training.')
@click.option('--int8', is_flag=True, help='Train the last quarter for 8 bits, and let the ONNX '
              'file hold these.')
@click.option('--device', help='cpu, cuda, cuda:1 [default: a GPU, if any].')
@click.option('--dry-run', is_flag=True, help='Say what would be done, and do nothing.')
@click.option('--json', 'as_json', is_flag=True, help='Print the summary as JSON, and how far it '
              'is to stderr.')
def distill(what: str, device: str | None, dry_run: bool, as_json: bool, **wish: Any) -> None:
    """Make a small text detector (det) or recogniser (rec) out of a folder of photos.

    The teacher is asked once about each photo or word; every fifth photo is held out; the student
    learns what the teacher says (or labels, where there are some), and is tested on those held
    out. Both may have one OUT, from which "mmocr-kd read --model OUT" reads. Killed or stopped,
    the same command goes on where it was. OUT/config.py, of a recogniser OUT/rec/config.py, is the
    training as a config of MMEngine.
    """
    begun = time.monotonic()
    if device:
        _use(device)
    told = Told(sys.stderr if as_json else sys.stdout)
    with told.phase('loading PyTorch and MMOCR'):
        register()
        from ..apis import distill_photos
    wish['student'] = wish['student'] or STUDENTS[what][0]
    kind = {'det': distill_photos.DetectorDistillation,
            'rec': distill_photos.RecognizerDistillation}[what]
    work = kind(distill_photos.Wish(what=what, **wish), told,
                device and device.partition(':')[0], begun)
    if dry_run:
        click.echo('\n'.join(work.dry_run()))
        return
    summary = work.run()
    images = {'det': 'photos held out', 'rec': 'words of photos held out'}[what]
    click.echo(json.dumps(summary, indent=1) if as_json else _text(summary, images))


def _use(device: str) -> None:
    """Show PyTorch, which has not looked yet, this device alone."""
    kind, _, number = device.partition(':')
    if kind not in ('cpu', 'cuda') or not (number or '0').isdecimal():
        raise click.BadParameter(f'--device {device!r} is unknown: give cpu, cuda or cuda:1')
    if kind == 'cpu' or number:
        os.environ['CUDA_VISIBLE_DEVICES'] = number if kind == 'cuda' else ''


def _text(summary: dict[str, Any], images: str) -> str:
    whom = summary['compared_with']
    what = 'agreement with the teacher, not accuracy' if whom == 'the teacher' else 'against labels'
    rows = [('student', summary['scores'])]
    if 'scores_in_8_bits' in summary:
        rows.append(('student in 8 bits', summary['scores_in_8_bits']))
    if 'scores_of_teacher' in summary:
        rows.append(('teacher', summary['scores_of_teacher']))
    return '\n'.join([
        '', f'on {summary["held_out"]} {images} ({what}):',
        *(f'  {name}: {_scores(score)} ({what})' for name, score in rows),
        f'student: {summary["student"]}, {summary["megabytes"]:.1f} MB, after {summary["steps"]} '
        f'steps; this command took {clock(60 * summary["minutes"])}',
        f'trained by: {summary["config"]}', '', 'Next:', f'  {summary["next"]}'])


def _scores(scores: dict[str, float]) -> str:
    first = [name for name in ('hmean', 'word_acc') if name in scores]  # which one looks for
    return ', '.join(f'{_SCORES.get(name, name)} {scores[name]:.3f}'
                     for name in [*first, *(name for name in scores if name not in first)])
