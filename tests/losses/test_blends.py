import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from mmocr_kd.losses.blends import blend, blend_probabilities


def one_hot(*choices, classes=3):
    return F.one_hot(torch.tensor(choices), classes).double().T


def test_blend_is_a_weighted_sum_of_each_entry():
    values, shares = torch.randn(3, 2, 4, 5), torch.rand(3, 2)
    expected = torch.stack([sum(shares[k, n] * values[k, n] for k in range(3)) for n in range(2)])
    assert torch.allclose(blend(values, shares), expected, atol=1e-6)


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 5), st.integers(0, 10**6))
def test_blended_probabilities_are_those_of_the_mixture(candidates, seed):
    torch.manual_seed(seed)
    log_probs = torch.randn(candidates, 4, 2, 5, dtype=torch.float64).mul(3).log_softmax(-1)
    shares = torch.randn(candidates, 4, dtype=torch.float64).softmax(0)
    expected = (log_probs + shares.log()[:, :, None, None]).logsumexp(0)
    assert torch.allclose(blend_probabilities(log_probs, shares, 1e6), expected)


def test_hopeless_choices_keep_their_exact_value_and_a_limited_gradient():
    log_probs = torch.tensor([[-2000.], [-1.], [-1990.]], dtype=torch.float64)
    shares = one_hot(0).requires_grad_()
    value = blend_probabilities(log_probs, shares, 50)
    value.backward()
    assert value.item() == -2000
    assert shares.grad.flatten().tolist() == pytest.approx([1, 50, 50])


def test_gradient_is_how_many_times_better_a_candidate_is():
    log_probs = torch.tensor([[.2], [.6], [.1]], dtype=torch.float64).log()
    shares = one_hot(0).requires_grad_()
    blend_probabilities(log_probs, shares, 100).backward()
    assert shares.grad.flatten().tolist() == pytest.approx([1, 3, .5])


def test_gradient_passes_gradcheck():
    log_probs = torch.randn(3, 4, 5, dtype=torch.float64).log_softmax(-1)
    shares = torch.rand(3, 4, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda s: blend_probabilities(log_probs, s, 100.), (shares, ))
