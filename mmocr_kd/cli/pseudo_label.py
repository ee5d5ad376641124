"""``mmocr-kd pseudo-label``: let a teacher label photos."""
from __future__ import annotations

import click

from .progress import with_progress
from .verb import Verb


@click.command(
    'pseudo-label', cls=Verb, stopped='The same command goes on where it was.', examples=[
        'mmocr-kd pseudo-label rapidocr --images photos --out photos/text.json',
        'mmocr-kd pseudo-label rapidocr --images photos --read photos/text.json '
        '--out photos/words.json'])
@click.argument('teacher')
@click.option('--images', required=True, metavar='FOLDER', help='Photos, in folders of any depth.')
@click.option('--out', required=True, metavar='JSON', help="File to write, in MMOCR's format.")
@click.option('--ann-file', metavar='JSON', help="Label only the photos that this file of MMOCR's "
              'format names, in its order; its labels are not looked at.')
@click.option('--checkpoint', help='Weights, if TEACHER is the config of a model.')
@click.option('--floor', default=0.6, show_default=True,
              help='Confidence from which on a label counts. Text that is less sure is marked as '
              'ignored; words whose reading is are left out.')
@click.option('--unclip', default=1.5, show_default=True,
              help='How far polygons grow beyond what the map shows; 1.4 suits PP-OCR.')
@click.option('--shape', type=click.Choice(['quad', 'poly']), default='quad', show_default=True,
              help='Of the text.')
@click.option('--long-side', default=960, show_default=True,
              help='Longer side of the photos that the teacher sees, in pixels, at most.')
@click.option('--read', 'boxes', metavar='JSON', help='Do not find text but read the words in this '
              'file, which an earlier call wrote, and cut them out.')
@click.option('--min-size', default=8, show_default=True,
              help='With --read: shorter side of a word in pixels, at least.')
@click.option('--any-corner', is_flag=True, help='With --read: quads begin at any corner of their '
              'words, as those do that were won from masks; they are put into reading order.')
@click.option('--device', help='Where the teacher runs, such as cuda:1 [default: a GPU, if any].')
def pseudo_label(teacher: str, images: str, out: str, ann_file: str | None,
                 checkpoint: str | None, floor: float, unclip: float, shape: str, long_side: int,
                 boxes: str | None, min_size: int, any_corner: bool, device: str | None) -> None:
    """Let TEACHER label the photos of a folder.

    TEACHER is 'rapidocr', a config that distils (its first teacher labels), the config of a
    detector (with --read: a recogniser) with --checkpoint, or a store that "mmocr-kd cache" filled
    with maps of these photos.
    The command may be stopped and started again: it goes on where it was.
    """
    from ..apis.pseudo_label import PhotoRules, label_photos, label_words
    if boxes and ann_file:
        raise click.UsageError('--ann-file says where text is to be found; --read has it already')
    if boxes is None:
        rules = PhotoRules(floor, unclip, shape, long_side)
        labelling = label_photos(teacher, images, out, rules, checkpoint, device, ann_file)
    else:
        labelling = label_words(teacher, images, boxes, out, floor, min_size, any_corner,
                                checkpoint, device)
    there, found = len(labelling.done), 0
    for entries in with_progress(labelling.run(), len(labelling.names), 'photos'):
        found += sum(not word.get('ignore') for entry in entries for word in entry['instances'])
    click.echo(f'{out}: {found} {"words" if boxes else "texts"} on {len(labelling.names)} photos; '
               f'{there} of them were labelled already')
