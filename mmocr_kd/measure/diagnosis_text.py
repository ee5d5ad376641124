"""A diagnosis in tables, for people and for files."""
from __future__ import annotations

import csv
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Iterator, Mapping, Sequence

import numpy as np

from .found_words import FoundWords, agreement, in_bins
from .pulls import Pull, spread
from .scale_text import table

EDGES = {'height': (8, 12, 16, 24, 32, 48, 64), 'length': (2, 4, 6, 8, 10, 12)}


@dataclass(frozen=True)
class Table:
    """Numbers with names.

    Attributes:
        title: What it shows.
        header: Names of the columns, that of the rows' names first.
        rows: Name -> numbers.
    """

    title: str
    header: Sequence[str]
    rows: Mapping[str, Sequence[float]]

    def __str__(self) -> str:
        """Markdown."""
        rows = [[name, *map(_shown, values)] for name, values in self.rows.items()]
        return f'{self.title}\n\n{table(self.header, rows)}'


def pull_table(checkpoint: str, found: Mapping[str, Sequence[Mapping[str, Pull]]]) -> Table:
    """Gradients at a checkpoint.

    Args:
        checkpoint: Its name.
        found: Loss -> part -> pull, of each batch; of at least one loss.
    """
    rows = {}
    for loss, batches in found.items():
        for part, (mean, deviation) in spread(batches).items():
            rows[f'{loss}, {part}'] = [mean.ratio, deviation.ratio, mean.cosine, deviation.cosine]
    number = max(len(batches) for batches in found.values())
    return Table(f"Gradients at {checkpoint}, relative to the task's, where both reach: mean and "
                 f'standard deviation of {number} batches',
                 ['loss, part', 'norm', 'sd', 'cosine', 'sd of cosine'], rows)


def threshold_table(models: Mapping[str, FoundWords]) -> Table:
    """Precision, recall and hmean at each threshold.

    Args:
        models: Name -> what it found.
    """
    header = [f'{column} {name}' for name in models for column in ('P', 'R', 'H')]
    thresholds = next(iter(models.values())).thresholds
    rows = {f'{threshold:g}': [float(values[place]) for one in models.values() for values in (
        one.precisions, one.recalls, one.hmeans)] for place, threshold in enumerate(thresholds)}
    return Table('Precision, recall and hmean by score threshold', ['threshold', *header], rows)


def size_table(size: str, models: Mapping[str, FoundWords]) -> Table:
    """Share of words found, by a size of theirs, each model at its best threshold.

    Args:
        size: Name of the size.
        models: Name -> what it found.
    """
    bins = in_bins(next(iter(models.values())).sizes[size], EDGES[size])
    rows = {name: [int(which.sum()), *(float(one.at_best[which].mean()) for one in models.values())]
            for name, which in bins.items()}
    return Table(f'Share of words found, by {size}', [size, 'words', *models], rows)


def agreement_table(student: tuple[str, FoundWords], teacher: tuple[str, FoundWords]) -> Table:
    """Who of two models found which words, by height, each at its best threshold.

    Args:
        student: Its name, and what it found.
        teacher: Likewise.
    """
    ours, theirs = student[1].at_best, teacher[1].at_best
    bins = in_bins(student[1].sizes['height'], EDGES['height'])
    rows = {name: list(agreement(ours[which], theirs[which]).values())
            for name, which in bins.items()}
    return Table(f'Words found by {student[0]} and by {teacher[0]}, by height',
                 ['height', *agreement(ours, theirs)], rows)


def bound(student: FoundWords, teacher: FoundWords) -> str:
    """What the student could learn of this teacher, at most.

    Args:
        student: What it found.
        teacher: Likewise.
    """
    both, kept, missed, none = agreement(student.at_best, teacher.at_best).values()
    words = both + kept + missed + none
    return (f'Of the words the student misses, the teacher finds {_share(missed, missed + none)}; '
            f'of those it finds, the teacher misses {_share(kept, both + kept)}. Recall: student '
            f'{_share(both + kept, words)}, teacher {_share(both + missed, words)}, with all that '
            f'either finds {_share(words - none, words)}. Hmean: {student.hmeans.max():.3f}, '
            f'teacher {teacher.hmeans.max():.3f}.')


def tables(pulls: Mapping[str, Any], students: Mapping[str, FoundWords],
           teachers: Mapping[str, FoundWords]) -> Iterator[Table]:
    """All of it; arguments as the attributes of :class:`~mmocr_kd.apis.diagnose.Diagnosis`."""
    for checkpoint, found in pulls.items():
        if found:
            yield pull_table(checkpoint, found)
    models = {**students, **teachers}
    if models:
        first = next(iter(models.values()))
        if len(first.thresholds) > 1:
            yield threshold_table(models)
        yield from (size_table(size, models) for size in first.sizes)
    yield from (agreement_table(ours, theirs) for ours in students.items()
                for theirs in teachers.items())


def write_csv(written: Sequence[Table], path: str | Path) -> None:
    """Write every number on a line of its own: table, row, column, value.

    Args:
        written: The tables.
        path: Of the file.

    Raises:
        OSError: If it cannot be written.
    """
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    with open(path, 'w', newline='') as file:
        writer = csv.writer(file)
        writer.writerow(['table', 'row', 'column', 'value'])
        for one in written:
            for name, values in one.rows.items():
                writer.writerows([one.title, name, column, f'{value:.6g}']
                                 for column, value in zip(one.header[1:], values))


def _shown(value: float) -> str:
    if isinstance(value, (int, np.integer)):
        return str(value)
    return '-' if math.isnan(value) else f'{value:.3f}'


def _share(part: int, whole: int) -> str:
    return f'{part / whole:.1%}' if whole else 'none'
