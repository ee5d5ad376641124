import time

import pytest

from mmocr_kd.measure import Timing, interleave


def recorder(log, name):
    def prepare():
        log.append(f'prepare {name}')
        return lambda: log.append(name)

    return prepare


def test_each_round_times_all_cases_and_begins_with_another():
    log = []
    interleave({name: recorder(log, name) for name in 'abc'}, rounds=2, warmup=1)
    assert ''.join(entry for entry in log if len(entry) == 1) == 'abcbcacab'
    assert log[::2] == [f'prepare {name}' for name in log[1::2]]


class Clock:
    """Stands still, except for what cases say they take."""

    def __init__(self):
        self.now = 0.

    def __call__(self):
        return self.now

    def take(self, seconds):
        self.now += seconds


def test_preparation_is_not_timed():
    clock = Clock()

    def prepare():
        clock.take(5.)
        return lambda: clock.take(1.)

    assert interleave({'case': prepare}, 2, 0, clock)['case'].seconds == (1., 1.)


def test_durations_are_those_of_the_calls():
    clock = Clock()
    cases = {'short': lambda: lambda: clock.take(1.), 'long': lambda: lambda: clock.take(4.)}
    timings = interleave(cases, 3, 0, clock)
    assert timings['short'].seconds == (1., 1., 1.) and timings['long'].seconds == (4., 4., 4.)


def test_by_default_the_time_that_passes():
    assert min(interleave({'nap': lambda: lambda: time.sleep(.02)}, 2, 0)['nap'].seconds) >= .02


def test_process_time_leaves_out_what_is_not_work():
    cases = {'nap': lambda: lambda: time.sleep(.2), 'work': lambda: lambda: sum(range(200_000))}
    timings = interleave(cases, rounds=3, clock=time.process_time)
    assert timings['nap'].median < .1 and timings['work'].median > 0


def test_warm_up_does_not_count():
    clock, naps = Clock(), iter([3., 2., 1., 1.])
    timings = interleave({'case': lambda: lambda: clock.take(next(naps))}, 2, 2, clock)
    assert timings['case'].seconds == (1., 1.)


def test_median_and_quartiles():
    timing = Timing((5., 1., 2., 4., 3.))
    assert timing.median == 3 and timing.quartiles == (2, 4)


@pytest.mark.parametrize('rounds, warmup', [(1, 0), (0, 3), (5, -1)])
def test_bad_counts_are_named(rounds, warmup):
    with pytest.raises(ValueError, match=f'rounds={rounds}.*warmup={warmup}'):
        interleave({'case': lambda: lambda: None}, rounds, warmup)
