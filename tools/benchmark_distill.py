"""Measure what distillation costs a training step, beside the step without it."""
from __future__ import annotations

import argparse
import os
import tempfile
import time
from pathlib import Path
from typing import Any

os.environ.setdefault('KINETO_LOG_LEVEL', '9')  # before torch: its profiler is chatty

import torch
from distill_bench import (
    ADDED,
    CACHED,
    DISTILLED,
    PRICE,
    STUDENT,
    TEACHER,
    WHOLE,
    Bench,
    CachedBench,
    build_bench,
    is_cached,
)
from mmengine.config import Config, DictAction
from mmengine.registry import init_default_scope
from mmengine.runner import Runner
from outputs import in_one_line

from mmocr_kd.apis import read_config, require_files
from mmocr_kd.measure import Ratio, Timing, interleave, median_ratio


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__ + ' Student step (forward, backward, optimizer), teacher forward and '
        'distilled step take turns in one process, so a drifting machine is fair to all. The '
        'ratio (distilled - student) / teacher forward says what is paid beyond the teacher '
        'itself: 1.00 is nothing. CUDA_VISIBLE_DEVICES= (empty) measures on the CPU.',
        formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument('config', help='with a MaskETDistillHook, a DBNetDistiller or a '
                        'LowResRecognizerDistiller')
    parser.add_argument('--iters', type=int, default=20, help='rounds that count')
    parser.add_argument('--warmup', type=int, default=3, help='rounds before them')
    parser.add_argument('--batch-size', type=int, help="by default the config's")
    parser.add_argument('--size', type=int, nargs=2, metavar=('H', 'W'),
                        help='of the made-up images, by default 640 640; of made-up small words, '
                        "with large ones of twice that, by default the config's PairedResize")
    parser.add_argument('--polygons', type=int, default=8, help='texts per made-up image')
    parser.add_argument('--letters', type=int, default=12, help='of the longest made-up word')
    parser.add_argument('--real-data', action='store_true',
                        help="take a batch of the config's training data instead")
    parser.add_argument('--random-teacher', action='store_true',
                        help='random weights instead of the checkpoint (as fast, nothing needed)')
    parser.add_argument('--threads', type=int, help='CPU threads of PyTorch')
    parser.add_argument('--cpu-time', action='store_true',
                        help='count the CPU time of this process instead of the time that passes: '
                        'for a CPU that is busy with other things, too')
    parser.add_argument('--cfg-options', nargs='+', action=DictAction, default={},
                        help='changes to the config, key=value')
    return parser.parse_args(argv)


def prepare(args: argparse.Namespace, folder: str) -> tuple[Bench, dict[str, Any]]:
    """Build what is measured.

    Args:
        args: The command line.
        folder: For temporary files.

    Returns:
        The models, and the batch they see.
    """
    cfg = read_config(args.config, args.cfg_options)
    cached = is_cached(cfg)
    if cached and (args.random_teacher or not args.real_data):
        raise ValueError(f'{args.config} has a CachedTeacher, which knows real photos and not of '
                         'random weights: give --real-data, and no --random-teacher')
    require_files(cfg, ['train_dataloader'] if args.real_data else [],
                  training=not args.random_teacher)
    init_default_scope(cfg.get('default_scope', 'mmocr'))
    bench: Any = (CachedBench(cfg, folder) if cached else
                  build_bench(cfg, folder, args.random_teacher))
    size = args.batch_size or cfg.train_dataloader.batch_size
    return bench, (real_batch(cfg, size, bench) if args.real_data else bench.made_up(size, args))


def real_batch(cfg: Config, batch_size: int, bench: Any) -> dict[str, Any]:
    """The first batch of a config's training data.

    Args:
        cfg: The config.
        batch_size: How many images.
        bench: Whose teachers may have something to add.
    """
    loader = dict(cfg.train_dataloader, batch_size=batch_size, num_workers=0,
                  persistent_workers=False)
    loader = Runner.build_dataloader(loader, seed=0)
    bench.prepare_data(loader.dataset)
    return next(iter(loader))


