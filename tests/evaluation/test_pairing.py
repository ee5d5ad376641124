import numpy as np

from mmocr_kd.evaluation.pairing import Pairing


def pairing(covered=((0, 0, 0), (0, 0, 0)), strategy='vanilla'):
    overlapping = np.array([[1, 1, 0], [0, 0, 1]], dtype=bool)
    confident = np.array([[1, 0], [1, 1], [1, 0]], dtype=bool)
    return Pairing(overlapping, np.array(covered, dtype=bool), confident, strategy)


def test_instances_predictions_and_hits_at_each_threshold():
    counts = pairing().count(['a', 'b'], ['a', 'x', 'b'], str.__eq__)
    assert counts.tolist() == [[2, 2], [3, 1], [2, 0]]


def test_predictions_that_are_taken_out_leave_their_place():
    counts = pairing().count(['a', 'b'], [None, 'a', 'b'], str.__eq__)
    assert counts.tolist() == [[2, 2], [2, 1], [2, 1]]


def test_what_nobody_cares_about_takes_its_predictions_along():
    counts = pairing(covered=[[0, 0, 0], [1, 0, 1]]).count(['a', None], ['x', 'a', 'b'], str.__eq__)
    assert counts.tolist() == [[1, 1], [1, 1], [1, 1]]


def test_cared_for_instances_cover_nothing():
    counts = pairing(covered=np.ones((2, 3))).count(['a', 'b'], ['a', 'x', 'b'], str.__eq__)
    assert counts.tolist() == [[2, 2], [3, 1], [2, 0]]


def test_the_strategy_counts():
    counts = pairing(strategy='max_matching').count(['a', 'b'], ['x', 'a', 'b'], str.__eq__)
    assert counts[2].tolist() == [2, 1]
    assert pairing().count(['a', 'b'], ['x', 'a', 'b'], str.__eq__)[2].tolist() == [1, 1]
