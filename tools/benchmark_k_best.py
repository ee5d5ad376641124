"""Measure the batched search for the best readings beside best-first search, word by word."""
from __future__ import annotations

import argparse
import time
from dataclasses import dataclass
from functools import partial
from typing import Any, Callable

import torch
from torch import Tensor
from torch.nn.functional import one_hot

from mmocr_kd.losses import Paths, k_best_paths
from mmocr_kd.measure import Timing, interleave, median_ratio
from mmocr_kd.measure.best_first import Path, best_first_paths

BATCHED, BEST_FIRST, LIMITED = 'batched, exact', 'best-first, exact', 'best-first, limited'
TARGET = 10

# Of each word, the paths found, best first.
Found = list[list[tuple[int, ...]]]


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__ + ' Both find the K best paths through what a teacher says of each '
        'step, the former for all words at once. Best-first search is a plain one with a heap, '
        "once without limit and once with the limit of KD-LTR's official code, with which it may "
        'find other paths. Teachers are made up; how sure they are decides how long a best-first '
        'search takes. Everything runs on the CPU and takes turns.',
        formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument('--words', type=int, default=64, help='batch size')
    parser.add_argument('--steps', type=int, default=26, help='of the decoder')
    parser.add_argument('--classes', type=int, default=37, help='the end token included')
    parser.add_argument('--letters', type=int, default=12, help='of the longest word')
    parser.add_argument('--margin', type=float, nargs='+', default=(30., 20., 12.),
                        help="by how much each teacher's logit of the right class stands out from "
                        'standard normal noise; exact best-first search does not come to an end '
                        'for small values')
    parser.add_argument('--temperature', type=float, default=4., help='divides the logits')
    parser.add_argument('--num-paths', type=int, default=6, help='K')
    parser.add_argument('--branch', type=int, default=3, help='classes of a step in question')
    parser.add_argument('--limit', type=int, default=100,
                        help='expansions after which the limited search gives up')
    parser.add_argument('--repeat', type=int, default=5,
                        help='runs in a row of each round, of which the mean counts: one is too '
                        'short to time')
    parser.add_argument('--iters', type=int, default=20, help='rounds that count')
    parser.add_argument('--warmup', type=int, default=3, help='rounds before them')
    parser.add_argument('--threads', type=int, default=1, help='CPU threads of PyTorch')
    parser.add_argument('--cpu-time', action='store_true',
                        help='count the CPU time of this process instead of the time that passes')
    return parser.parse_args(argv)


def made_up_teacher(args: argparse.Namespace, margin: float) -> Tensor:
    """What a teacher says of random words: log-probabilities, shape (words, steps, classes).

    Args:
        args: The command line.
        margin: Of the right class's logits.
    """
    generator = torch.Generator().manual_seed(0)
    end = args.classes - 1
    right = torch.randint(end, (args.words, args.steps), generator=generator)
    lengths = torch.randint(1, args.letters + 1, (args.words, 1), generator=generator)
    right[torch.arange(args.steps) >= lengths] = end
    logits = torch.randn(*right.shape, args.classes, generator=generator)
    logits += margin * one_hot(right, args.classes)
    return (logits / args.temperature).log_softmax(-1)


@dataclass(frozen=True)
class Search:
    """A way to find the best paths.

    Args:
        run: Does it.
        read: Turns its result into paths of classes; not part of the work.
    """

    run: Callable[[], Any]
    read: Callable[[Any], Found]


def searches(args: argparse.Namespace, log_probs: Tensor) -> dict[str, Search]:
    """What is compared.

    Args:
        args: The command line.
        log_probs: What the teacher says, shape (N, T, C).
    """
    probs, end = log_probs.exp(), args.classes - 1

    def batched() -> Paths:
        return k_best_paths(log_probs, args.num_paths, args.branch, end)

    def best_first(limit: int | None = None) -> list[list[Path]]:
        return [best_first_paths(word, args.num_paths, args.branch, end, max_expansions=limit)
                for word in probs]

    return {BATCHED: Search(batched, read_batched), BEST_FIRST: Search(best_first, read_heap),
            LIMITED: Search(partial(best_first, args.limit), read_heap)}


