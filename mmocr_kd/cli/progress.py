"""How far a verb is, and when it will be done."""
from __future__ import annotations

from typing import Iterable, Iterator, TypeVar

Item = TypeVar('Item')


def with_progress(items: Iterable[Item], total: int, what: str) -> Iterator[Item]:
    """Show a bar while items come.

    Args:
        items: What is done, one after the other.
        total: How many there are.
        what: What they are called.
    """
    from rich.progress import (  # takes a while, which --help shall not
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )
    with Progress(TextColumn('{task.description}'), BarColumn(), MofNCompleteColumn(),
                  TimeElapsedColumn(), TimeRemainingColumn()) as progress:
        yield from progress.track(items, total, description=what)
