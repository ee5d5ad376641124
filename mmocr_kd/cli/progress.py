"""How far a verb is, and when it will be done."""
from __future__ import annotations

import os
import sys
import threading
import time
from contextlib import contextmanager
from typing import Any, Callable, Iterable, Iterator, TextIO, TypeVar

Item = TypeVar('Item')
Tell = Callable[[int], None]
EVERY = 5.  # seconds between lines where there is no terminal


def with_progress(items: Iterable[Item], total: int, what: str) -> Iterator[Item]:
    """Show a bar while items come.

    Args:
        items: What is done, one after the other.
        total: How many there are.
        what: What they are called.
    """
    with _bars() as progress:
        task = progress.add_task(what, total=total)
        # Not progress.track: a loop that an error ends would leave its thread waiting.
        for item in items:
            yield item
            progress.advance(task)


class Told:
    """Tells a person lines, and how far phases are, whatever else is printed meanwhile.

    On a terminal a phase is a bar; elsewhere it is a line every :data:`EVERY` seconds.

    Args:
        file: Where to.
    """

    def __init__(self, file: TextIO | None = None) -> None:
        self.file = _kept(file or sys.stdout)

    def say(self, line: str) -> None:
        """Tell a line."""
        print(line, file=self.file, flush=True)

    @contextmanager
    def phase(self, name: str, total: int = 0) -> Iterator[Tell]:
        """Show a phase.

        Args:
            name: What it is called.
            total: How much there is to do; 0: it is not known.

        Yields:
            What is called with how much is done. What is done at the first call was, perhaps,
            done before, and says nothing about speed.
        """
        with (self._bar if self.file.isatty() else self._lines)(name, total) as tell:
            yield tell

    @contextmanager
    def _bar(self, name: str, total: int) -> Iterator[Tell]:
        with _bars(self.file) as progress:
            task = progress.add_task(name, total=total or None)

            def tell(done: int) -> None:
                if not progress.tasks[0].completed:
                    progress.reset(task, completed=done)
                progress.update(task, completed=done)

            yield tell

    @contextmanager
    def _lines(self, name: str, total: int) -> Iterator[Tell]:
        state, ended = _State(name, total), threading.Event()

        def repeat() -> None:
            while not ended.wait(EVERY):
                self.say(state.line())

        teller = threading.Thread(target=repeat, daemon=True)
        self.say(f'{name}: {total} to do' if total else f'{name} ...')
        teller.start()
        try:
            yield state.tell
        finally:
            ended.set()
            teller.join()
        self.say(f'{name}: done in {clock(state.elapsed)}')


def _kept(file: TextIO) -> TextIO:
    """It as it is now, wherever what others print is sent later."""
    try:
        number = os.dup(file.fileno())
    except (OSError, ValueError):  # in memory
        return file
    return open(number, 'w', buffering=1, encoding=file.encoding, errors=file.errors)


class _State:
    """How far a phase is."""

    def __init__(self, name: str, total: int) -> None:
        self.name, self.total = name, total
        self.begun = time.monotonic()
        self.told: list[tuple[int, float]] = []  # the first time, and the last

    @property
    def elapsed(self) -> float:
        return time.monotonic() - self.begun

    def tell(self, done: int) -> None:
        self.told = [*self.told[:1], (done, time.monotonic())]

    def line(self) -> str:
        if not self.total:
            return f'{self.name}: {clock(self.elapsed)}'
        done = self.told[-1][0] if self.told else 0
        return f'{self.name}: {done} of {self.total}, {clock(self.elapsed)}{self._to_go()}'

    def _to_go(self) -> str:
        if len(self.told) < 2 or self.told[1][0] == self.told[0][0]:
            return ''
        (first, since), (done, until) = self.told
        rest = (until - since) / (done - first) * (self.total - done) - (time.monotonic() - until)
        return f', {clock(max(0, rest))} to go'


def clock(seconds: float) -> str:
    """Minutes and seconds.

    Args:
        seconds: A duration.
    """
    return f'{int(seconds) // 60}:{int(seconds) % 60:02d}'


def _bars(file: TextIO | None = None) -> Any:
    from rich.console import Console  # takes a while, which --help shall not
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )
    return Progress(TextColumn('{task.description}'), BarColumn(), MofNCompleteColumn(),
                    TimeElapsedColumn(), TimeRemainingColumn(),
                    console=Console(file=file) if file else None)
