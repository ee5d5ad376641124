"""Scored runs as rows of a CSV file."""
from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any, Iterable

from ...measure.counts import Counts, score
from ...store import write_whole
from .pairing import digests
from .run import Run
from .scoring import about_file
from .table import Table

COLUMNS = ('table', 'arm', 'seed', 'split', 'threshold', 'score', 'precision', 'recall', 'hits',
           'preds', 'gts', 'steps', 'train_seconds', 'start_digest', 'images_digest', 'date',
           'after_opening')


def row(table: Table, run: Run, split: str, counts: Counts, late: bool) -> dict[str, Any]:
    """What is told of a run.

    Args:
        table: What it belongs to.
        run: Which.
        split: What was scored, 'val' or 'test'.
        counts: Of that, at the threshold that validation chose.
        late: Whether it was added after the test data had been opened.

    Returns:
        A value for each of :data:`COLUMNS`.
    """
    sums = counts.stacked().sum((0, 1))
    hits, preds, gts = (int(number) for number in sums)
    (start, images), seconds = digests(run.folder), run.train_seconds()
    return {
        'table': table.name, 'arm': run.arm.name, 'seed': run.seed, 'split': split,
        'threshold': f'{counts.thresholds[0]:.2f}',
        'score': f'{float(score(sums, table.protocol)):.4f}',
        'precision': f'{hits / max(preds, 1):.4f}', 'recall': f'{hits / max(gts, 1):.4f}',
        'hits': hits, 'preds': preds, 'gts': gts, 'steps': run.steps,
        'train_seconds': '' if seconds is None else round(seconds),
        'start_digest': start, 'images_digest': images,
        'date': json.loads(about_file(run.folder, split).read_text())['date'],
        'after_opening': int(late) if split == 'test' else ''}


def write_rows(path: str | Path, rows: Iterable[dict[str, Any]]) -> None:
    """Write a CSV file, as a whole or not at all.

    Args:
        path: Of the file.
        rows: What :func:`row` returns.
    """
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator='\n')
    writer.writeheader()
    writer.writerows(rows)
    write_whole(Path(path), text.getvalue().encode())
