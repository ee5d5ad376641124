"""``mmocr-kd report``: one page about a training."""
from __future__ import annotations

from pathlib import Path

import click

from .progress import with_progress
from .verb import Verb


@click.command(cls=Verb, stopped='Nothing was written.', examples=[
    'mmocr-kd report work_dirs/my_config',
    'mmocr-kd report work_dirs/my_config --plain work_dirs/my_plain_config --num 12'])
@click.argument('work_dir', type=click.Path())
@click.option('--out', help='HTML file to write [default: report.html in WORK_DIR].')
@click.option('--plain', metavar='WORK_DIR', help='Training of the same student without a teacher, '
              'to be shown beside it.')
@click.option('--config', help='Instead of the copy that training left in WORK_DIR.')
@click.option('--checkpoint', help='Instead of the last one of WORK_DIR.')
@click.option('--num', default=8, show_default=True,
              help='Photos to show: those on which student and teacher disagree most. 0 for none.')
@click.option('--look-at', default=40, show_default=True,
              help='Photos to choose from, the first ones.')
@click.option('--split', type=click.Choice(['val', 'test']), default='val', show_default=True,
              help='Of which data.')
@click.option('--min-score', default=0.5, show_default=True,
              help='Boxes that were found with a lower confidence are not drawn.')
@click.option('--device', default='cpu', show_default=True, help='Where models run.')
def report(work_dir: str, out: str | None, plain: str | None, config: str | None,
           checkpoint: str | None, num: int, look_at: int, split: str, min_score: float,
           device: str) -> None:
    """Write one HTML page about the training in WORK_DIR.

    It has all curves, scores and costs, and photos with ground truth, student and teacher side by
    side, with their maps of probability and entropy. The page needs no other file, and nothing from
    the net.
    """
    from ..apis.report import Shown, read_training, write_report
    page = out or str(Path(work_dir) / 'report.html')
    training = read_training(work_dir, config, checkpoint)
    write_report(page, training, read_training(plain) if plain else None,
                 Shown(num, look_at, split, min_score, device),
                 lambda photos: with_progress(photos, len(photos), 'photos'))
    click.echo(f'{page}: {Path(page).stat().st_size / 1e6:.1f} MB; open it in a browser')
