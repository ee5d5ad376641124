"""Print what a spotter costs at each scale of its input, counted in two ways and timed."""
from __future__ import annotations

import argparse
import copy
import json
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from made_up_batches import pages
from mmengine.config import DictAction
from mmengine.registry import init_default_scope
from mmocr.registry import MODELS

from mmocr_kd.apis import Passes, ScalePasses, build_loaded, read_checkpoint, read_config
from mmocr_kd.apis.scale_passes import as_spotter, shrinker_of
from mmocr_kd.measure import Case, CostTable, interleave, product_macs, selector_fields

GIGA = 2**30
PUBLISHED, HONEST = 'published', 'honest'
SCALES = (.3, .4, .5, .6, .7, .8)


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__ + " 'published' counts as the paper of DLD does, by its official "
        'get_flops.py: backbone, neck and raw output of the (region proposal) head alone. '
        "'honest' counts all that runs: selector, the whole detector, recogniser. Both are "
        'relative to the same spotter at full resolution without selector, the teacher. G is '
        '2^30 multiply-accumulates; convolutions and matrix products count. The image is noise '
        'with made-up words; times are medians of one image, all cases taking turns.',
        formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument('config', help='of DLD, or of a plain spotter or detector')
    parser.add_argument('--checkpoint', type=Path, help='weights; without it they are random')
    parser.add_argument('--size', type=int, nargs=2, required=True, metavar=('H', 'W'),
                        help='full resolution')
    parser.add_argument('--scales', type=float, nargs='+',
                        help="by default the config's, or 0.3 to 0.8")
    parser.add_argument('--words', type=int, default=10, help='in the image')
    parser.add_argument('--letters', type=int, default=8, help='of the longest words')
    parser.add_argument('--repeats', type=int, default=5,
                        help='rounds to time; 0 only counts')
    parser.add_argument('--threads', type=int, default=1, help='CPU threads of PyTorch')
    parser.add_argument('--cpu-time', action='store_true',
                        help='count the CPU time of this process instead of the time that passes')
    parser.add_argument('--results', type=Path, metavar='JSON',
                        help='what "mim test" wrote with a ResolutionStatMetric: adds the mean '
                        'cost of the scales chosen there')
    parser.add_argument('--cfg-options', nargs='+', action=DictAction, default={},
                        help='changes to the config, key=value')
    args = parser.parse_args(argv)
    if args.repeats == 1 or args.repeats < 0:
        parser.error(f'--repeats={args.repeats} must be 0 or at least 2')
    return args


@dataclass(frozen=True)
class Costs:
    """Everything measured.

    Args:
        sizes: Height and width of the input at each scale, and at full resolution.
        tables: Name of a column -> what it holds.
        selector: Multiply-accumulates of the selector.
    """

    sizes: list[tuple[int, int]]
    tables: dict[str, CostTable]
    selector: int


def load(args: argparse.Namespace) -> tuple[Any, dict[str, Any]]:
    """The model of a config, in eval mode, and its config.

    Args:
        args: The command line.

    Raises:
        ValueError: If the checkpoint cannot be read or does not fit.
    """
    cfg = read_config(args.config, args.cfg_options)
    init_default_scope(cfg.get('default_scope', 'mmocr'))
    torch.manual_seed(0)
    if args.checkpoint is None:
        return MODELS.build(copy.deepcopy(cfg.model)).eval(), cfg.model
    state = read_checkpoint(args.checkpoint)['state_dict']
    return build_loaded(cfg, cfg.model, state, args.checkpoint).eval(), cfg.model


def prepare(args: argparse.Namespace) -> tuple[ScalePasses, list[float]]:
    """Build what is measured.

    Args:
        args: The command line.

    Returns:
        The passes, and the scales to run them at.
    """
    model, cfg = load(args)
    student, selector = getattr(model, 'student', model), getattr(model, 'selector', None)
    student = as_spotter(student) or student
    batch = pages(1, args.size, args.words, charset(student), args.letters)
    batch = model.data_preprocessor(batch, training=False)
    passes = ScalePasses(student, selector, batch['inputs'], batch['data_samples'],
                         shrinker_of(cfg))
    scales = args.scales or getattr(selector, 'scale_factors', None) or cfg.get('scale_factors')
    return passes, sorted(scales or SCALES)


def charset(student: Any) -> str:
    """What a student can read; anything for a detector.

    Args:
        student: A spotter or detector.
    """
    if not hasattr(student, 'rec_decoder'):
        return 'a'
    return ''.join(char for char in student.rec_decoder.dictionary.dict if len(char) == 1)


def measure(args: argparse.Namespace, passes: ScalePasses, scales: list[float]) -> Costs:
    """Count and time.

    Args:
        args: The command line.
        passes: What runs.
        scales: Where.
    """
    runs = [passes.at(scale) for scale in scales] + [passes.full()]
    columns = {name: [product_macs(getattr(run, name)) for run in runs]
               for name in (PUBLISHED, HONEST)}
    if args.repeats:
        columns |= times(args, runs)
    tables = {name: CostTable(scales, values[:-1], values[-1]) for name, values in columns.items()}
    return Costs([run.size for run in runs], tables, product_macs(passes.choose))


