import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmocr_kd.measure import median_ratio

SECONDS = st.lists(st.floats(.1, 10), min_size=1, max_size=9)


def test_medians_and_not_means_count():
    ratio = median_ratio([3., 1., 50.], [2., 2., 40.])
    assert ratio.value == 1.5 and ratio.low < 1.5 <= ratio.high


def test_even_counts_meet_in_the_middle():
    assert median_ratio([1., 2.], [1., 1.]).value == 1.5


@given(SECONDS, st.floats(.1, 10))
def test_a_constant_factor_is_certain(seconds, factor):
    ratio = median_ratio([factor * s for s in seconds], seconds)
    for value in (ratio.value, ratio.low, ratio.high):
        assert value == pytest.approx(factor)


@given(SECONDS)
def test_swapping_inverts(seconds):
    others = [1 + s for s in seconds]
    there, back = median_ratio(seconds, others), median_ratio(others, seconds)
    assert there.value == pytest.approx(1 / back.value)
    assert there.low <= there.high and median_ratio(seconds, others) == there


def test_more_rounds_narrow_the_interval():
    few = median_ratio([1., 2., 3.] * 2, [1.] * 6)
    many = median_ratio([1., 2., 3.] * 40, [1.] * 120)
    assert many.high - many.low < few.high - few.low


@pytest.mark.parametrize('above, below', [([], []), ([1.], [1., 2.])])
def test_rounds_have_to_match(above, below):
    with pytest.raises(ValueError, match='one of each per round'):
        median_ratio(above, below)
