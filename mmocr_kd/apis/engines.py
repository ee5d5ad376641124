"""Where the processes of a comparison run: on this machine, or wherever an engine sends them."""
from __future__ import annotations

import os
import shlex
import subprocess
import time
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Callable, Iterator, Mapping, Sequence


@dataclass(frozen=True)
class Job:
    """A process that is to run once.

    It may be run again after it failed or was killed: it goes on where it was. It starts in the
    folder that the command was started in, since its paths may be relative.

    Args:
        name: Such as 'masket/3'; unique among the jobs of one call.
        argv: Program and arguments.
        log: File that what it prints is appended to; its folder exists.
        env: Variables beside those of the environment it runs in.
        processes: How many processes it starts that compute, each on a GPU of its own, if any.
    """

    name: str
    argv: Sequence[str]
    log: Path
    env: Mapping[str, str] = field(default_factory=dict)
    processes: int = 1


class Engine:
    """Runs jobs, some at a time; a subclass says how one is started, asked after and stopped.

    An engine neither repeats a job nor looks into it: :func:`run_jobs` tries again what failed,
    and a job itself waits while another process is at the same run.

    Args:
        jobs: How many run at a time, >= 1.

    Raises:
        ValueError: If ``jobs`` is not positive.
    """

    interval = .05  # seconds between two looks at what runs

    def __init__(self, jobs: int = 2) -> None:
        if jobs < 1:
            raise ValueError(f'jobs={jobs} must be at least 1')
        self.jobs = jobs

    def run(self, jobs: Sequence[Job]) -> Iterator[tuple[str, int]]:
        """Run all jobs, in this order as far as that is possible.

        Closing the iterator stops those that run. A job whose machine was lost has failed.

        Args:
            jobs: Which; none is fine.

        Yields:
            Name of a job and its exit status, 0 if it succeeded, as soon as it ends. A negative
            status is the signal that killed it.
        """
        waiting, running = deque(jobs), dict[int, tuple[Job, Any]]()
        try:
            while waiting or running:
                for place in range(self.jobs):
                    if place not in running and waiting:
                        job = waiting.popleft()
                        running[place] = job, self.start(job, place)
                for place, (job, started) in list(running.items()):
                    status = self.status(job, started)
                    if status is not None:
                        del running[place]
                        yield job.name, status
                time.sleep(self.interval)
        finally:
            self.stop([started for _, started in running.values()])

    def start(self, job: Job, place: int) -> Any:
        """Start a job.

        Args:
            job: Which.
            place: Number of the place that it takes among those that run at a time.

        Returns:
            What the engine knows it by.
        """
        raise NotImplementedError

    def status(self, job: Job, started: Any) -> int | None:
        """The exit status of a job; None while it runs.

        Args:
            job: Which.
            started: What :meth:`start` returned.
        """
        raise NotImplementedError

    def stop(self, started: Sequence[Any]) -> None:
        """Stop jobs, and wait until they are.

        Args:
            started: What :meth:`start` returned of each.
        """
        raise NotImplementedError


class LocalEngine(Engine):
    """Runs jobs as processes of this machine.

    Where it has several GPUs, jobs take turns with them. See :class:`Engine` for the argument.
    """

    def start(self, job: Job, place: int) -> subprocess.Popen[bytes]:
        """See :class:`Engine`."""
        env = {**os.environ, **_gpus_of(place, job.processes), **job.env}
        with job.log.open('ab') as log:
            log.write(f'$ {shlex.join(job.argv)}\n'.encode())
            log.flush()
            return subprocess.Popen(job.argv, env=env, stdin=subprocess.DEVNULL, stdout=log,
                                    stderr=subprocess.STDOUT)

    def status(self, job: Job, started: subprocess.Popen[bytes]) -> int | None:
        """See :class:`Engine`."""
        return started.poll()

    def stop(self, started: Sequence[subprocess.Popen[bytes]]) -> None:
        """Ask them to end, and wait until they did."""
        for process in started:
            process.terminate()
        for process in started:
            try:
                process.wait(60)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def run_jobs(engine: Engine, jobs: Sequence[Job],
             prepare: Callable[[str], None] = lambda name: None) -> Iterator[tuple[str, int]]:
    """Run jobs; those that fail once more, when all others are done.

    Args:
        engine: Where.
        jobs: Which.
        prepare: What is done before, given the name of a job.

    Yields:
        Name and exit status of each job, once.
    """
    failed = set()
    for job in jobs:
        prepare(job.name)
    for name, status in engine.run(jobs):
        if status:
            failed.add(name)
        else:
            yield name, status
    again = [job for job in jobs if job.name in failed]
    for job in again:
        prepare(job.name)
    yield from engine.run(again)


def _gpus_of(place: int, number: int) -> dict[str, str]:
    """Variables that give a job GPUs of its own, as far as there are enough."""
    import torch
    there = torch.cuda.device_count()
    if there < 2 or 'CUDA_VISIBLE_DEVICES' in os.environ:
        return {}
    return {'CUDA_VISIBLE_DEVICES': ','.join(str((place * number + index) % there)
                                             for index in range(number))}
