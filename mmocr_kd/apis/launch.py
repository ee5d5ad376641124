"""Becomes the program of a job, on the machine that an engine chose: ``python launch.py JOB``.

JOB is JSON: argv, cwd, env, log. The program ends when the process does that started it here: a
worker that is killed leaves nothing behind. This file imports nothing of the package, whose
import takes seconds.
"""
import ctypes
import json
import os
import shlex
import signal
import sys

_END_WITH_PARENT = 1  # PR_SET_PDEATHSIG of prctl


def main() -> None:
    """Write to the log from here on, then become the program."""
    job = json.loads(sys.argv[1])
    os.chdir(job['cwd'])
    log = os.open(job['log'], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
    os.write(log, f'$ {shlex.join(job["argv"])}\n'.encode())
    for stream in (1, 2):
        os.dup2(log, stream)
    if sys.platform == 'linux':
        ctypes.CDLL(None).prctl(_END_WITH_PARENT, signal.SIGTERM)
    os.execvpe(job['argv'][0], job['argv'], {**os.environ, **job['env']})


if __name__ == '__main__':
    main()
