"""Whether one arm of a table is better than another, from runs that are paired by seed.

Each run of a table has a seed; runs of a seed start from the same weights and see the same crops.
What an arm gains is the mean over seeds of its score minus the reference's. Two intervals of 95 %
say how sure it is: that of a paired t test is about luck of training, on these test images; that
of a bootstrap over test images and seeds is also about other images. A verdict believes neither
alone: it looks at what covers both.
"""
from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Literal, Mapping, NamedTuple, Sequence

import numpy as np

from .counts import Counts, score, share

LEVEL, POWER = .95, .8
SMALLEST = .02  # the smallest difference that would matter: our choice
REPLICATES = 2000
MOST_SEEDS = 1000

Verdict = Literal['gain', 'loss', 'no gain', 'undecided']
Runs = Mapping[int, Counts]  # of an arm: by seed, at the threshold that validation chose


class Interval(NamedTuple):
    """What holds the true difference, 95 times in 100."""

    low: float
    high: float


@dataclass(frozen=True, eq=False)
class Arm:
    """Scores of an arm.

    Args:
        name: Of the arm.
        seeds: Those that ran, ascending: S of them.
        scores: (S, ), 0 to 1.
        precisions: (S, ), 0 to 1.
        recalls: (S, ), 0 to 1.
        thresholds: (S, ) what validation chose.
    """

    name: str
    seeds: tuple[int, ...]
    scores: np.ndarray
    precisions: np.ndarray
    recalls: np.ndarray
    thresholds: np.ndarray

    @property
    def mean(self) -> float:
        """Of the scores."""
        return float(self.scores.mean())

    @property
    def sd(self) -> float:
        """Of the scores, ``n - 1`` in its denominator; NaN of a single seed."""
        return _sd(self.scores)


@dataclass(frozen=True, eq=False)
class Difference:
    """What an arm has more than another one, seed by seed.

    Args:
        arm: Name of the one.
        reference: Name of the other.
        seeds: That both ran, ascending: S of them.
        values: (S, ) score of the arm minus that of the reference.
        by_seeds: Interval of a paired t test; None of a single seed.
        p: Of that test, two-sided; None of a single seed.
        by_images: Interval of the bootstrap over images and seeds.
        smallest: The smallest difference that would matter.
    """

    arm: str
    reference: str
    seeds: tuple[int, ...]
    values: np.ndarray
    by_seeds: Interval | None
    p: float | None
    by_images: Interval
    smallest: float = SMALLEST

    @property
    def mean(self) -> float:
        """Over seeds."""
        return float(self.values.mean())

    @property
    def sd(self) -> float:
        """Over seeds, ``n - 1`` in its denominator; NaN of a single seed."""
        return _sd(self.values)

    @property
    def interval(self) -> Interval:
        """What covers both intervals."""
        both = [self.by_images, self.by_seeds or self.by_images]
        return Interval(min(one.low for one in both), max(one.high for one in both))

    @property
    def verdict(self) -> Verdict:
        """'gain' or 'loss' where the interval is clear of zero.

        Otherwise 'no gain' if nothing in it would matter, else 'undecided', as a single seed
        always is.
        """
        low, high = self.interval
        if len(self.seeds) < 2:
            return 'undecided'
        if low > 0 or high < 0:
            return 'gain' if low > 0 else 'loss'
        return 'no gain' if high < self.smallest else 'undecided'

    def seeds_needed(self, difference: float | None = None) -> int | None:
        """See :func:`seeds_needed`; None of a single seed.

        Args:
            difference: To be shown [default: the one that was seen].
        """
        if len(self.seeds) < 2:
            return None
        return seeds_needed(self.mean if difference is None else difference, self.sd)


@dataclass(frozen=True, eq=False)
class Report:
    """All arms of a table.

    Args:
        protocol: What is scored: 'detection' or 'words'.
        reference: Name of the arm that others are compared with.
        images: How many were tested.
        gts: Ground truths in them.
        arms: Those with runs, in the order of the table.
        differences: Of all others against the reference, where they share a seed.
        groups: The same of each kind of images.
    """

    protocol: str
    reference: str
    images: int
    gts: int
    arms: Sequence[Arm]
    differences: Sequence[Difference]
    groups: Mapping[str, Report]


def compare(arms: Mapping[str, Runs], reference: str, protocol: str,
            smallest: float = SMALLEST) -> Report:
    """Compare all arms with one of them.

    Args:
        arms: By name, their runs by seed, counted at one threshold each
            (``counts_test.at(best_threshold(counts_val, protocol))``). An arm may lack seeds.
        reference: Which of them.
        protocol: See :func:`~mmocr_kd.measure.counts.score`.
        smallest: The smallest difference that would matter, > 0.

    Returns:
        The same for the same runs, whatever the order of seeds and images.

    Raises:
        ValueError: If there is no such arm or protocol, no run at all, runs with several
            thresholds or of unlike images, or if ``smallest`` is not positive.
    """
    if reference not in arms:
        raise ValueError(f'reference={reference!r} must be one of the arms: {", ".join(arms)}')
    if not smallest > 0:
        raise ValueError(f'smallest={smallest} must be above 0')
    ran = {name: {seed: runs[seed] for seed in sorted(runs)} for name, runs in arms.items() if runs}
    one = _check(ran)
    groups = [] if one.groups is None else sorted(set(one.groups.tolist()))
    return Report(
        protocol, reference, len(one.names), int(one.gts.sum()),
        [_arm(name, runs, protocol) for name, runs in ran.items()],
        [difference(ran, name, reference, protocol, smallest) for name in ran if
         name != reference and ran[name].keys() & ran.get(reference, {}).keys()],
        {group: compare(_part(ran, group), reference, protocol, smallest) for group in groups
         if reference in ran})


