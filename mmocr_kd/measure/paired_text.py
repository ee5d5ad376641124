"""A comparison of arms in words and tables to paste."""
from __future__ import annotations

from typing import Iterator

from .paired import Arm, Difference, Interval, Report
from .scale_text import table

SCORES = {'detection': 'hmean', 'words': 'word accuracy'}
_HEADER = ['arm', 'seeds', 'score', 'precision', 'recall', 'difference', '95 % (seeds)',
           '95 % (images and seeds)', 'p', 'by seed']


def report_text(report: Report) -> str:
    """All of it, Markdown.

    Args:
        report: The numbers.
    """
    by_arm = {found.arm: found for found in report.differences}
    rows = [[*_scores(arm), *_difference(by_arm.get(arm.name))] for arm in report.arms]
    verdicts = '\n'.join(f'- {verdict(found)}' for found in report.differences)
    return '\n\n'.join(filter(None, [
        _head(report), table(_HEADER, rows), verdicts, *_groups(report)]))


def verdict(found: Difference) -> str:
    """What was found of an arm, in a sentence or two.

    Args:
        found: Its difference.
    """
    count = len(found.seeds)
    seen = (f'{found.mean:+.3f} against {found.reference} ({_interval(found.interval)}, '
            f'{count} paired seed{"s" * (count > 1)})')
    return f'**{found.arm}: {found.verdict}.** {seen}{_meaning(found)}.'


def _meaning(found: Difference) -> str:
    """What follows from a verdict."""
    smallest = f'{found.smallest:.3f}'
    if found.verdict == 'no gain':
        return f': if there is a gain, it is below {smallest}'
    if found.verdict == 'gain' and found.interval.low < found.smallest:
        return f'; whether it reaches {smallest} is open'
    if len(found.seeds) < 2:
        return '. One seed says nothing about luck of training: run more'
    return _what_it_takes(found) if found.verdict == 'undecided' else ''


def _what_it_takes(found: Difference) -> str:
    takes = ' and '.join(f'{size:+.3f} takes {_seeds(found.seeds_needed(size))}'
                         for size in dict.fromkeys([found.mean, found.smallest]))
    # Many seeds make the t interval narrow, but not that of other images.
    return (f'. To show a true difference four times in five, {takes}' + (
        '; more test images would help more' if _images_limit(found) else ''))


def _images_limit(found: Difference) -> bool:
    seeds, images = found.by_seeds, found.by_images
    return seeds is not None and images.high - images.low > 1.5 * (seeds.high - seeds.low)


def _head(report: Report) -> str:
    return (f'{SCORES[report.protocol].capitalize()} of {report.images} images with {report.gts} '
            'words, at thresholds chosen on validation; differences against '
            f"'{report.reference}', seed by seed.")


def _scores(arm: Arm) -> list[str]:
    spread = f' ± {arm.sd:.3f}' if len(arm.seeds) > 1 else ''
    return [arm.name, str(len(arm.seeds)), f'{arm.mean:.3f}{spread}',
            f'{arm.precisions.mean():.3f}', f'{arm.recalls.mean():.3f}']


def _difference(found: Difference | None) -> list[str]:
    if found is None:
        return ['-'] * 5
    tested = ['-', '-'] if found.by_seeds is None or found.p is None else [
        _interval(found.by_seeds), f'{found.p:.2g}']
    return [f'{found.mean:+.3f}', tested[0], _interval(found.by_images), tested[1],
            ' '.join(f'{value:+.3f}' for value in found.values)]


def _groups(report: Report) -> Iterator[str]:
    """Means of each kind of images, and the differences with what covers both intervals."""
    if not report.groups:
        return
    arms, others = report.arms, report.differences
    rows = [[name, group.gts, *(f'{arm.mean:.3f}' for arm in group.arms),
             *(f'{found.mean:+.3f} ({_interval(found.interval)})' for found in group.differences)]
            for name, group in report.groups.items()]
    yield table(['group', 'words', *(arm.name for arm in arms),
                 *(f'{found.arm} - {found.reference}' for found in others)], rows)


def _interval(interval: Interval) -> str:
    return f'{interval.low:+.3f} to {interval.high:+.3f}'


def _seeds(number: int | None) -> str:
    return f'{number} seeds' if number else 'more than 1,000 seeds'
