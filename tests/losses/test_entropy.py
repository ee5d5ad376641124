import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from mmocr_kd.losses import binary_entropy, binary_kl

finite = st.floats(-500, 500, width=32)


@pytest.mark.parametrize(('p', 'bits'), [(.5, 1.), (.6, .9710), (.7, .8813), (.8, .7219),
                                         (.9, .4690), (.95, .2864), (.99, .0808), (.999, .0114)])
def test_entropy_has_textbook_values(p, bits):
    logit = torch.tensor(math.log(p / (1 - p)), dtype=torch.float64)
    assert binary_entropy(logit).item() == pytest.approx(bits, abs=5e-5)
    assert binary_entropy(-logit).item() == pytest.approx(bits, abs=5e-5)


def test_entropy_equals_the_definition():
    z = torch.linspace(-12, 12, 2001, dtype=torch.float64)
    p = z.sigmoid()
    definition = -(p * p.log2() + (1 - p) * (1 - p).log2())
    assert torch.allclose(binary_entropy(z), definition, atol=1e-12)


def test_entropy_gradient_is_analytic():
    z = torch.linspace(-8, 8, 1001, dtype=torch.float64).requires_grad_()
    binary_entropy(z).sum().backward()
    p = z.detach().sigmoid()
    assert torch.allclose(z.grad, -z.detach() * p * (1 - p) / math.log(2), atol=1e-12)
    assert z.grad.abs().max() <= 0.323


@given(finite)
def test_entropy_is_finite_bounded_and_symmetric(z):
    logit = torch.tensor(z, requires_grad=True)
    entropy = binary_entropy(logit)
    entropy.backward()
    assert 0 <= entropy.item() <= 1 + 1e-6
    assert torch.isfinite(logit.grad)
    assert entropy.item() == binary_entropy(-logit).item()


@given(finite, finite, st.floats(.5, 8))
def test_kl_is_finite_and_not_negative(student, teacher, temperature):
    s = torch.tensor(student, requires_grad=True)
    kl = binary_kl(s, torch.tensor(teacher), temperature)
    kl.backward()
    assert torch.isfinite(kl) and torch.isfinite(s.grad)
    assert kl.item() >= -1e-4 * temperature**2


def test_kl_equals_two_class_softmax_kl():
    torch.manual_seed(0)
    s, t = torch.randn(2, 50, dtype=torch.float64) * 4
    two = lambda z: torch.stack([z, torch.zeros_like(z)], -1) / 3  # noqa: E731
    expected = torch.nn.functional.kl_div(
        two(s).log_softmax(-1), two(t).softmax(-1), reduction='none').sum(-1) * 9
    assert torch.allclose(binary_kl(s, t, 3.), expected, atol=1e-12)