def read_batched(paths: Paths) -> Found:
    """Paths of tensors as tuples of classes.

    Args:
        paths: Of all words.
    """
    return [[tuple(classes[:length]) for classes, length in zip(*word)]
            for word in zip(paths.classes.tolist(), paths.lengths.tolist())]


def read_heap(words: list[list[Path]]) -> Found:
    """Paths of best-first search as tuples of classes.

    Args:
        words: The paths of each word.
    """
    return [[path.classes for path in paths] for paths in words]


def report(timings: dict[str, Timing], found: dict[str, Found]) -> str:
    """Times, and how often all K paths are those of the batched search.

    Args:
        timings: Name -> timing.
        found: Name -> paths of each word.
    """
    lines = [f'{"":22}{"median ms":>11}{"quartiles ms":>20}{"same paths":>14}{"ratio":>8}']
    for name, timing in timings.items():
        spread = '{:.2f} - {:.2f}'.format(*(1e3 * value for value in timing.quartiles))
        same = sum(ours == theirs for ours, theirs in zip(found[BATCHED], found[name]))
        ratio = median_ratio(timing.seconds, timings[BATCHED].seconds)
        lines.append(f'{name:22}{1e3 * timing.median:11.2f}{spread:>20}'
                     f'{f"{same} of {len(found[name])}":>14}{ratio.value:8.1f}')
    exact = median_ratio(timings[BEST_FIRST].seconds, timings[BATCHED].seconds)
    verdict = 'met' if exact.value >= TARGET else 'missed'
    return '\n'.join([*lines, f'{BEST_FIRST} / {BATCHED}  {exact.value:.1f}  (95 % interval '
                      f'{exact.low:.1f} - {exact.high:.1f}), target >= {TARGET}: {verdict}'])


def measure(args: argparse.Namespace, margin: float) -> str:
    """Compare the searches on one teacher.

    Args:
        args: The command line.
        margin: See :func:`made_up_teacher`.
    """
    log_probs = made_up_teacher(args, margin)
    compared = searches(args, log_probs)
    found = {name: search.read(search.run()) for name, search in compared.items()}
    timings = time_searches(args, {name: search.run for name, search in compared.items()})
    sure = log_probs.amax(-1).exp().mean()
    return (f'teacher with a margin of {margin:g}, {sure:.2f} sure of a step on average\n'
            + report(timings, found))


def time_searches(args: argparse.Namespace,
                  runs: dict[str, Callable[[], Any]]) -> dict[str, Timing]:
    """Time one run of each search.

    Args:
        args: The command line.
        runs: Name -> search.
    """
    def repeated(run: Callable[[], Any]) -> None:
        for _ in range(args.repeat):
            run()

    cases = {name: partial(partial, repeated, run) for name, run in runs.items()}
    clock = time.process_time if args.cpu_time else time.perf_counter
    timings = interleave(cases, args.iters, args.warmup, clock)
    return {name: Timing(tuple(seconds / args.repeat for seconds in timing.seconds))
            for name, timing in timings.items()}


def main(argv: list[str] | None = None) -> None:
    """Measure and report."""
    args = parse_args(argv)
    torch.set_num_threads(args.threads)
    print(f'{args.words} words of up to {args.letters} letters, {args.steps} steps, {args.classes} '
          f'classes, {args.num_paths} paths of {args.branch} classes a step; {args.threads} CPU '
          f"threads, {args.iters} rounds of {args.repeat} runs after {args.warmup}, "
          f"{'CPU' if args.cpu_time else 'wall-clock'} time, torch {torch.__version__}")
    for margin in args.margin:
        print('', measure(args, margin), sep='\n', flush=True)


if __name__ == '__main__':
    main()
