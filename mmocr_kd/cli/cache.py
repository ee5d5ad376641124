"""``mmocr-kd cache``: ask a teacher once about every training image."""
from __future__ import annotations

import re
import shlex
from math import prod
from typing import TYPE_CHECKING

import click

from .progress import with_progress
from .verb import Verb

if TYPE_CHECKING:  # "--help" should not wait for it
    from ..apis.cache import Filling


def _shard(context: click.Context, parameter: click.Parameter, value: str) -> tuple[int, int]:
    match = re.fullmatch(r'(\d+)/(\d+)', value)
    index, number = map(int, match.groups()) if match else (1, 0)
    if index >= number:
        raise click.BadParameter(f'{value!r} is no i/n with 0 <= i < n, such as 0/4')
    return index, number


@click.command(
    cls=Verb, stopped='The same command goes on where it was.', examples=[
        'mmocr-kd cache my_config.py',
        'mmocr-kd cache my_config.py --shard 0/2 & mmocr-kd cache my_config.py --shard 1/2'])
@click.argument('config', type=click.Path())
@click.option('--out', help='Folder of the store, instead of the one that the config names.')
@click.option('--shard', callback=_shard, default='0/1', show_default=True,
              help='i/n: this process takes every n-th photo from the i-th on; start one for each '
              'i. Nothing has to be merged afterwards.')
@click.option('--device', help='Where the teacher runs, such as cuda:1 [default: a GPU, if any].')
@click.option('--cfg-options', multiple=True, metavar='KEY=VALUE',
              help='A field of the config to replace; may be repeated.')
def cache(config: str, out: str | None, shard: tuple[int, int], device: str | None,
          cfg_options: tuple[str, ...]) -> None:
    """Ask the teacher of CONFIG once about every training photo or word.

    CONFIG is a training config in whose hook or model the teacher is
    dict(type='CachedTeacher', store='work_dirs/cache/NAME', teacher=dict(...)): the inner one is
    asked here, and training with the same CONFIG reads the store. Images are not augmented. The
    command may be stopped and started again: it goes on where it was.
    """
    from ..apis.cache import prepare_filling
    from ..apis.read_config import read_config
    from .cfg_options import parsed
    extra = [f'--out {shlex.quote(out)}'] if out else []
    extra += [f'--cfg-options {shlex.quote(option)}' for option in cfg_options]
    command = ' '.join(['mmocr-kd cache', shlex.quote(config), *extra])
    cfg = read_config(config, parsed(cfg_options))
    _fill(prepare_filling(cfg, command, out, shard, device))


def _fill(filling: Filling) -> None:
    click.echo(_summary(filling))
    sizes = list(with_progress(filling.run(), len(filling.photos), 'images'))
    written = sum(size > 0 for size in sizes)
    mean = f', {sum(sizes) / written / 1000:.1f} kB each' if written else ''
    click.echo(f'{written} images written{mean}; {len(sizes) - written} were there already')


def _summary(filling: Filling) -> str:
    height, width = filling.example
    lines = [f'store: {filling.store.folder}; the teacher sees the first image at {width}x{height}']
    for name, (shape, stride) in filling.sizes.items():
        kind = '8 bits, PNG' if len(shape) == 2 else f'half precision, {_bytes(shape)}'
        lines.append(f'  {name}: {"x".join(map(str, shape))}, {kind}; in training one value for '
                     f'{stride}x{stride} pixels')
    return '\n'.join(lines)


def _bytes(shape: tuple[int, ...]) -> str:
    return f'{prod(shape) * 2 / 1e6:.2f} MB a photo'
