"""Compare detectors in one table: size, cost, speed and, where given, accuracy."""
from __future__ import annotations

import argparse
import json
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch
from mmengine.analysis import parameter_count
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.registry import init_default_scope
from mmocr.registry import DATASETS
from torch import Tensor, nn

from mmocr_kd.apis import load_student, read_config
from mmocr_kd.measure import interleave, product_macs, tensor_bytes

METRICS = ('precision', 'recall', 'hmean')


@dataclass
class Row:
    """One detector.

    Args:
        name: What it is called in the table.
        cfg: Its config.
        model: The detector, in eval mode.
        metrics: 'precision', 'recall' and 'hmean' in [0, 1], as far as known.
    """

    name: str
    cfg: Config
    model: nn.Module
    metrics: dict[str, float]


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__ + ' Only what the finished model needs is counted, no adaptors. '
        'GFLOPs count a multiply-add once, as MMEngine and most papers do, and products alone: '
        'convolutions, matrices, attention, recurrent layers. Latency is that of the '
        'network (image to probability map, batch of 1, without post-processing); the models '
        'take turns, so that a drifting machine is fair to all.')
    parser.add_argument('models', nargs='+', metavar='CONFIG:CHECKPOINT', help='what to compare')
    parser.add_argument('--names', nargs='+', help="in the table; by default the configs' stems")
    parser.add_argument('--metrics', nargs='+', type=Path, metavar='JSON',
                        help='what "mim test" wrote for each: <work dir>/<time>/<time>.json')
    parser.add_argument('--size', type=int, nargs=2, metavar=('H', 'W'),
                        help="input size; by default that of the first config's first test image")
    parser.add_argument('--iters', type=int, default=20, help='rounds (default: %(default)s)')
    parser.add_argument('--device', default='cpu', help='for the latency (default: %(default)s)')
    parser.add_argument('--threads', type=int, default=1,
                        help='CPU threads of PyTorch (default: %(default)s)')
    parser.add_argument('--out', type=Path, help='also write the table here, as Markdown')
    args = parser.parse_args(argv)
    for name in ('names', 'metrics'):
        if getattr(args, name) and len(getattr(args, name)) != len(args.models):
            parser.error(f'--{name} needs one value per model ({len(args.models)})')
    return args


def load_row(model: str, name: str | None, metrics: Path | None) -> Row:
    """Load one detector.

    Args:
        model: 'CONFIG:CHECKPOINT'.
        name: Its name, if not the config's stem.
        metrics: File with its metrics, if any.

    Raises:
        SystemExit: If the argument is malformed or anything cannot be read.
    """
    config, _, checkpoint = model.rpartition(':')
    if not config or config.endswith(':'):
        raise SystemExit(f'{model!r} must be CONFIG:CHECKPOINT')
    try:
        cfg = read_config(config)
        return Row(name or Path(config).stem, cfg, load_student(cfg, checkpoint),
                   read_metrics(metrics) if metrics else {})
    except (OSError, ValueError) as error:
        raise SystemExit(f'{model}: {error}') from error


def read_metrics(path: Path) -> dict[str, float]:
    """Read what a test run wrote.

    Args:
        path: JSON with keys such as 'icdar/hmean'.

    Raises:
        ValueError: If it is no JSON object, or has not exactly one hmean.
    """
    scalars = json.loads(path.read_text())
    found = [key for key in scalars if key.split('/')[-1] == 'hmean']
    if len(found) != 1:
        raise ValueError(f"{path} must hold one '.../hmean', it has {found} in {list(scalars)}")
    prefix = found[0].removesuffix('hmean')
    return {name: scalars[prefix + name] for name in METRICS if prefix + name in scalars}


def test_size(row: Row) -> tuple[int, int]:
    """Height and width of a detector's first test image, as it reaches the network.

    Args:
        row: The detector.

    Raises:
        SystemExit: If its test data is not there.
    """
    init_default_scope(row.cfg.get('default_scope', 'mmocr'))
    try:
        sample = DATASETS.build(row.cfg.test_dataloader.dataset)[0]
    except OSError as error:
        raise SystemExit(f'no test image of {row.name}, give --size: {error}') from error
    inputs = row.model.data_preprocessor(pseudo_collate([sample]))['inputs']
    return tuple(inputs.shape[-2:])


@torch.no_grad()
def measure(rows: list[Row], size: tuple[int, int], iters: int, device: str) -> list[list[str]]:
    """Cells of the table.

    Args:
        rows: The detectors.
        size: Height and width of the input.
        iters: How many times each is timed.
        device: Where.

    Returns:
        One list of cells per row.
    """
    image = torch.randn(1, 3, *size, generator=torch.Generator().manual_seed(0)).to(device)
    models = {str(i): row.model.to(device) for i, row in enumerate(rows)}
    cases = {key: partial(partial, model, image, None, mode='tensor')
             for key, model in models.items()}
    timings = interleave(cases, iters)
    return [_cells(row, image, timing.median) for row, timing in zip(rows, timings.values())]


def _cells(row: Row, image: Tensor, seconds: float) -> list[str]:
    metrics = [f'{row.metrics[name]:.4f}' if name in row.metrics else '-' for name in METRICS]
    macs = product_macs(partial(row.model, image, None, mode='tensor'))
    return [
        row.name, *metrics, f"{parameter_count(row.model)[''] / 1e6:.2f}",
        f'{macs / 1e9:.2f}', f'{seconds * 1e3:.1f}',
        f'{tensor_bytes(row.model.state_dict().values()) / 1e6:.2f}'
    ]


def to_markdown(header: list[str], rows: list[list[str]]) -> str:
    """Lay out a table; numbers to the right.

    Args:
        header: Names of the columns.
        rows: Cells.
    """
    widths = [max(map(len, column)) for column in zip(header, *rows)]
    rules = ['-' * widths[0], *('-' * (width - 1) + ':' for width in widths[1:])]

    def line(cells: list[str]) -> str:
        first, *rest = (cell.rjust(width) for cell, width in zip(cells, widths))
        return '| ' + ' | '.join([first.strip().ljust(widths[0]), *rest]) + ' |'

    return '\n'.join(map(line, [header, rules, *rows])) + '\n'


def main(argv: list[str] | None = None) -> None:
    """Load, measure, print."""
    args = parse_args(argv)
    torch.set_num_threads(args.threads)
    nothing = [None] * len(args.models)
    rows = [load_row(*each) for each in
            zip(args.models, args.names or nothing, args.metrics or nothing)]
    size = tuple(args.size) if args.size else test_size(rows[0])
    latency = f'{"CPU" if args.device == "cpu" else args.device} ms'
    header = ['model', *METRICS, 'params M', 'GFLOPs', latency, 'MB']
    table = to_markdown(header, measure(rows, size, args.iters, args.device))
    table += (f'\nInput 3 x {size[0]} x {size[1]}, batch of 1, {args.threads} CPU thread(s), '
              f'median of {args.iters} interleaved runs.\n')
    if args.out:
        args.out.parent.mkdir(parents=True, exist_ok=True)
        args.out.write_text(table)
    print(table, end='')


if __name__ == '__main__':
    main()
