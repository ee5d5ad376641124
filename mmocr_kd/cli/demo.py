"""``mmocr-kd demo``: a first look, in minutes."""
from __future__ import annotations

import json
import os
import shlex
import sys
from pathlib import Path
from typing import Any

import click

from .compare import ended_by_signal
from .progress import Told
from .verb import Verb, register

MINUTES = 4  # with one seed on two idle cores
_NAMES = {'teacher': 'teacher, MobileNetV3-large', 'plain': 'student, MobileNetV3-small',
          'masket': 'the same with MaskET'}
_ABOUT = """\
Nothing is downloaded: the images are rendered while they are read, the teacher comes with the
package. A small text detector is trained from nothing, without and with it: about {minutes} minutes
on two idle cores. Everything is written to {out}, and nothing there is removed."""
_TOO_SMALL = """\
This is no gain beyond noise, and says nothing about MaskET: with a few hundred steps from nothing
the budget of a demo is too small for one. What was gained with more: docs/results.md."""


@click.command(cls=Verb, registers=False, stopped='The same command keeps what is finished.',
               examples=['mmocr-kd demo', 'mmocr-kd demo --out work_dirs/demo --seeds 3'])
@click.option('--out', default='work_dirs/demo', show_default=True, metavar='FOLDER',
              help='Everything is written here.')
@click.option('--seeds', type=click.IntRange(1, 5), default=1, show_default=True,
              help='So many trainings of each student; those that are there already, count.')
@click.option('--quick', is_flag=True,
              help='A few images only: shows that everything runs, learns nothing.')
@click.option('--json', 'as_json', is_flag=True, help='Print the summary as JSON, and how far it '
              'is to stderr.')
def demo(out: str, seeds: int, quick: bool, as_json: bool) -> None:
    """Train a small text detector without and with a teacher, and see what differs.

    Needs no data and no GPU. Ends with scores, whether the difference is more than noise, a
    contact sheet of what students and teacher see, and what to type next. Stopped, the same command
    keeps trainings that are finished, and begins the others anew; when all is done, it shows what
    it found. A new run wants another --out.
    """
    told = Told(sys.stderr if as_json else sys.stdout)
    told.say(_ABOUT.format(minutes=MINUTES * seeds, out=out))
    with told.phase('loading PyTorch and MMOCR'):
        register()
        from ..apis.demo import Demo
        from ..apis.engines import LocalEngine
    lanes = min(2, len(os.sched_getaffinity(0)))
    with ended_by_signal():
        summary = Demo(Path(out), seeds, quick, told, LocalEngine(lanes)).run()
    summary['next'] = _next(out, summary)
    click.echo(json.dumps(summary, indent=1) if as_json else _text(summary))


def _text(summary: dict[str, Any]) -> str:
    scores = [f'  {_NAMES[name]:28} hmean {one["hmean"]:.3f}, precision {one["precision"]:.3f}, '
              f'recall {one["recall"]:.3f}' for name, one in summary['scores'].items()]
    return '\n'.join([
        '', f'{summary["images"]} test images with {summary["words"]} words:', *scores, '',
        summary['told'], *([] if summary['verdict'] == 'gain' else [_TOO_SMALL]), '',
        f'What they see, in the first images: {summary["sheet"]}', '', 'Next:',
        *(f'  {line}' for line in summary['next'])])


def _next(out: str, summary: dict[str, Any]) -> list[str]:
    plain, distilled = (shlex.quote(folder) for folder in summary['folders'].values())
    more = summary['seeds'] + 2
    seeds = [f'mmocr-kd demo --out {shlex.quote(out)} --seeds {more}'] if more <= 5 else []
    return ['mmocr-kd distill det --images YOUR_PHOTOS --out work',
            f'mmocr-kd report {distilled} --plain {plain}', *seeds]
