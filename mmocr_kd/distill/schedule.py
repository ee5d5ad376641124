"""How much distillation counts, over the course of a training."""
from __future__ import annotations

from dataclasses import dataclass

from .progress import Progress, training_progress, uncompiled


@dataclass(frozen=True)
class Schedule:
    """Weight in [0, 1] as a function of training progress.

    The weight is computed from the runner's counters alone, so it is right after resuming. Hooks
    call :meth:`weight` with them, models, which see no runner, :meth:`weight_now`.
    The MaskET paper shows no schedule; the default, a constant 1, is our reading of that.

    Args:
        by_epoch: Count in epochs (True) or iterations (False); all other fields use this unit.
        start: First epoch or iteration with distillation, >= 0.
        stop: First one without it again; None means never.
        warmup: Length of the linear rise from ``1 / warmup`` to 1, from ``start`` on.
        decay: Length of the linear fall from 1 to ``1 / decay``, up to ``stop``.

    Raises:
        ValueError: If the fields are negative or contradict each other.
    """

    by_epoch: bool = True
    start: int = 0
    stop: int | None = None
    warmup: int = 0
    decay: int = 0

    def __post_init__(self) -> None:
        for name in ('start', 'warmup', 'decay'):
            if getattr(self, name) < 0:
                raise ValueError(f'{name}={getattr(self, name)} must not be negative')
        if self.stop is not None and self.stop <= self.start:
            raise ValueError(f'stop={self.stop} must come after start={self.start}')
        if self.decay and self.stop is None:
            raise ValueError(f'decay={self.decay} needs "stop", the point where it ends')

    def weight(self, epoch: int, iteration: int) -> float:
        """Weight at a point of the training.

        Args:
            epoch: Finished epochs, ``runner.epoch``.
            iteration: Finished iterations, ``runner.iter``.

        Returns:
            0 when no distillation is due (the teacher need not run), else a value in (0, 1].
        """
        now = epoch if self.by_epoch else iteration
        if now < self.start or (self.stop is not None and now >= self.stop):
            return 0.0
        rise = (now - self.start + 1) / self.warmup if self.warmup else 1.0
        fall = (self.stop - now) / self.decay if self.decay and self.stop is not None else 1.0
        return min(1.0, rise, fall)

    @uncompiled  # it reads what changes from step to step
    def weight_now(self, progress: Progress | None = None) -> float:
        """Weight at the point where the running training is.

        Args:
            progress: That point, from who knows its runner; by default what the running training
                says of itself.

        Raises:
            RuntimeError: If the weight changes and no runner trains.
            ValueError: If it changes with the epoch, in a loop that counts iterations.
        """
        if not self.changes:
            return 1.0
        if progress is not None:
            return self.weight(progress.epoch, progress.iteration)
        now = training_progress()
        if now is None:
            raise RuntimeError(f'{self} asks how far training is, and no Runner of MMEngine is '
                               'training: without one, leave the schedule out')
        if self.needs_epochs and now.max_epochs == 1:
            raise ValueError(f'schedule={self} counts epochs, but this training has one alone, as '
                             'IterBasedTrainLoop always has: set by_epoch=False')
        return self.weight(now.epoch, now.iteration)

    @property
    def changes(self) -> bool:
        """Whether the weight is not always 1."""
        return bool(self.start or self.stop is not None or self.warmup)

    @property
    def needs_epochs(self) -> bool:
        """Whether the weight changes with the epoch (iteration-based loops do not count any)."""
        return self.by_epoch and self.changes
