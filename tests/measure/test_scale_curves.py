"""Curves against every choice there is, and against a solver of linear programmes."""
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog
from tiny_ratings import rated

from mmocr_kd.measure import scale_curves
from mmocr_kd.measure.scale_curves import (
    Curve,
    at_random,
    cheapest,
    hmean,
    of_choices,
    oracle,
    single_scales,
)

COSTS = np.array([.1, .4, 1.])


@st.composite
def ratings(draw, most=4):
    """Up to four images with up to four words at three scales."""
    images = []
    for _ in range(draw(st.integers(1, most))):
        words = draw(st.integers(0, 4))
        images.append((words, [draw(st.integers(0, words)) for _ in COSTS],
                       [draw(st.integers(0, 3)) for _ in COSTS]))
    return rated(*images)


def every_choice(given):
    """Mean cost and hmean of each of K^M choices."""
    rows, words = np.arange(len(given.words)), given.words.sum()
    for choice in product(range(len(COSTS)), repeat=len(rows)):
        picks = rows, np.array(choice)
        yield (COSTS[list(choice)].mean(), hmean(words, given.hits[picks].sum(),
                                                 given.false_alarms[picks].sum()))


@settings(max_examples=60, deadline=None)
@given(ratings(), st.floats(.1, 1.))
def test_no_choice_beats_the_oracle_and_two_neighbours_make_it(found, budget):
    best = float(oracle(found, COSTS, np.array([budget])).hmeans[0])
    choices = [*every_choice(found)]
    assert best >= max((value for cost, value in choices if cost <= budget), default=0) - 1e-9
    assert best <= max(value for _, value in choices) + 1e-9


@settings(max_examples=60, deadline=None)
@given(ratings(), st.floats(.1, 1.))
def test_the_oracle_is_the_optimum_of_the_linear_programme(found, budget):
    """A share of each scale for each image: hmean >= r is linear in them, for each r."""
    best = float(oracle(found, COSTS, np.array([budget])).hmeans[0])

    def reaches(ratio):
        words, (images, scales) = found.words.sum(), found.hits.shape
        values = (2 - ratio) * found.hits - ratio * found.false_alarms
        solved = linprog(-values.ravel(), np.tile(COSTS, images)[None] / images, [budget],
                         np.kron(np.eye(images), np.ones(scales)), np.ones(images))
        return -solved.fun >= ratio * words - 1e-9

    assert best == 0 or reaches(best - 1e-6)
    assert not reaches(best + 1e-5) or found.words.sum() == 0


@settings(max_examples=40, deadline=None)
@given(ratings(), st.floats(.1, 1.))
def test_chance_is_the_best_mixture_of_two_scales(found, budget):
    best = float(at_random(found, COSTS, np.array([budget])).hmeans[0])
    words, hits, wrong = found.words.sum(), found.hits.sum(0), found.false_alarms.sum(0)
    mixed = [0.]
    for low, high in product(range(3), repeat=2):
        share = np.linspace(0, 1, 201)
        kept = share[COSTS[low] + share * (COSTS[high] - COSTS[low]) <= budget + 1e-12]
        if len(kept):
            mixed.append(max(hmean(words, *(counts[low] + kept * (counts[high] - counts[low])
                                            for counts in (hits, wrong)))))
    assert max(mixed) - 1e-9 <= best <= max(mixed) + .02
    assert best <= float(oracle(found, COSTS, np.array([budget])).hmeans[0]) + 1e-9


def test_by_hand():
    """Two kinds of images: one is read at any scale, the other at the largest only."""
    found = rated((4, [4, 4, 4], [0, 0, 0]), (4, [0, 2, 4], [0, 0, 0]))
    assert oracle(found, COSTS, np.array([.1, .55, 1.])).hmeans == pytest.approx([2 / 3, 1, 1])
    # A quarter of the largest scale, the rest at the middle one: 6.5 words of eight.
    assert at_random(found, COSTS, np.array([.1, .55])).hmeans == pytest.approx([2 / 3, 13 / 14.5])
    single = single_scales(found, COSTS)
    assert single.hmeans == pytest.approx([2 / 3, 12 / 14, 1]) and single.words == 8


def test_false_alarms_are_worth_avoiding():
    found = rated((2, [1, 1, 1], [0, 5, 9]), (2, [1, 1, 2], [4, 4, 4]))
    assert oracle(found, COSTS, np.array([1.])).hits == [3]
    assert oracle(found, COSTS, np.array([1.])).false_alarms == [4]


def test_scales_of_equal_cost():
    found = rated((3, [1, 2, 0], [0, 0, 0]), (3, [2, 1, 0], [0, 0, 0]))
    assert oracle(found, np.array([.5, .5, 1.]), np.array([.5])).hits == [4]


def test_prices_choose_and_curves_interpolate():
    found = rated((4, [1, 3, 4], [0, 0, 0]), (4, [4, 4, 4], [2, 0, 0]))
    choices = cheapest(found.errors(.5), COSTS, [0., 2., 100.])
    assert choices.tolist() == [[2, 1], [1, 1], [0, 0]]
    curve = of_choices('x', found, choices, COSTS + .05, np.array([0., 2., 100.]))
    assert curve.costs == pytest.approx([.15, .45, .75]) and curve.prices.tolist() == [100, 2, 0]
    assert curve.hits.tolist() == [5, 7, 8] and curve.false_alarms.tolist() == [2, 0, 0]
    assert curve.at(.3) == pytest.approx(2 * 6 / (8 + 7))
    assert curve.at(.75) == curve.at(5.) == 1 and np.isnan(curve.at(.1))
    assert curve.at(np.array([.15, .45])).shape == (2, )


@settings(max_examples=15, deadline=None)
@given(ratings())
def test_with_true_errors_prices_reach_points_of_the_oracle(found):
    """The price's choice has the best sum of its kind: at hmean 2/3 that is the best hmean."""
    prices = scale_curves.PRICES
    assert prices[0] == 0 and (np.diff(prices) > 0).all()
    curve = of_choices('true errors', found, cheapest(found.errors(), COSTS), COSTS)
    assert (np.diff(curve.costs) >= 0).all()
    bound = oracle(found, COSTS, np.maximum(curve.costs, COSTS[0])).hmeans
    assert (curve.hmeans <= bound + 1e-9).all()


def test_nothing_there_and_nothing_found():
    assert hmean(0, np.zeros(2), np.zeros(2)).tolist() == [0, 0]
    assert Curve('x', COSTS, np.zeros(3), np.zeros(3), 5).hmeans.tolist() == [0, 0, 0]