def difference(arms: Mapping[str, Runs], arm: str, reference: str, protocol: str,
               smallest: float = SMALLEST) -> Difference:
    """Compare two arms by the seeds that both ran.

    The bootstrap draws images, the same for both arms and all seeds, and pairs of runs: one less
    than there are, which makes its variance that of the mean over seeds without bias (McCarthy
    and Snowden 1985).

    Args:
        arms: See :func:`compare`.
        arm: The one.
        reference: The other.
        protocol: See :func:`~mmocr_kd.measure.counts.score`.
        smallest: The smallest difference that would matter.
    """
    seeds = tuple(sorted(arms[arm].keys() & arms[reference].keys()))
    counts = np.stack([[arms[name][seed].stacked()[:, 0] for seed in seeds]
                       for name in (arm, reference)])  # (2, S, M, 3)
    ours, theirs = score(counts.sum(2), protocol)
    by_seeds, p = _t_test(ours, theirs)
    return Difference(arm, reference, seeds, ours - theirs, by_seeds, p,
                      _bootstrap(counts, protocol), smallest)


def seeds_needed(difference: float, sd: float) -> int | None:
    """Pairs of runs of which four in five tables would show a difference, by a paired t test.

    Args:
        difference: The true one.
        sd: Standard deviation of differences over seeds, >= 0.

    Returns:
        Their number, 2 or more; None if it is above 1,000.
    """
    from scipy import stats
    if not difference:
        return None
    pairs = np.arange(2, MOST_SEEDS + 1)
    effect = min(abs(difference) / max(sd, 1e-9), 100.)
    critical = stats.t.ppf((1 + LEVEL) / 2, pairs - 1)
    power = stats.nct.sf(critical, pairs - 1, effect * np.sqrt(pairs))
    enough = pairs[power >= POWER]
    return int(enough[0]) if len(enough) else None


def _t_test(ours: np.ndarray, theirs: np.ndarray) -> tuple[Interval | None, float | None]:
    from scipy import stats
    if len(ours) < 2:
        return None, None
    mean = float((ours - theirs).mean())
    if np.ptp(ours - theirs) < 1e-9:  # which a t test does not like
        return Interval(mean, mean), float(abs(mean) < 1e-9)
    test = stats.ttest_rel(ours, theirs)
    return Interval(*map(float, test.confidence_interval(LEVEL))), float(test.pvalue)


def _bootstrap(counts: np.ndarray, protocol: str) -> Interval:
    """Percentiles. Images that are alike in all runs are drawn as one, with its multiplicity."""
    arms, seeds, images, _ = counts.shape
    kinds, many = np.unique(counts.transpose(2, 0, 1, 3).reshape(images, -1), axis=0,
                            return_counts=True)
    generator, drawn = np.random.default_rng(0), max(seeds - 1, 1)
    weights = generator.multinomial(drawn, np.full(seeds, 1 / seeds), REPLICATES) / drawn
    means = []
    for part in np.array_split(weights, math.ceil(REPLICATES * len(kinds) / 2**22)):
        picked = generator.multinomial(images, many / images, len(part)).astype(float)
        scores = score((picked @ kinds).reshape(-1, arms, seeds, 3), protocol)
        means.append(((scores[:, 0] - scores[:, 1]) * part).sum(1))
    tail = (1 - LEVEL) / 2
    return Interval(*np.quantile(np.concatenate(means), [tail, 1 - tail]).tolist())


def _arm(name: str, runs: Runs, protocol: str) -> Arm:
    sums = np.stack([counts.stacked()[:, 0].sum(0) for counts in runs.values()])
    hits, preds, gts = sums.T
    return Arm(name, tuple(runs), score(sums, protocol), share(hits, preds), share(hits, gts),
               np.array([counts.thresholds[0] for counts in runs.values()]))


def _part(arms: Mapping[str, Runs], group: str) -> dict[str, dict[int, Counts]]:
    return {name: {seed: replace(counts.part(np.flatnonzero(np.array(counts.groups) == group)),
                                 groups=None)
                   for seed, counts in runs.items()} for name, runs in arms.items()}


def _check(arms: Mapping[str, Runs]) -> Counts:
    """All runs have one threshold and the same images, which are returned with the first one."""
    runs = [(f'{name}/{seed}', counts) for name, by_seed in arms.items()
            for seed, counts in by_seed.items()]
    if not runs:
        raise ValueError('there is no run to compare')
    first, expected = runs[0]
    for name, counts in runs:
        if len(counts.thresholds) != 1:
            raise ValueError(f'{name} is counted at {len(counts.thresholds)} thresholds: choose '
                             'one by the validation split')
        for field in ('names', 'gts', 'groups'):
            if not np.array_equal(getattr(counts, field), getattr(expected, field)):
                raise ValueError(f'{name} and {first} were not scored on the same images in the '
                                 f'same order: their {field} differ')
    return expected


def _sd(values: np.ndarray) -> float:
    return float(values.std(ddof=1)) if len(values) > 1 else math.nan
