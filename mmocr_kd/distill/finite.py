"""Refusing what a teacher gives if it holds NaN or Inf, without waiting for the device."""
from __future__ import annotations

from typing import Any, Mapping, Sequence

import torch
from torch import Tensor

from .errors import TeacherOutputError


class FiniteCheck:
    """Checks recordings of one training step.

    Asking a GPU "is this finite?" makes the host wait for all the work it has queued, and the GPU
    idle until the host has queued more. So the answer is asked for when a tensor is recorded,
    travels beside the work that follows, and is read by :meth:`settle` once the student's work is
    queued and before anything is learnt: the host waits for the teacher at most, the GPU never.
    On the CPU nothing is queued, and :meth:`watch` refuses at once (our choice).

        finite = FiniteCheck()                     # one for each step
        finite.watch('logits', logits, samples)    # after the teacher
        ...                                        # the student and the losses
        finite.settle()                            # before they are returned
    """

    def __init__(self) -> None:
        self._pending: list[tuple[str, _Flag, Sequence[Any]]] = []

    def watch(self, name: str, recording: Tensor, data_samples: Sequence[Any]) -> None:
        """Begin to check a recording.

        Args:
            name: What it is called, for the message.
            recording: Any shape, on any device.
            data_samples: The batch; the message names their ``img_path``.

        Raises:
            TeacherOutputError: If it holds NaN or Inf and lies on the CPU.
        """
        self._pending.append((name, _Flag(recording.isfinite().all()), data_samples))
        if recording.device.type == 'cpu':
            self.settle()

    def watch_all(self, recordings: Mapping[str, Any], data_samples: Sequence[Any]) -> None:
        """Begin to check the tensors among several; see :meth:`watch`."""
        for name, recording in recordings.items():
            if isinstance(recording, Tensor):
                self.watch(name, recording, data_samples)

    def settle(self) -> None:
        """Finish the checks.

        Raises:
            TeacherOutputError: If a watched recording holds NaN or Inf.
        """
        pending, self._pending = self._pending, []
        for name, finite, data_samples in pending:
            if not finite.read():
                paths = [getattr(sample, 'img_path', '?') for sample in data_samples]
                raise TeacherOutputError(
                    f'the teacher gave NaN or Inf for {name!r} on the batch {paths}: check its '
                    'checkpoint, its precision (AMP) and these images')


class _Flag:
    """One bool on its way to the host."""

    def __init__(self, value: Tensor) -> None:
        self._value, self._arrived = value, None
        if value.is_cuda:
            # Pinned memory: into any other, the copy itself would make the host wait.
            self._value = torch.empty((), dtype=torch.bool, pin_memory=True)
            self._value.copy_(value, non_blocking=True)
            self._arrived = torch.cuda.Event()
            self._arrived.record(torch.cuda.current_stream(value.device))

    def read(self) -> bool:
        if self._arrived is not None:
            self._arrived.synchronize()
        return bool(self._value)
