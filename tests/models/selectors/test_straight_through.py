import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from mmocr_kd.models.selectors import sample_gumbel


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 8), st.integers(1, 5), st.floats(.01, 10), st.integers(0, 10**6))
def test_rows_are_exactly_one_hot(choices, images, tau, seed):
    torch.manual_seed(seed)
    drawn = sample_gumbel(5 * torch.randn(images, choices), tau)
    assert torch.equal(drawn.sort(-1).values, F.one_hot(torch.full((images, ), choices - 1),
                                                        choices).float())


@pytest.mark.parametrize('tau', [5., 1., .1])
def test_draws_what_torch_draws(tau):
    logits = torch.randn(50, 6)
    for hard in (True, False):
        torch.manual_seed(3)
        ours = sample_gumbel(logits, tau, hard)
        torch.manual_seed(3)
        assert torch.allclose(ours, F.gumbel_softmax(logits, tau, hard), atol=1e-6)


@pytest.mark.parametrize('tau', [5., 1., .3])
def test_gradient_in_closed_form(tau):
    logits = torch.randn(7, 6, dtype=torch.float64, requires_grad=True)
    v = torch.randn(7, 6, dtype=torch.float64)
    torch.manual_seed(3)
    (sample_gumbel(logits, tau) * v).sum().backward()
    torch.manual_seed(3)
    noise = -torch.empty_like(logits).exponential_().log()
    p = ((logits + noise) / tau).softmax(-1).detach()
    expected = p * (v - (p * v).sum(-1, keepdim=True)) / tau
    assert torch.allclose(logits.grad, expected, atol=1e-6)


@pytest.mark.parametrize('tau', [5., 1., .01])
def test_frequencies_follow_softmax_whatever_the_temperature(tau):
    logits = torch.tensor([.5, -1., 1.5, 0., .2, -.3])
    drawn = sample_gumbel(logits.expand(20000, 6), tau)
    assert drawn.unique().tolist() == [0, 1]  # PyTorch's own have rounding errors
    assert torch.allclose(drawn.mean(0), logits.softmax(0), atol=.02)


def test_half_precision_is_drawn_in_float32():
    logits = torch.randn(3, 4).half().requires_grad_()
    drawn = sample_gumbel(logits, .01)
    assert drawn.dtype == torch.float32
    (drawn * torch.randn(3, 4)).sum().backward()
    assert logits.grad.isfinite().all()


def test_ranks_of_one_seed_draw_for_themselves(monkeypatch):
    """MMEngine gives all ranks the same seed; each stays as random as one alone."""
    module = 'mmocr_kd.models.selectors.straight_through'
    monkeypatch.setattr(f'{module}.get_world_size', lambda: 3)
    logits, draws, states = torch.randn(200, 4), [], []
    for rank in range(3):
        monkeypatch.setattr(f'{module}.get_rank', lambda rank=rank: rank)
        torch.manual_seed(3)
        draws.append(sample_gumbel(logits, 1.).argmax(1))
        states.append(torch.get_rng_state())
    pairs = (draws[0] == draws[1]), (draws[0] == draws[2]), (draws[1] == draws[2])
    assert all(.1 < pair.float().mean() < .7 for pair in pairs)
    assert all(torch.equal(state, states[0]) for state in states)  # what they share stays the same
