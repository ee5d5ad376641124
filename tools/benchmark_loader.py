"""Measure how many images a second the data loaders of some configs give, side by side."""
from __future__ import annotations

import argparse
import time
from itertools import islice
from pathlib import Path
from typing import Any, Iterator

from mmengine.config import Config, DictAction
from mmengine.dataset import InfiniteSampler
from mmengine.registry import init_default_scope
from mmengine.runner import Runner
from mmocr.registry import HOOKS
from outputs import in_one_line

from mmocr_kd.apis import class_of, read_config, require_files
from mmocr_kd.hooks import MaskETDistillHook


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__ + ' The training loaders take turns, a round of batches each, so that '
        'a drifting machine is fair to all. Nothing is trained: it is the most that a training '
        'could take.', formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument('configs', nargs='+', help='with a train_dataloader')
    parser.add_argument('--names', nargs='+', help="instead of the configs' names, as many")
    parser.add_argument('--workers', type=int, nargs='+', default=[1, 2])
    parser.add_argument('--rounds', type=int, default=5)
    parser.add_argument('--batches', type=int, default=16,
                        help='of each round; twice what workers load ahead, or more')
    parser.add_argument('--batch-size', type=int, help="by default the config's")
    parser.add_argument('--cfg-options', nargs='+', action=DictAction, default={},
                        help='changes to all configs, key=value')
    args = parser.parse_args(argv)
    if args.names and len(args.names) != len(args.configs):
        parser.error(f'{len(args.names)} --names for {len(args.configs)} configs')
    return args


def batches_of(cfg: Config, workers: int, batch_size: int | None) -> Iterator[Any]:
    """Batches of a config's training data, without end.

    Args:
        cfg: The config.
        workers: Processes that load, >= 1.
        batch_size: Instead of the config's.
    """
    loader = dict(cfg.train_dataloader, num_workers=workers, persistent_workers=True,
                  sampler=dict(type=InfiniteSampler, shuffle=True))
    loader.pop('batch_sampler', None)
    loader['batch_size'] = batch_size or loader.get('batch_size', 8)
    built = Runner.build_dataloader(loader, seed=0)
    for hook in cfg.get('custom_hooks') or []:
        if class_of(hook, HOOKS) is MaskETDistillHook:  # the answers of stores come with the data
            HOOKS.build(hook).distiller.prepare_data(built.dataset)
    return iter(built)


def measure(loaders: dict[str, Iterator[Any]], rounds: int, batches: int) -> dict[str, list[float]]:
    """Let loaders take turns.

    Args:
        loaders: Name -> batches; what they loaded ahead while others had their turn is not counted.
        rounds: How many turns each has.
        batches: Of each turn.

    Returns:
        Name -> images a second of each turn.
    """
    speeds: dict[str, list[float]] = {name: [] for name in loaders}
    for _ in range(rounds):
        for name, loader in loaders.items():
            for _ in islice(loader, batches):  # those that were ready
                pass
            start, images = time.perf_counter(), 0
            for batch in islice(loader, batches):
                images += len(batch['inputs'])
            speeds[name].append(images / (time.perf_counter() - start))
    return speeds


def main(argv: list[str] | None = None) -> None:
    """Measure and report."""
    args = parse_args(argv)
    with in_one_line():
        configs = [read_config(path, args.cfg_options) for path in args.configs]
        for cfg in configs:
            require_files(cfg, ['train_dataloader'])
    names = args.names or [Path(path).stem for path in args.configs]
    init_default_scope('mmocr')
    print(f'| loader | workers | images/s, median of {args.rounds} | lowest | highest | |')
    print('|---|---|---|---|---|---|')
    for workers in args.workers:
        loaders = {name: batches_of(cfg, workers, args.batch_size)
                   for name, cfg in zip(names, configs)}
        speeds = {name: sorted(found)
                  for name, found in measure(loaders, args.rounds, args.batches).items()}
        medians = {name: found[len(found) // 2] for name, found in speeds.items()}
        for name, found in speeds.items():
            print(f'| {name} | {workers} | {medians[name]:.1f} | {found[0]:.1f} | {found[-1]:.1f} '
                  f'| x {medians[name] / medians[names[0]]:.2f} |', flush=True)


if __name__ == '__main__':
    main()
