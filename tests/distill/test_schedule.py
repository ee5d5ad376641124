import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmocr_kd.distill import Schedule


def test_default_is_constant():
    assert {Schedule().weight(epoch, 0) for epoch in range(50)} == {1.0}


def test_by_epoch_ignores_iterations_and_the_reverse():
    assert Schedule(start=2).weight(epoch=1, iteration=999) == 0
    assert Schedule(by_epoch=False, start=2).weight(epoch=999, iteration=1) == 0
    assert Schedule(by_epoch=False, start=2).weight(epoch=0, iteration=2) == 1


def test_warmup_rises_and_decay_falls_linearly():
    schedule = Schedule(by_epoch=False, start=10, stop=20, warmup=4, decay=5)
    weights = [schedule.weight(0, i) for i in range(9, 21)]
    assert weights == pytest.approx([0, .25, .5, .75, 1, 1, 1, .8, .6, .4, .2, 0])


@given(st.integers(0, 9), st.integers(1, 9), st.integers(0, 9), st.integers(0, 9))
def test_weight_is_positive_exactly_between_start_and_stop(start, length, warmup, decay):
    schedule = Schedule(start=start, stop=start + length, warmup=warmup, decay=decay)
    for now in range(start + length + 3):
        weight = schedule.weight(now, 0)
        assert 0 <= weight <= 1
        assert (weight > 0) == (start <= now < start + length)


@pytest.mark.parametrize('fields', [
    {'start': -1}, {'warmup': -1}, {'decay': -2}, {'start': 3, 'stop': 3}, {'decay': 3}
])
def test_bad_fields_are_named(fields):
    with pytest.raises(ValueError, match=next(iter(fields)) if len(fields) == 1 else 'stop'):
        Schedule(**fields)


@pytest.mark.parametrize(('fields', 'needs'), [
    ({}, False), ({'start': 1}, True), ({'stop': 1}, True), ({'warmup': 1}, True),
    ({'start': 1, 'by_epoch': False}, False),
])
def test_only_changing_epoch_schedules_need_epochs(fields, needs):
    assert Schedule(**fields).needs_epochs is needs
