import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmocr_kd.measure import CostTable

TABLE = CostTable([.5, .8], [3., 6.], 12.)


def test_relative_costs():
    assert TABLE.relative == [.25, .5]


@pytest.mark.parametrize('shares, wanted', [
    ([1, 0], .25), ([0, 1], .5), ([.5, .5], .375), ([30, 10], .3125)])
def test_mean_of_a_histogram(shares, wanted):
    assert TABLE.mean(shares) == pytest.approx(wanted)


@given(st.lists(st.integers(0, 1), min_size=1, max_size=20))
def test_mean_is_that_of_the_images(chosen):
    counts = [chosen.count(0), chosen.count(1)]
    mean = sum(TABLE.relative[i] for i in chosen) / len(chosen)
    assert TABLE.mean(counts) == pytest.approx(mean)


def test_impossible_numbers_are_named():
    with pytest.raises(ValueError, match='1 costs for 2 scales'):
        CostTable([.5, .8], [3.], 12.)
    with pytest.raises(ValueError, match='reference=0.0 must be positive'):
        CostTable([.5], [3.], 0.)
    for shares in ([1], [1, -1], [0, 0]):
        with pytest.raises(ValueError, match=r'shares=\[.*must be 2 numbers >= 0'):
            TABLE.mean(shares)