def times(args: argparse.Namespace, runs: list[Passes]) -> dict[str, list[float]]:
    """Median seconds of all passes, which take turns.

    Args:
        args: The command line.
        runs: At each scale, and at full resolution.
    """
    cases: dict[str, Case] = {f'{name} {i}': partial(partial, getattr(run, name))
                              for i, run in enumerate(runs) for name in (PUBLISHED, HONEST)}
    clock = time.process_time if args.cpu_time else time.perf_counter
    timings = interleave(cases, args.repeats, 1, clock)
    return {f'{name} ms': [timings[f'{name} {i}'].median for i in range(len(runs))]
            for name in (PUBLISHED, HONEST)}


def report(costs: Costs) -> str:
    """A table and lines to paste into configs.

    Args:
        costs: What was measured.
    """
    names = list(costs.tables)
    header = ['scale', 'input']
    for name in names:
        unit = '' if name.endswith('ms') else ' G'
        header += [name + unit, 'relative']
    rows = [header, ['---', '---', *['---:'] * (2 * len(names))]]
    scales = [f'{scale:g}' for scale in costs.tables[HONEST].scales]
    for i, (scale, size) in enumerate(zip([*scales, '1 (teacher)'], costs.sizes)):
        rows.append([scale, f'{size[0]}x{size[1]}',
                     *(cell for name in names for cell in cells(name, costs.tables[name], i))])
    return '\n'.join(['| ' + ' | '.join(row) + ' |' for row in rows] + ['', *lines(costs)])


def cells(name: str, table: CostTable, row: int) -> tuple[str, str]:
    """A cost and its share of the teacher's.

    Args:
        name: Of the column.
        table: Of the column.
        row: Which scale; one past the last is the full resolution.
    """
    value = [*table.costs, table.reference][row]
    shown = f'{value * 1e3:.1f}' if name.endswith('ms') else f'{value / GIGA:.2f}'
    return shown, f'{value / table.reference:.3f}'


def lines(costs: Costs) -> list[str]:
    """What goes below the table.

    Args:
        costs: What was measured.
    """
    honest = costs.tables[HONEST]
    shares = ', '.join(f'{costs.selector / cost:.1%} at {scale:g}'
                       for scale, cost in zip(honest.scales, honest.costs))
    own = {PUBLISHED: costs.tables[PUBLISHED].relative,
           HONEST: [(cost - costs.selector) / honest.reference for cost in honest.costs]}
    timed = costs.tables.get(f'{HONEST} ms')
    full_ms = {HONEST: timed and timed.reference * 1e3}
    return [
        f'selector: {costs.selector / GIGA:.2f} G, {costs.selector / honest.reference:.1%} of '
        f"the teacher's honest cost; of the student's own {shares}",
        'To paste into a ResolutionSelector (what it costs itself is left out):',
        *(f'{name}: {selector_fields(relative, full_ms.get(name))}'
          for name, relative in own.items())]


def shares(path: Path, scales: list[float]) -> dict[str, list[float]]:
    """How often each scale was chosen in a test.

    Args:
        path: JSON of scalars that a test run wrote.
        scales: The scales.

    Returns:
        Name of each data set, '' if there is only one without a name -> one share per scale.

    Raises:
        ValueError: If there is no histogram of these scales.
    """
    scalars = json.loads(path.read_text())
    chosen: dict[str, dict[str, float]] = {}
    for key, value in scalars.items():
        *places, name = key.split('/')
        if name.startswith('hist_'):
            chosen.setdefault('/'.join(places[:-1]), {})[name] = value
    names = [f'hist_{scale:g}' for scale in scales]
    if not chosen or any(sorted(names) != sorted(found) for found in chosen.values()):
        raise ValueError(f'{path} must hold {names}, as ResolutionStatMetric writes them; it has '
                         f'{list(scalars)}')
    return {data: [found[name] for name in names] for data, found in chosen.items()}


def main(argv: list[str] | None = None) -> None:
    """Measure and report."""
    args = parse_args(argv)
    torch.set_num_threads(args.threads)
    try:
        passes, scales = prepare(args)
        chosen = shares(args.results, scales) if args.results else None
    except (OSError, ValueError, TypeError) as error:
        raise SystemExit(str(error)) from error
    costs = measure(args, passes, scales)
    timed = (f'median of {args.repeats} rounds, {args.threads} CPU thread(s), '
             f"{'CPU' if args.cpu_time else 'wall-clock'} time" if args.repeats else 'not timed')
    print(f'{args.config}, one image with {args.words} words, {timed}\n\n{report(costs)}')
    for data, mine in (chosen or {}).items():
        means = ', '.join(f'{name} {table.mean(mine):.3f}' for name, table in costs.tables.items())
        print(f'mean over the images of {data or args.results}: {means}')


if __name__ == '__main__':
    main()
