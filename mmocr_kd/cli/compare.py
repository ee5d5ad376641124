"""``mmocr-kd compare``, ``compare-test``: whether distillation helps, seed by seed."""
from __future__ import annotations

import signal
import sys
import time
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Callable, Iterable, Sequence

import click

from .progress import with_progress
from .verb import Verb

if TYPE_CHECKING:  # "--help" should not wait for it
    from ..apis.comparison import Comparison, Ended, Run
    from ..apis.engines import Engine

_STOPPED = 'Runs go on from their last checkpoint when the same command is typed again.'


def _names(context: click.Context, parameter: click.Parameter, value: str | None) -> Any:
    return value.replace(',', ' ').split() if value else None


def _numbers(context: click.Context, parameter: click.Parameter, value: str | None) -> Any:
    try:
        return [int(number) for number in value.replace(',', ' ').split()] if value else None
    except ValueError:
        raise click.BadParameter(f'{value!r} are no integers, such as "0,1"') from None


def _of_both(command: Callable[..., None]) -> Callable[..., None]:
    """Argument and options of both verbs."""
    for add in reversed([
            click.argument('table', type=click.Path()),
            click.option('--jobs', type=click.IntRange(min=1), default=2, show_default=True,
                         help='So many processes at a time.'),
            click.option('--engine', type=click.Choice(['local', 'ray', 'slurm']),
                         default='local', show_default=True, help='Where they run.'),
            click.option('--cpus', type=click.IntRange(min=1), default=1, show_default=True,
                         help='Of Ray or Slurm, for each process that a run trains with.'),
            click.option('--gpus', type=click.IntRange(min=0), default=0, show_default=True,
                         help='Likewise.'),
            click.option('--engine-option', 'engine_options', multiple=True, metavar='KEY=VALUE',
                         help="Of ray.init, such as address=auto, or of submitit's AutoExecutor, "
                         'such as slurm_partition=gpu; may be repeated.'),
            click.option('--arms', callback=_names, metavar='A,B', help='These alone.'),
            click.option('--seeds', callback=_numbers, metavar='0,1', help='These alone.'),
            click.option('--out', default='work_dirs/compare', show_default=True,
                         metavar='FOLDER', help='Folder of all tables; runs of this one are in '
                         '<FOLDER>/<TABLE>/<arm>/<seed>.'),
            click.option('--against', metavar='ARM', help="Show differences against it, and not "
                         "against the table's reference."),
            click.option('--csv', metavar='FILE', help='Write a row for each run.'),
            click.option('--plot', metavar='FILE', help='Draw scores and differences.')]):
        command = add(command)
    return command


@click.command(cls=Verb, stopped=_STOPPED, examples=[
    'mmocr-kd compare my_table.py --dry-run',
    'mmocr-kd compare my_table.py --jobs 4 --csv runs.csv',
    'mmocr-kd compare my_table.py --engine slurm --gpus 1 --engine-option slurm_partition=gpu'])
@_of_both
@click.option('--dry-run', is_flag=True, help='Say how far each run is, and do nothing.')
def compare(table: str, arms: list[str] | None, seeds: list[int] | None, out: str,
            against: str | None, csv: str | None, plot: str | None, dry_run: bool,
            **engine: Any) -> None:
    """Train what is missing of TABLE, and compare its arms on the validation data.

    TABLE is a Python file that names arms (configs, with fields replaced) and seeds. All arms of a
    seed start from the same weights and see the same crops in the same order, so that their
    difference is that of the arms. The command may be stopped, or killed, and started again: it
    goes on where it was. The test data are left to "mmocr-kd compare-test".
    """
    comparison = _comparison(table, out, arms, seeds)
    if dry_run:
        _show_states(comparison)
        return
    with comparison.alone(), ended_by_signal():
        sound = _train_and_validate(comparison, _engine(**engine))
        _show(comparison, 'val', against, csv, plot)
    sys.exit(0 if sound else 1)


@click.command('compare-test', cls=Verb, stopped=_STOPPED, examples=[
    'mmocr-kd compare-test my_table.py',
    'mmocr-kd compare-test my_table.py --csv runs.csv --plot runs.png'])
@_of_both
@click.option('--partial', is_flag=True, help='Although runs are missing, with the seeds that '
              'all arms have finished.')
def compare_test(table: str, arms: list[str] | None, seeds: list[int] | None, out: str,
                 against: str | None, csv: str | None, plot: str | None, partial: bool,
                 **engine: Any) -> None:
    """Compare the arms of TABLE on the test data, which are opened once.

    Every choice, as that of score thresholds, has been made on the validation data before. The
    date goes into test_opened.json. A second call shows what was found; only runs that were added
    in the meantime are scored, and marked in the CSV: who knows the scores may have chosen them.
    """
    comparison = _comparison(table, out, arms, seeds)
    with comparison.alone(), ended_by_signal():
        sound = _open(comparison, _engine(**engine), partial)
        _show(comparison, 'test', against, csv, plot)
    sys.exit(0 if sound else 1)


