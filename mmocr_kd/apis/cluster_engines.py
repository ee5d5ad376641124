"""Engines that send the processes of a comparison to other machines: Ray, Slurm.

All machines see the same files at the same paths, Python's own and the folder of the command
among them. Which run is at work there, how it resumes and that no two processes train it at once
is the job's own business, as on one machine.
"""
from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any, Sequence

from . import launch
from .engines import Engine, Job

LOST = -signal.SIGKILL  # status of a job whose machine or worker is gone


class ClusterEngine(Engine):
    """What Ray and Slurm have in common: each process of a job is given its share.

    Args:
        jobs: How many run or wait there at a time, >= 1.
        cpus: For each process that a job computes with, >= 1.
        gpus: Likewise, >= 0.

    Raises:
        ValueError: If a number is too small.
    """

    interval = 1.

    def __init__(self, jobs: int = 2, cpus: int = 1, gpus: int = 0) -> None:
        super().__init__(jobs)
        if cpus < 1 or gpus < 0:
            raise ValueError(f'cpus={cpus} must be at least 1, gpus={gpus} at least 0')
        self.cpus, self.gpus = cpus, gpus

    def lost(self, job: Job, why: object) -> int:
        """Note in the log why nothing is known of a job's end.

        Args:
            job: Which.
            why: What the library says.

        Returns:
            The status of such a job.
        """
        with job.log.open('a') as log:
            log.write(f'lost: {why}\n')
        return LOST


class RayEngine(ClusterEngine):
    """Runs jobs as tasks of a Ray cluster: of ``RAY_ADDRESS``, of this machine, or a new one here.

    On machines with GPUs ask for them: jobs that do not all see the same ones, or none.

    Args:
        jobs, cpus, gpus: See :class:`ClusterEngine`.
        options: Of ``ray.init``, such as ``address``.

    Raises:
        ImportError: If Ray is not installed.
        RuntimeError: If it does not start, or there is no cluster at the address.
    """

    def __init__(self, jobs: int = 2, cpus: int = 1, gpus: int = 0, **options: Any) -> None:
        super().__init__(jobs, cpus, gpus)
        try:
            import ray
        except ImportError as error:
            raise ImportError("jobs are sent to Ray by itself: pip install 'mmocr_kd[ray]'") \
                from error
        try:
            ray.init(**{'log_to_driver': False, 'logging_level': 'warning',
                        'ignore_reinit_error': True, **options})
        except Exception as error:  # Ray's own may be of any kind
            raise RuntimeError(f'Ray does not start, or there is no cluster: {error}') from error
        # By reference, from the standard library: workers need not import this package.
        self._call = ray.remote(max_retries=0)(subprocess.call)

    def start(self, job: Job, place: int) -> Any:
        """See :class:`Engine`."""
        call = self._call.options(name=job.name, num_cpus=self.cpus * job.processes,
                                  num_gpus=self.gpus * job.processes)
        return call.remote(_launched(job))

    def status(self, job: Job, started: Any) -> int | None:
        """See :class:`Engine`."""
        import ray
        if not ray.wait([started], timeout=0)[0]:
            return None
        try:
            return int(ray.get(started))
        except ray.exceptions.RayError as error:
            return self.lost(job, error)

    def stop(self, started: Sequence[Any]) -> None:
        """End the workers; what they started ends with them."""
        import ray
        for one in started:
            ray.cancel(one, force=True)
        if started:
            ray.wait(list(started), num_returns=len(started), timeout=60)


class SlurmEngine(ClusterEngine):
    """Submits jobs to Slurm, through submitit.

    Args:
        jobs, cpus, gpus: See :class:`ClusterEngine`.
        cluster: An executor of submitit.
        options: Parameters of its ``AutoExecutor``, such as ``timeout_min=600`` (a day, if it is
            not given) or ``slurm_partition='gpu'``.

    Raises:
        ImportError: If submitit is not installed.
        ValueError: When a job is started, if submitit knows no such option, or no such value.
        RuntimeError: Likewise, if there is no Slurm on this machine.
    """

    def __init__(self, jobs: int = 2, cpus: int = 1, gpus: int = 0, cluster: str = 'slurm',
                 **options: Any) -> None:
        super().__init__(jobs, cpus, gpus)
        try:
            # Else it sets logging up when it is imported, which closes everybody's log files.
            os.environ.setdefault('SUBMITIT_LOG_LEVEL', 'NOCONFIG')
            import submitit
        except ImportError as error:
            raise ImportError("jobs are sent to Slurm by submitit: pip install "
                              "'mmocr_kd[slurm]'") from error
        self._executor, self._cluster = submitit.AutoExecutor, cluster
        self._options = {'timeout_min': 24 * 60, **options}

    def start(self, job: Job, place: int) -> Any:
        """See :class:`Engine`."""
        executor = self._executor(job.log.parent / 'submitit', self._cluster)
        wanted = dict(name=job.name.replace('/', '-'), tasks_per_node=1,
                      cpus_per_task=self.cpus * job.processes,
                      gpus_per_node=self.gpus * job.processes)
        try:
            executor.update_parameters(**{**wanted, **self._options})
        except (NameError, AssertionError) as error:
            raise ValueError(f'options of Slurm: {error}') from error
        return executor.submit(subprocess.call, _launched(job))

    def status(self, job: Job, started: Any) -> int | None:
        """See :class:`Engine`."""
        if not started.done():
            return None
        error = started.exception()
        return int(started.result()) if error is None else self.lost(job, error)

    def stop(self, started: Sequence[Any]) -> None:
        """Cancel them; Slurm sees to it."""
        for one in started:
            one.cancel(check=False)


def _launched(job: Job) -> list[str]:
    """The command that becomes the job, wherever it runs."""
    what = dict(argv=[str(part) for part in job.argv], cwd=os.getcwd(), env=dict(job.env),
                log=str(job.log.resolve()))
    return [sys.executable, str(Path(launch.__file__).resolve()), json.dumps(what)]
