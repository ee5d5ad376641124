"""What a training wrote about itself while it ran: MMEngine's scalars.json."""
from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Iterator

_NO_SCORES = {'data_time', 'time', 'step', 'epoch', 'iter', 'memory'}

Curve = dict[int, float]  # step of the training -> value


@dataclass
class Curves:
    """All that was logged, by name.

    Args:
        losses: Of the total and its parts, ``loss`` and ``loss_*``.
        weights: Of distillation terms, ``weight_*``.
        rates: The learning rates, and other numbers of training steps.
        scores: Of the validation data.
        seconds: Of a training step.
    """

    losses: dict[str, Curve] = field(default_factory=dict)
    weights: dict[str, Curve] = field(default_factory=dict)
    rates: dict[str, Curve] = field(default_factory=dict)
    scores: dict[str, Curve] = field(default_factory=dict)
    seconds: Curve = field(default_factory=dict)

    def train_seconds(self) -> float:
        """Time of all training steps; steps between two lines took what the later one says."""
        steps = sorted(self.seconds)
        return sum(self.seconds[step] * (step - before)
                   for before, step in zip([0, *steps], steps))


def read_curves(work_dir: str | Path) -> Curves:
    """Read a training, also one that was stopped and resumed: what was trained again counts.

    Args:
        work_dir: As MMEngine's runner left it; of several trainings in it the last one is read.

    Raises:
        FileNotFoundError: If no training was logged there.
        ValueError: If a line in the middle of a file cannot be read; the last may be cut off.
    """
    parts = [list(_lines(file)) for file in sorted(Path(work_dir).glob('*/vis_data/scalars.json'))]
    lines = [line for part in _last_training(parts) for line in part]
    if not any(_is_training(line) for line in lines):
        raise FileNotFoundError(f'{str(work_dir)!r} has no */vis_data/scalars.json with training '
                                'steps: give the folder of a training, its --work-dir')
    curves, epochs = Curves(), _last_steps(lines)
    for line in lines:
        if _is_training(line):
            _add_training(curves, line)
        else:
            _add_scores(curves, line, epochs)
    return curves


def _last_training(parts: list[list[dict[str, Any]]]) -> list[list[dict[str, Any]]]:
    """From the last part on that starts where the first one does: it resumes nothing."""
    first = [next((_step(line) for line in part if _is_training(line)), None) for part in parts]
    begins = [place for place, step in enumerate(first)
              if step is not None and step <= min(s for s in first if s is not None)]
    return parts[begins[-1]:] if begins else parts


def _step(line: dict[str, Any]) -> int:
    return line['iter'] if 'iter' in line else line['step']


def _lines(file: Path) -> Iterator[dict[str, Any]]:
    texts = file.read_text(encoding='utf-8').splitlines()
    for number, text in enumerate(texts, 1):
        try:
            yield json.loads(text)
        except ValueError as error:
            if number < len(texts):
                raise ValueError(f'{str(file)!r}, line {number}, is no JSON: {error}') from error


def _is_training(line: dict[str, Any]) -> bool:
    return 'loss' in line


def _last_steps(lines: list[dict[str, Any]]) -> dict[int, int]:
    """Epoch -> its last logged step; empty for trainings that do not count epochs."""
    last: dict[int, int] = {}
    for line in lines:
        if _is_training(line) and 'epoch' in line:
            last[line['epoch']] = max(line['iter'], last.get(line['epoch'], 0))
    return last


def _add_training(curves: Curves, line: dict[str, Any]) -> None:
    step = _step(line)
    for name, value in _numbers(line):
        last = name.rpartition('.')[2]  # terms of several hooks have a prefix
        kind = (curves.losses if last.startswith('loss') else
                curves.weights if last.startswith('weight') else curves.rates)
        kind.setdefault(name, {})[step] = value
    if 'time' in line:
        curves.seconds[step] = line['time']


def _add_scores(curves: Curves, line: dict[str, Any], epochs: dict[int, int]) -> None:
    """MMEngine tells the epoch in the place of the step, where it counts epochs."""
    step = epochs.get(line['step'], line['step'])
    for name, value in _numbers(line):
        curves.scores.setdefault(name, {})[step] = value


def _numbers(line: dict[str, Any]) -> Iterator[tuple[str, float]]:
    for name, value in line.items():
        if name not in _NO_SCORES and isinstance(value, (int, float)):
            yield name, float(value)
