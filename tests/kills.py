"""Commands of ``mmocr-kd distill`` that are killed, and whether they end at the same student."""
import os
import signal

import torch

from mmocr_kd.apis.distill_photos import training


def weights(path):
    return torch.load(path, weights_only=True)['state_dict']


def equal(one, other):
    """Whether two checkpoints have the same weights."""
    one, other = weights(one), weights(other)
    return one.keys() == other.keys() and all(torch.equal(one[key], other[key]) for key in one)


def in_child(work):
    """Exit status of a process that does some work, negative where a signal ended it."""
    pid = os.fork()
    if not pid:
        try:
            os._exit(work() or 0)
        except BaseException:
            os._exit(99)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def killed_at(number):
    """Let this process be killed at its n-th file: before it is there."""
    left, replace = [number], os.replace

    def count(*args, **kwargs):
        left[0] -= 1
        if not left[0]:
            os.kill(os.getpid(), signal.SIGKILL)
        replace(*args, **kwargs)

    os.replace = count


def attempts(command, files):
    """Exit statuses of a command that gets so many files further each time, until it ends."""
    def attempt():
        killed_at(files + 1)
        return command().exit_code

    ends = [in_child(attempt)]
    while ends[-1] == -signal.SIGKILL and len(ends) < 20:
        ends.append(in_child(attempt))
    return ends


def trained_steps(command, notes, killed_at_step):
    """Let a command be killed at a step of its training, and type it again.

    Args:
        command: What is called, in a process of its own each time.
        notes: A file of the steps.
        killed_at_step: From 0 on.

    Returns:
        Steps that were begun, both times.
    """
    after = training.Telling.after_train_iter

    def attempt(last):
        def tell(self, runner, *args, **kwargs):
            with notes.open('a') as file:
                file.write(f'{runner.iter} ')
            if runner.iter == last:
                os.kill(os.getpid(), signal.SIGKILL)
            after(self, runner, *args, **kwargs)

        training.Telling.after_train_iter = tell
        return command().exit_code

    assert in_child(lambda: attempt(killed_at_step)) == -signal.SIGKILL
    assert in_child(lambda: attempt(None)) == 0
    return [int(step) for step in notes.read_text().split()]
