"""``mmocr-kd rate-scales``: what a spotter finds at each scale, and whether choosing would pay."""
from __future__ import annotations

from pathlib import Path

import click

from .progress import with_progress
from .verb import Verb


def _numbers(context: click.Context, parameter: click.Parameter, value: str) -> list[float]:
    try:
        return [float(number) for number in value.replace(',', ' ').split()]
    except ValueError:
        raise click.BadParameter(f'{value!r} are no numbers, such as "0.25 0.5 1"') from None


@click.command(
    'rate-scales', cls=Verb, stopped='The same command goes on where it was.', examples=[
        'mmocr-kd rate-scales my_spotter_config.py --checkpoint spotter.pth',
        'mmocr-kd rate-scales my_spotter_config.py --checkpoint spotter.pth --split test '
        '--scales "0.5 1"'])
@click.argument('config', type=click.Path())
@click.option('--checkpoint', help='Weights of the spotter, or of a DLD training [default: those '
              'that CONFIG names: load_from, or the init_cfg of its parts].')
@click.option('--split', type=click.Choice(['train', 'val', 'test']), default='val',
              show_default=True, help="Which data of CONFIG; the training's without augmentation.")
@click.option('--scales', callback=_numbers, default='0.25 0.375 0.5 0.75 1', show_default=True,
              help='Sides relative to the full image; 1 is always among them.')
@click.option('--out', metavar='FILE', help='File of ratings '
              '[default: work_dirs/ratings/<CONFIG>_<split>.jsonl].')
@click.option('--limit', type=click.IntRange(min=2), help='Rate the first so many images only.')
@click.option('--protocol', type=click.Choice(['e2e', 'detection']),
              help='What counts: found and read, or found [default: as the model can].')
@click.option('--threshold', type=float, help='Score threshold of predictions [default: the best '
              'one at full resolution, of 0.3 to 0.8].')
@click.option('--device', help='Where the model runs, such as cuda:1 [default: a GPU, if any].')
@click.option('--cfg-options', multiple=True, metavar='KEY=VALUE',
              help='A field of the config to replace; may be repeated.')
def rate_scales(config: str, checkpoint: str | None, split: str, scales: list[float],
                out: str | None, limit: int | None, protocol: str | None,
                threshold: float | None, device: str | None,
                cfg_options: tuple[str, ...]) -> None:
    """Rate every image at every scale: words found, missed and imagined, and what a pass costs.

    CONFIG is that of a spotter of this package, of a detector of MMOCR, or of DLD, whose student
    counts. Its ratings say, before anything is trained, what a selector of resolutions could gain
    ("mmocr-kd scale-report" repeats it), and train one without passes at all scales.
    The command may be stopped and started again: it goes on where it was.
    """
    from ..apis.rate_scales import THRESHOLDS, prepare_rating
    from ..apis.read_config import read_config
    from ..measure import ScaleRatings
    from ..measure.scale_report import ScaleReport
    from ..measure.scale_text import report_text
    from .cfg_options import parsed
    path = Path(out or f'work_dirs/ratings/{Path(config).stem}_{split}.jsonl')
    thresholds = THRESHOLDS if threshold is None else [threshold]
    rating = prepare_rating(read_config(config, parsed(cfg_options)), checkpoint, path, split,
                            scales, thresholds, protocol, limit, device)
    there = len(rating.file.done.intersection(rating.paths))
    rated = list(with_progress(rating.run(), len(rating.paths) - there, 'images'))
    click.echo(f'{path}: {len(rated)} images rated; {there} were there already\n')
    click.echo(report_text(ScaleReport(ScaleRatings.load(path))))
