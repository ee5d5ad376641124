"""Runs a program while no other process does: ``python alone.py LOCK PROGRAM ARGUMENT...``.

The program takes the place of this process, and the lock goes with it, until its last child has
ended: whatever kills whom, a run is trained by one process at a time. This file imports nothing
of the package, whose import takes seconds.
"""
import fcntl
import os
import sys


def main() -> None:
    """Wait for the lock, then become the program."""
    lock, *program = sys.argv[1:]
    file = os.open(lock, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        holder = os.read(file, 20).decode()
        print(f'{lock} is held by process {holder}, which is at this run: waiting for it',
              flush=True)
        fcntl.flock(file, fcntl.LOCK_EX)
    os.ftruncate(file, 0)
    os.pwrite(file, str(os.getpid()).encode(), 0)
    os.set_inheritable(file, True)
    os.execv(program[0], program)


if __name__ == '__main__':
    main()
