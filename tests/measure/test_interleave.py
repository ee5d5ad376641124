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


def test_preparation_is_not_timed():
    def prepare():
        time.sleep(.05)
        return lambda: None

    assert interleave({'case': prepare}, rounds=2, warmup=0)['case'].median < .02


def test_durations_are_those_of_the_calls():
    cases = {'short': lambda: lambda: time.sleep(.01), 'long': lambda: lambda: time.sleep(.04)}
    timings = interleave(cases, rounds=3, warmup=0)
    assert all(len(timing.seconds) == 3 for timing in timings.values())
    assert .01 <= min(timings['short'].seconds) and .04 <= min(timings['long'].seconds)
    assert timings['short'].median < timings['long'].median


def test_process_time_leaves_out_what_is_not_work():
    cases = {'nap': lambda: lambda: time.sleep(.05), 'work': lambda: lambda: sum(range(200_000))}
    timings = interleave(cases, rounds=3, clock=time.process_time)
    assert timings['nap'].median < .005 and timings['work'].median > 0


def test_warm_up_does_not_count():
    naps = iter([.2, .2, 0, 0])
    timings = interleave({'case': lambda: lambda: time.sleep(next(naps))}, rounds=2, warmup=2)
    assert max(timings['case'].seconds) < .1


def test_median_and_quartiles():
    timing = Timing((5., 1., 2., 4., 3.))
    assert timing.median == 3 and timing.quartiles == (2, 4)


@pytest.mark.parametrize('rounds, warmup', [(1, 0), (0, 3), (5, -1)])
def test_bad_counts_are_named(rounds, warmup):
    with pytest.raises(ValueError, match=f'rounds={rounds}.*warmup={warmup}'):
        interleave({'case': lambda: lambda: None}, rounds, warmup)