def ratios(timings: dict[str, Timing]) -> dict[str, Ratio]:
    """Both ways to look at the cost; each round counts as one measurement.

    Args:
        timings: Of all three or four cases, measured in the same rounds.
    """
    found = {}
    if CACHED in timings:
        found[PRICE] = median_ratio(timings[CACHED].seconds, timings[STUDENT].seconds)
    rounds = list(zip(*(timings[name].seconds for name in (STUDENT, TEACHER, DISTILLED))))
    return found | {
        ADDED: median_ratio([both - student for student, _, both in rounds],
                            [teacher for _, teacher, _ in rounds]),
        WHOLE: median_ratio([both for _, _, both in rounds],
                            [student + teacher for student, teacher, _ in rounds])
    }


def report(timings: dict[str, Timing], resident: dict[str, int], transient: dict[str, int],
           targets: dict[str, float]) -> str:
    """Everything measured, as a table and ratios.

    Args:
        timings: Name -> timing.
        resident: Name -> bytes needed all the time.
        transient: Name -> bytes needed on top, at the peak.
        targets: Ratio -> what it should be at most.
    """
    lines = [f'{"":16}{"median ms":>11}{"quartiles ms":>20}{"peak MB":>11}{"of it resident":>17}']
    peak = {name: resident[name] + transient[name] for name in timings}
    for name, timing in timings.items():
        spread = '{:.1f} - {:.1f}'.format(*(1e3 * value for value in timing.quartiles))
        lines.append(f'{name:16}{timing.median * 1e3:11.1f}{spread:>20}{peak[name] / 1e6:11.1f}'
                     f'{resident[name] / 1e6:17.1f}')
    extra = peak[DISTILLED] - peak[STUDENT]
    found = ratios(timings)
    lines += ['', ADDED, time_line(found[ADDED], targets.get(ADDED)),
              f'  memory  {extra / peak[TEACHER]:.3f}  ({extra / 1e6:+.1f} MB)']
    lines += [line for name in (WHOLE, PRICE) if name in targets and name in found
              for line in ('', name, time_line(found[name], targets[name]))]
    return '\n'.join(lines)


def time_line(ratio: Ratio, target: float | None) -> str:
    """A ratio of times and, if it has a target, what that says of it.

    Args:
        ratio: The ratio.
        target: What it should be at most.
    """
    line = f'  time    {ratio.value:.3f}  (95 % interval {ratio.low:.3f} - {ratio.high:.3f})'
    if target is None:
        return line
    return f'{line}, target <= {target}: {"met" if ratio.value <= target else "missed"}'


def headline(args: argparse.Namespace, bench: Bench, batch: dict[str, Any]) -> str:
    """What is measured, on what, and how.

    Args:
        args: The command line.
        bench: The models.
        batch: What they see.
    """
    shapes = ' and '.join(str(tuple(batch[key][0].shape)) for key in ('inputs', 'hr_inputs')
                          if key in batch)
    return (f'{Path(args.config).name}: batch of {len(batch["inputs"])} x {shapes} on '
            f'{bench.device}, {torch.get_num_threads()} CPU threads, {args.iters} rounds after '
            f"{args.warmup}, {'CPU' if args.cpu_time else 'wall-clock'} time, torch "
            f'{torch.__version__}')


def main(argv: list[str] | None = None) -> None:
    """Measure and report."""
    args = parse_args(argv)
    if args.threads:
        torch.set_num_threads(args.threads)
    with tempfile.TemporaryDirectory() as folder:
        with in_one_line():
            bench, batch = prepare(args, folder)
        print(headline(args, bench, batch), flush=True)
        clock = time.process_time if args.cpu_time else time.perf_counter
        timings = interleave(bench.cases(batch), args.iters, args.warmup, clock)
        print(report(timings, bench.resident(), bench.transient(batch), bench.targets))


if __name__ == '__main__':
    main()
