"""``mmocr-kd diagnose``: why a distillation helps, or does not."""
from __future__ import annotations

import click

from .progress import with_progress
from .verb import Verb


@click.command(cls=Verb, stopped='Nothing was written.', examples=[
    'mmocr-kd diagnose my_config.py --checkpoint epoch_5.pth --checkpoint epoch_15.pth',
    'mmocr-kd diagnose my_config.py --batches 4 --csv told.csv'])
@click.argument('config', type=click.Path())
@click.option('--checkpoint', 'checkpoints', multiple=True, metavar='FILE', help='Of the training, '
              'or of another one of the same student; may be repeated [default: gradients at the '
              'start of training, and the teacher].')
@click.option('--batches', type=click.IntRange(min=0), default=16, show_default=True,
              help='Training batches whose gradients are compared; 0: none.')
@click.option('--split', type=click.Choice(['val', 'test']), default='val', show_default=True,
              help='Where words are looked for.')
@click.option('--csv', metavar='FILE', help='Write every number of the tables.')
@click.option('--device', help='Where models run, such as cuda:1 [default: a GPU, if any].')
@click.option('--cfg-options', multiple=True, metavar='KEY=VALUE',
              help='A field of the config to replace; may be repeated.')
def diagnose(config: str, checkpoints: tuple[str, ...], batches: int, split: str, csv: str | None,
             device: str | None, cfg_options: tuple[str, ...]) -> None:
    """Tell how distillation pulls at the student, and what it could learn.

    CONFIG is that of a training with a distillation hook or a distilling model. For each
    checkpoint: norms of the gradients of distillation relative to the task's, and the angles
    between them; words found by threshold and by size, by student and teacher alike; and which
    words only one of them finds. Nothing is trained.
    """
    from ..apis.diagnose import Diagnosis
    from ..apis.read_config import read_config
    from ..measure.diagnosis_text import bound, tables, write_csv
    from .cfg_options import parsed
    found = Diagnosis(read_config(config, parsed(cfg_options)), checkpoints, split, batches, device)
    for _ in with_progress(found.run(), len(found), 'batches'):
        pass
    told = list(tables(found.pulls, found.students, found.teachers))
    bounds = [f'{student} and {teacher}: {bound(ours, theirs)}'
              for student, ours in found.students.items()
              for teacher, theirs in found.teachers.items()]
    click.echo('\n\n'.join(map(str, [*told, *bounds, *found.notes])))
    if csv:
        write_csv(told, csv)
        click.echo(f'\nwritten: {csv}')
