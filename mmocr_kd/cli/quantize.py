"""``mmocr-kd quantize``: an exported model in 8 bits."""
from __future__ import annotations

import click

from .progress import with_progress
from .verb import Verb


@click.command(cls=Verb, stopped='Nothing was written.', examples=[
    'mmocr-kd quantize work/det.onnx --images photos/ --out work/det8.onnx'])
@click.argument('model', type=click.Path())
@click.option('--images', multiple=True, required=True, metavar='PATH', help='Photos such as the '
              'model will see (of words for a recogniser), a folder or a pattern; may be repeated.')
@click.option('--out', required=True, metavar='FILE', help='What to write.')
@click.option('--calibrate', default=64, show_default=True, type=click.IntRange(1),
              help='Photos from which the ranges of activations are taken.')
@click.option('--compare', default=8, show_default=True, type=click.IntRange(0),
              help='Other photos on which both files are compared.')
@click.option('--tolerance', default=0.05, show_default=True, type=click.FloatRange(0),
              help='Mean difference of probabilities above which the exit code is 1.')
def quantize(model: str, images: tuple[str, ...], out: str, calibrate: int, compare: int,
             tolerance: float) -> None:
    """Write MODEL, a file of "mmocr-kd export", with weights and activations in 8 bits.

    It takes about a quarter of the room, and half the time on processors that know 8 bits. What it
    costs in score "mmocr-kd bench" tells.
    """
    from ..apis.quantize import quantize as in_8_bits
    from ..reader.photos import find
    done = in_8_bits(model, out, list(find(images)), calibrate, compare,
                     lambda paths: with_progress(paths, len(paths), 'photos'))
    after, before = done.bytes_after / 1e6, done.bytes_before / 1e6
    click.echo(f'{out}: {after:.2f} MB instead of {before:.2f} MB')
    if not done.compared:
        click.echo('No photo was left to compare both on: give more, or a smaller --calibrate')
        return
    click.echo(f'Probabilities differ by {done.mean:.4f} on average, by {done.largest:.2f} at '
               f'most, on {done.compared} photos that it was not calibrated on')
    if not done.mean <= tolerance:
        raise click.ClickException(f'that is above --tolerance {tolerance}: calibrate on more, and '
                                   f'more typical, photos; {out} was written nevertheless')
