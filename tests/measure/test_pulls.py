"""Norms and angles of gradients, against those that are known."""
import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from mmocr_kd.distill.auto_weight import gradients
from mmocr_kd.measure.pulls import SHARED, Pull, pulls, spread


def test_two_parameters_by_hand():
    """Task 3x + 4y, other loss 2y: gradients (3, 4) and (-, 2), shared is y alone."""
    x, y = (torch.tensor([value], requires_grad=True) for value in (1., 2.))
    task, other = (3 * x + 4 * y).sum(), (2 * y).sum()
    found = pulls(*(gradients(loss, [x, y]) for loss in (task, other)), ['first', 'second'])
    assert found == {SHARED: Pull(.5, 1.), 'second': Pull(.5, 1.)}


def test_angle_over_two_parameters_by_hand():
    x, y = (torch.tensor([value], requires_grad=True) for value in (1., 2.))
    task, other = (3 * x + 4 * y).sum(), (-8 * x + 6 * y).sum()
    found = pulls(*(gradients(loss, [x, y]) for loss in (task, other)), ['first', 'second'])
    assert found[SHARED].ratio == pytest.approx(2) and found[SHARED].cosine == pytest.approx(0)
    assert found['first'] == pytest.approx(Pull(8 / 3, -1.))
    assert found['second'] == pytest.approx(Pull(1.5, 1.))


@given(st.lists(st.sampled_from('ab'), min_size=1, max_size=5), st.integers(0, 99))
def test_is_what_the_whole_vectors_say(parts, seed):
    make = torch.Generator().manual_seed(seed)
    task, other = ([torch.randn(2, 3, generator=make) for _ in parts] for _ in range(2))
    found = pulls(task, other, parts)
    for name in {SHARED, *parts}:
        ours, theirs = (np.concatenate([one.flatten().double().numpy() for one, part in
                                        zip(gradient, parts) if name in (SHARED, part)])
                        for gradient in (other, task))
        norms = np.linalg.norm(ours), np.linalg.norm(theirs)
        assert found[name] == pytest.approx(
            (norms[0] / norms[1], ours @ theirs / norms[0] / norms[1]), abs=1e-5)


def test_a_gradient_of_zero_has_no_angle():
    zero, one = [torch.zeros(1)], [torch.ones(1)]
    quiet, silent = pulls(one, zero, 'a')['a'], pulls(zero, one, 'a')['a']
    assert quiet.ratio == 0 and math.isnan(quiet.cosine)
    assert math.isnan(silent.ratio) and math.isnan(silent.cosine)
    assert pulls(one, [None], 'a') == {}


def test_spread_leaves_out_what_tells_nothing():
    nan = math.nan
    mean, deviation = spread([{'a': Pull(1., .5)},
                              {'a': Pull(3., nan)}, {'a': Pull(nan, nan)}, {}])['a']
    assert mean == (2., .5)
    assert deviation.ratio == pytest.approx(math.sqrt(2)) and math.isnan(deviation.cosine)
