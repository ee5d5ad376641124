"""``mmocr-kd convert-labels``: labels of other tools for MMOCR, and back."""
from __future__ import annotations

import click

from .verb import Verb

KINDS = click.Choice(['mmocr', 'paddleocr', 'coco', 'label-studio'])


@click.command('convert-labels', cls=Verb, stopped='Nothing was written.', examples=[
    'mmocr-kd convert-labels Label.txt labels.json --images data/photos   # of PPOCRLabel',
    'mmocr-kd convert-labels labels.json tasks.json --to label-studio'])
@click.argument('source', type=click.Path())
@click.argument('out', type=click.Path())
@click.option('--to', 'to', type=KINDS, default='mmocr', show_default=True, help='Kind to write.')
@click.option('--from', 'kind', type=KINDS, help='Kind of SOURCE [default: by what is in it].')
@click.option('--images', metavar='FOLDER', help='Photos: paths become relative to this folder, '
              "and sizes are taken from there. PaddleOCR's files have none.")
def convert_labels(source: str, out: str, to: str, kind: str | None, images: str | None) -> None:
    """Write the labels in SOURCE as another kind of file, OUT.

    Kinds are MMOCR's JSON, PaddleOCR's lines (PPOCRLabel's Label.txt), COCO's JSON (also of CVAT
    and COCO-Text) and Label Studio's JSON: what it exports is read; what is written it imports as
    predictions, which a person corrects.
    """
    from ..apis.convert_labels import convert_labels as convert
    photos = convert(source, out, to, kind, images)
    number = sum(len(photo.texts) for photo in photos)
    click.echo(f'{out}: {number} texts on {len(photos)} photos, for {to}')
