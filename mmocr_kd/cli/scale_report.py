"""``mmocr-kd scale-report``: what choosing resolutions is worth, from ratings alone."""
from __future__ import annotations

from typing import TYPE_CHECKING

import click

from .progress import with_progress
from .verb import Verb

if TYPE_CHECKING:  # "--help" should not wait for it
    from ..measure import ScaleRatings
    from ..measure.scale_report import Selector


@click.command('scale-report', cls=Verb, examples=[
    'mmocr-kd scale-report work_dirs/ratings/my_spotter_config_val.jsonl --plot frontier.png',
    'mmocr-kd scale-report test.jsonl --validation val.jsonl --selector my_dld.py epoch_8.pth'])
@click.argument('ratings', type=click.Path())
@click.option('--selector', 'selectors', nargs=2, multiple=True, metavar='CONFIG CHECKPOINT',
              help='A trained DLD, whose selector looks at the images; may be repeated. Those of '
              'one CONFIG are seeds of the same.')
@click.option('--validation', metavar='FILE', help='Ratings of other images, which score '
              "threshold, the selectors' prices and the height rule are taken from.")
@click.option('--threshold', type=float, help='Score threshold of predictions [default: the best '
              'one at full resolution].')
@click.option('--beside', nargs=2, multiple=True, metavar='NAME FILE', help='Ratings of another '
              'model on the same images, for its single scales; may be repeated.')
@click.option('--false-alarm-weight', default=0.5, show_default=True,
              help='What a false alarm counts beside a miss, where errors are added up.')
@click.option('--plot', metavar='FILE', help='Draw hmean over cost and over time.')
@click.option('--csv', metavar='FILE', help='Write all points of all curves.')
@click.option('--device', help='Where selectors run, such as cuda:1 [default: a GPU, if any].')
def scale_report(ratings: str, selectors: tuple[tuple[str, str], ...], validation: str | None,
                 threshold: float | None, beside: tuple[tuple[str, str], ...],
                 false_alarm_weight: float, plot: str | None, csv: str | None,
                 device: str | None) -> None:
    """Say what choosing a scale for each image is worth, out of the file RATINGS.

    RATINGS is what "mmocr-kd rate-scales" wrote. The report compares single scales, the best
    choice that hindsight could make for each image, random choice, a rule on the height of text,
    and trained selectors, at equal cost.
    """
    from ..measure import ScaleRatings
    from ..measure.scale_plot import draw, write_csv
    from ..measure.scale_report import ScaleReport
    from ..measure.scale_text import report_text
    known = ScaleRatings.load(validation, threshold) if validation else None
    rated = ScaleRatings.load(ratings, known.used_threshold if known else threshold)
    others = {name: ScaleRatings.load(path, rated.used_threshold) for name, path in beside}
    chosen = _ask(selectors, [rated, known] if known else [rated], device)
    report = ScaleReport(rated, chosen, others, known, false_alarm_weight)
    click.echo(report_text(report))
    for path, write in ((plot, draw), (csv, write_csv)):
        if path:
            write(report, path)
            click.echo(f'\nwritten: {path}')


def _ask(selectors: tuple[tuple[str, str], ...], ratings: list[ScaleRatings],
         device: str | None) -> list[Selector]:
    from ..apis.read_config import read_config
    from ..apis.selector_errors import prepare_selectors
    found: list[Selector] = []
    for config in dict.fromkeys(config for config, _ in selectors):
        asked = prepare_selectors(read_config(config), [path for name, path in selectors
                                                        if name == config], ratings, device)
        for _ in with_progress(asked.run(found), len(asked), 'images'):
            pass
    return found
