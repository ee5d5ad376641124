import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from mmocr_kd.evaluation.matching import count_hits


@st.composite
def problems(draw):
    g, p, t = (draw(st.integers(0, 4)) for _ in range(3))
    return tuple(draw(arrays(bool, shape)) for shape in ((g, p), (g, p), (p, t)))


def first_come(overlapping, right, kept):
    """One threshold, as ICDAR's task is described."""
    taken_g, taken_p, found, read = set(), set(), 0, 0
    for g, p in itertools.product(*map(range, overlapping.shape)):
        if g not in taken_g and p not in taken_p and kept[p] and overlapping[g, p]:
            taken_g.add(g)
            taken_p.add(p)
            found += 1
            read += right[g, p]
    return found, read


def most(possible):
    """The largest assignment, by trying all."""
    if not possible.size:
        return 0
    if len(possible) > possible.shape[1]:
        possible = possible.T
    return max(sum(possible[g, p] for g, p in enumerate(order))
               for order in itertools.permutations(range(possible.shape[1]), len(possible)))


@given(problems())
def test_first_come_is_counted_at_each_threshold_alone(problem):
    overlapping, right, kept = problem
    found, read = count_hits(overlapping, right, kept, 'vanilla')
    expected = [first_come(overlapping, right, column) for column in kept.T]
    assert list(zip(found, read)) == expected
    assert found.dtype.kind == read.dtype.kind == 'i'


@given(problems())
def test_max_matching_is_the_largest(problem):
    overlapping, right, kept = problem
    found, read = count_hits(overlapping, right, kept, 'max_matching')
    assert found.tolist() == [most(overlapping & column) for column in kept.T]
    assert read.tolist() == [most(overlapping & right & column) for column in kept.T]


@pytest.mark.parametrize('strategy, expected', [
    ('vanilla', (1, 0)), ('max_matching', (2, 1))])
def test_strategies_differ_by_hand(strategy, expected):
    overlapping = np.array([[True, True], [True, False]])
    right = np.array([[False, True], [False, False]])
    found, read = count_hits(overlapping, right, np.ones((2, 1), dtype=bool), strategy)
    assert (found.item(), read.item()) == expected


def test_inputs_stay_as_they_are():
    arrays_ = [np.ones((2, 2), dtype=bool) for _ in range(3)]
    count_hits(*arrays_)
    assert all(array.all() for array in arrays_)
