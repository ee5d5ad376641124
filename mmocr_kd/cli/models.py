"""``mmocr-kd models``: who can learn, and who can teach."""
from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .export import export
from .verb import Verb

if TYPE_CHECKING:  # "--help" should not wait for it
    from ..apis.model_list import ListedStudent


@click.command(cls=Verb, examples=['mmocr-kd models', 'mmocr-kd models --measure --json',
                               'mmocr-kd models --out ready'])
@click.option('--measure', is_flag=True, help='Also time each student on this machine.')
@click.option('--json', 'as_json', is_flag=True, help='Write JSON.')
@click.option('--out', metavar='FOLDER', help='Write the detector and the recogniser for photos '
              'that come with the package as FOLDER/det.onnx and rec.onnx, and list nothing.')
@click.pass_context
def models(context: click.Context, measure: bool, as_json: bool, out: str | None) -> None:
    """List students, with size and cost as counted from the models, and who can teach them."""
    if out is not None:
        _write_reader(context, Path(out))
        return
    from ..apis.model_list import ready_models, students, teachers
    if as_json:
        click.echo(json.dumps({'students': [asdict(one) for one in students(measure)],
                               'ready': ready_models(), 'teachers': [*teachers()]}, indent=2))
        return
    click.echo('Students: parameters, multiply-adds (products alone) of one image')
    for student in students(measure):
        click.echo(_student(student))
    click.echo('\nWeights that come with the package')
    for model in ready_models():
        click.echo(_entry(model, [model['config'], f'learnt from {model["data"]}; '
                                  f'{model["license"]}', model['score']]))
    click.echo('\nTeachers that are here; besides, any model of MMOCR and any ONNX file')
    for teacher in teachers():
        click.echo(_entry(teacher, [teacher['file'] or f'not installed: {teacher["install"]}']))


def _write_reader(context: click.Context, folder: Path) -> None:
    from ..apis.model_list import reader_models
    for stem, name in reader_models().items():
        context.invoke(export, config=name, checkpoint=None, out=str(folder / f'{stem}.onnx'),
                       images=(), tolerance=1e-3, peer=False, with_selector=False, half=False,
                       cfg_options=())
    click.echo(f'Both: mmocr-kd read PHOTOS --model {folder}')


def _student(one: ListedStudent) -> str:
    channels, height, width = one.size
    size = f'{height}x{width}{" grey" if channels == 1 else ""}'
    line = f'  {one.name:18} {one.task:12}'
    if one.trouble is not None:
        return f'{line} {one.trouble}'
    time = f'{one.ms:8.1f} ms' if one.ms is not None else ''
    line = (f'{line} {(one.parameters or 0) / 1e6:6.2f} M {(one.macs or 0) / 1e9:7.3f} G at '
            f'{size:12}{time}')
    return '\n      '.join([line, one.config, one.about, *([one.score] if one.score else [])])


def _entry(one: dict[str, Any], lines: list[str]) -> str:
    size = f' ({one["megabytes"]:.1f} MB)' if one['file'] else ''
    return '\n      '.join([f'  {one["name"]}{size}', *lines])
