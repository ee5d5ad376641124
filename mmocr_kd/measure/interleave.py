"""Timing several things side by side in one run."""
from __future__ import annotations

import time
from dataclasses import dataclass
from statistics import median, quantiles
from typing import Any, Callable, Mapping

import torch

# Prepares one repetition (untimed) and returns what is to be timed.
Case = Callable[[], Callable[[], Any]]


@dataclass(frozen=True)
class Timing:
    """Repetitions of one case.

    Args:
        seconds: One duration per round, in the order of the rounds; at least two.
    """

    seconds: tuple[float, ...]

    @property
    def median(self) -> float:
        """Median in seconds."""
        return median(self.seconds)

    @property
    def quartiles(self) -> tuple[float, float]:
        """First and third quartile in seconds: half of all rounds lie between them."""
        first, _, third = quantiles(self.seconds, n=4, method='inclusive')
        return first, third


def interleave(cases: Mapping[str, Case],
               rounds: int,
               warmup: int = 3,
               clock: Callable[[], float] = time.perf_counter) -> dict[str, Timing]:
    """Time all cases once per round.

    A machine's speed drifts with heat, clocks and neighbours. Rounds meet all cases with the same
    speed, so they can be compared; one after the other they could not. Each round begins with
    another case, so none always profits from what the one before left in the caches.

    Args:
        cases: Name -> case.
        rounds: How many times each is timed, >= 2.
        warmup: Rounds before that which do not count.
        clock: Gives seconds. ``time.process_time`` counts the work of this process only, which
            is steadier on a machine that is busy with other things.

    Returns:
        Name -> timing; the n-th durations of all of them belong to the same round.

    Raises:
        ValueError: If there are fewer than two rounds, or a negative warm-up.
    """
    if rounds < 2 or warmup < 0:
        raise ValueError(f'rounds={rounds} must be at least 2, warmup={warmup} at least 0')
    seconds: dict[str, list[float]] = {name: [] for name in cases}
    for count in range(warmup + rounds):
        for name in _rotated(list(cases), count):
            elapsed = _time(cases[name](), clock)
            if count >= warmup:
                seconds[name].append(elapsed)
    return {name: Timing(tuple(values)) for name, values in seconds.items()}


def _rotated(names: list[str], by: int) -> list[str]:
    by %= len(names)
    return names[by:] + names[:by]


def _time(call: Callable[[], Any], clock: Callable[[], float]) -> float:
    _synchronize()
    start = clock()
    call()
    _synchronize()
    return clock() - start


def _synchronize() -> None:
    if torch.cuda.is_available():
        torch.cuda.synchronize()