@click.command('score-run', cls=Verb, hidden=True)
@click.argument('folder')
@click.option('--split', type=click.Choice(['val', 'test']), required=True)
@click.option('--protocol', type=click.Choice(['detection', 'words']), required=True)
@click.option('--groups')
def score_run(folder: str, split: str, protocol: str, groups: str | None) -> None:
    """Score the run in FOLDER: a process that the other verbs start."""
    from ..apis.comparison import score_run
    done = score_run(Path(folder), split, protocol, groups)
    number, before = next(done), 0
    for after in with_progress(done, number, 'images'):
        before = after
    click.echo(f'{before} images scored')


def _comparison(table: str, out: str, arms: Sequence[str] | None,
                seeds: Sequence[int] | None) -> Comparison:
    from ..apis.comparison import Comparison, read_table
    return Comparison(read_table(table), out, arms, seeds)


def _engine(engine: str, jobs: int, cpus: int, gpus: int,
            engine_options: Sequence[str]) -> Engine:
    from ..apis.cluster_engines import RayEngine, SlurmEngine
    from ..apis.engines import LocalEngine
    from .cfg_options import parsed
    if engine != 'local':
        kind = RayEngine if engine == 'ray' else SlurmEngine
        return kind(jobs, cpus, gpus, **parsed(engine_options))
    if (cpus, gpus) != (1, 0) or engine_options:
        raise click.UsageError('--cpus, --gpus and --engine-option are for --engine ray or slurm')
    return LocalEngine(jobs)


def _show_states(comparison: Comparison) -> None:
    for run, state in comparison.states():
        more = '' if state in ('missing', 'finished') else f' ({run.progress})'
        click.echo(f'{run.name}: {state}{more}')


def _train_and_validate(comparison: Comparison, engine: Engine) -> bool:
    """Whether all of it succeeded."""
    todo = comparison.missing()
    done = len(comparison.runs) - len(todo)
    click.echo(f'{comparison.folder}: {len(comparison.runs)} runs, {done} of them finished')
    trained = _follow(comparison.train(engine, todo), todo, 'trained')
    return _score(comparison, engine, 'val', comparison.unscored('val')) and trained


def _score(comparison: Comparison, engine: Engine, split: str, runs: Sequence[Run]) -> bool:
    return _follow(comparison.score(engine, split, runs), runs, 'scored')


def _open(comparison: Comparison, engine: Engine, partial: bool) -> bool:
    """Whether all of it succeeded."""
    ready = comparison.complete(partial)
    _score(comparison, engine, 'val', [run for run in comparison.unscored('val') if run in ready])
    first = comparison.opened() is None
    noted = comparison.open(ready)
    click.echo(f'test data opened {"now, " if first else ""}{noted["date"]}')
    todo = [run for run in comparison.unscored('test') if run in ready]
    late = [run.name for run in todo if run.name not in noted['thresholds']]
    if late:
        click.echo(f'added after that, and marked in the CSV: {", ".join(late)}')
    return _score(comparison, engine, 'test', todo)


def _follow(ended: Iterable[Ended], runs: Sequence[Run], what: str) -> bool:
    """Tell of each run as it ends, and when the others will have; whether none failed."""
    begin, failed = time.monotonic(), []
    for number, one in enumerate(with_progress(ended, len(runs), 'runs'), 1):
        if one.trouble:
            failed.append(one.run.name)
        left = (time.monotonic() - begin) / number * (len(runs) - number)
        until = datetime.now() + timedelta(seconds=left)
        when = f', the others by {until:%H:%M}' if number < len(runs) else ''
        click.echo(one.trouble or f'{one.run.name} {what}, {number} of {len(runs)}{when}')
    if failed:
        click.echo(f'failed: {", ".join(failed)}; the same command tries them again')
    return not failed


def _show(comparison: Comparison, split: str, against: str | None, csv: str | None,
          plot: str | None) -> None:
    from ..measure.paired_plot import draw
    from ..measure.paired_text import report_text
    for found in comparison.unpaired():
        click.echo(str(found))
    report = comparison.report(split, against)
    click.echo(f'\n{"Validation" if split == "val" else "Test"} data.\n{report_text(report)}')
    if csv:
        comparison.write_csv(csv, ['val', 'test'] if split == 'test' else ['val'])
    if plot:
        draw(report, plot)
    for path in filter(None, [csv, plot]):
        click.echo(f'\nwritten: {path}')


class ended_by_signal:
    """Ends the command, and the processes that it started, when it is asked to end."""

    def __enter__(self) -> None:
        self._before = signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))

    def __exit__(self, *_: Any) -> None:
        signal.signal(signal.SIGTERM, self._before)
