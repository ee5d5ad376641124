from itertools import combinations_with_replacement

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny_ratings import rated

from mmocr_kd.measure.height_rule import HeightRule, rule_choices, rule_costs

losses_of = st.lists(st.integers(0, 9), min_size=3, max_size=3)
images = st.lists(st.tuples(st.sampled_from([8., 12., 20., 40., np.nan]), losses_of), min_size=1,
                  max_size=7)


@settings(max_examples=80, deadline=None)
@given(images)
def test_no_table_is_better(found):
    heights = np.array([height for height, _ in found])
    losses = np.array([loss for _, loss in found], dtype=float)
    rule = HeightRule.fit(heights, losses)
    rows = np.arange(len(heights))
    known = ~np.isnan(heights)

    def loss(chosen):
        return losses[rows, chosen][known].sum()

    edges = [0., 10., 15., 30., 99.]
    tables = [HeightRule(np.array([large, small]), 0)
              for small, large in combinations_with_replacement(edges, 2)]
    assert loss(rule(heights)) == min(loss(table(heights)) for table in tables)
    assert (losses[~known].sum(0)[rule.unknown] == losses[~known].sum(0).min())


def test_larger_text_never_gets_a_larger_scale():
    rule = HeightRule(np.array([30., 10.]), unknown=2)
    assert rule(np.array([50., 30., 29., 10., 9., np.nan])).tolist() == [0, 0, 1, 1, 2, 2]


def test_nothing_to_learn_from():
    nothing = HeightRule.fit(np.array([]), np.zeros((0, 3)))
    assert nothing(np.array([5., np.nan])).tolist() == [0, 2]
    assert HeightRule.fit(np.array([5.]), np.array([[0., 1., 1.]])).unknown == 2


def test_the_first_look_is_paid_for():
    assert rule_costs(np.array([.1, .4, 1.])) == pytest.approx([.1, .5, 1.1])


def two_kinds(count=40):
    """Large text is found at any scale, small text at the largest only."""
    return [(4, [4, 4, 4], [0] * 3, 60. + i) if i // 2 % 2 else (4, [1, 1, 4], [0] * 3, 12. + i / 9)
            for i in range(count)]


def test_it_finds_the_two_kinds():
    choices = rule_choices(rated(*two_kinds()), np.array([1.]))
    assert choices.tolist() == [[2, 2, 0, 0] * 10]


def test_an_image_is_never_rated_by_a_table_that_knows_it():
    """Whatever the words of the even images, their choices stay: the odd ones made the table."""
    kinds = two_kinds()
    shuffled = [(words, hits[::-1], alarms, height) if i % 2 == 0 else (words, hits, alarms, height)
                for i, (words, hits, alarms, height) in enumerate(kinds)]
    before, after = (rule_choices(rated(*some), np.array([.5, 2.])) for some in (kinds, shuffled))
    assert (before[:, ::2] == after[:, ::2]).all() and (before[:, 1::2] != after[:, 1::2]).any()


def test_dear_passes_are_avoided():
    choices = rule_choices(rated(*two_kinds()), np.array([0., 1000.]))
    assert choices[1].tolist() == [0] * 40
