"""Whether runs of a seed had the same start and saw the same images."""
from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Iterable, Mapping

from ...distill import digest_of
from ..student import read_checkpoint, student_checkpoint
from .checkpoints import last_checkpoint
from .run import Run


@dataclass(frozen=True)
class Unpaired:
    """A run that did not have the luck of its seed.

    Args:
        run: Which.
        why: In words.
    """

    run: Run
    why: str

    def __str__(self) -> str:
        return f'arm {self.run.arm.name}, seed {self.run.seed}: {self.why}; not paired'


def unpaired(runs: Iterable[Run], reference: str) -> list[Unpaired]:
    """Find the runs that differ from the reference's of their seed.

    Args:
        runs: Finished ones.
        reference: Name of the arm that the others are compared with.

    Returns:
        Those that saw other images, unless their arm says so (``paired=False``), or started from
        other weights although their student has the same shapes.
    """
    runs = list(runs)
    first = {run.seed: run for run in runs if run.arm.name == reference}
    return [found for run in runs if run.seed in first and run is not first[run.seed]
            for found in [_compared(run, first[run.seed])] if found]


def digests(folder: Path) -> tuple[str, str]:
    """What is written down of a run: digests of its start weights, and of all images noted.

    Args:
        folder: Of the run.

    Returns:
        Both; '' where there is nothing.
    """
    noted = _noted(folder)
    if not noted:
        return '', ''
    return noted['start'] or '', digest_of(json.dumps(noted['steps'], sort_keys=True).encode())


def _compared(run: Run, first: Run) -> Unpaired | None:
    here, there = _noted(run.folder), _noted(first.folder)
    if not here or not there:
        return Unpaired(run, f'no pairing.json in {(run if not here else first).folder}')
    if here['start'] != there['start'] and _same_shapes(run, first):
        return Unpaired(run, 'other start weights')
    step = _first_difference(here['steps'], there['steps'])
    if step is None or not run.arm.paired:
        return None
    return Unpaired(run, f'other images from step {step} on')


def _first_difference(here: Mapping[str, str], there: Mapping[str, str]) -> int | None:
    """The first step at which both noted something, and not the same; 0 if they share none."""
    steps = sorted(here.keys() & there.keys(), key=int)
    if not steps:
        return 0
    return next((int(step) for step in steps if here[step] != there[step]), None)


def _same_shapes(run: Run, first: Run) -> bool:
    one, other = ({key: value.shape for key, value in _weights(part.folder).items()}
                  for part in (run, first))
    return one == other


def _weights(folder: Path) -> dict[str, Any]:
    found = last_checkpoint(folder)
    if found is None:
        return {}
    state: dict[str, Any] = student_checkpoint(read_checkpoint(found.path))['state_dict']
    return state


def _noted(folder: Path) -> dict[str, Any]:
    try:
        noted: dict[str, Any] = json.loads((folder / 'pairing.json').read_text())
    except (OSError, ValueError):
        return {}
    return noted
