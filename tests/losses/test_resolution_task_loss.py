import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from mmocr.registry import MODELS
from torch.nn import functional as F

from mmocr_kd.losses import ResolutionTaskLoss

LOSSES = torch.tensor([[4., 1.], [2., 1.5], [1., 3.]])  # three scales, two images
LOST = torch.tensor([[1., 0.], [.5, 0.], [0., 0.]])


def one_hot(*choices, classes=3):
    return F.one_hot(torch.tensor(choices), classes).float()


def value(loss, *args):
    (name, result), = loss(*args).items()
    assert name == 'loss_res_acc' and result.dim() == 0
    return result


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(0, 2), min_size=2, max_size=2), st.floats(0, 3), st.floats(0, 2))
def test_the_value_is_that_of_the_chosen_scales(choices, lost_weight, weight):
    loss = ResolutionTaskLoss(lost_weight, loss_weight=weight)
    result = value(loss, one_hot(*choices), LOSSES, LOST)
    expected = sum(LOSSES[k, b] + lost_weight * LOST[k, b] * (4., 3.)[b]
                   for b, k in enumerate(choices)) / 2
    assert result.item() == pytest.approx(expected.item() * weight, rel=1e-5)


def test_the_gradient_is_the_exact_loss_of_each_scale():
    decisions = one_hot(2, 0).requires_grad_()
    losses = LOSSES.clone().requires_grad_()
    value(ResolutionTaskLoss(lost_weight=2.), decisions, losses, LOST).backward()
    torch.testing.assert_close(decisions.grad, (LOSSES + 2 * LOST * torch.tensor([4., 3.])).T / 2)
    assert losses.grad is None


@settings(max_examples=30, deadline=None)
@given(st.floats(0, 10), st.lists(st.floats(0, 10), min_size=1, max_size=5), st.floats(1, 3))
def test_losing_everything_does_not_pay(without_words, others, weight):
    """A detector has next to no loss for words that are not there."""
    losses = torch.tensor([without_words, *others])[:, None]
    lost = torch.tensor([1., *[0.] * len(others)])[:, None]
    decisions = one_hot(0, classes=len(losses)).requires_grad_()
    value(ResolutionTaskLoss(weight), decisions, losses, lost).backward()
    assert (decisions.grad[0, 0] >= decisions.grad[0, 1:]).all()


def test_half_precision_is_cast_up():
    decisions, losses = one_hot(0, 1), LOSSES.half()
    with torch.autocast('cpu', dtype=torch.bfloat16):
        assert value(ResolutionTaskLoss(), decisions, losses, LOST).dtype == torch.float32


@pytest.mark.parametrize(('name', 'wrong'), [('lost_weight', -1.), ('min_side', float('nan')),
                                             ('loss_weight', float('inf'))])
def test_fields_are_checked(name, wrong):
    with pytest.raises(ValueError, match=f'{name}=.*must be'):
        MODELS.build({'type': 'ResolutionTaskLoss', name: wrong})


@pytest.mark.parametrize('args', [(one_hot(0, 1), LOSSES.T, LOST), (one_hot(0), LOSSES, LOST),
                                  (one_hot(0, 1), LOSSES, LOST[:2]), (LOSSES[0], LOSSES, LOST)])
def test_shapes_are_checked(args):
    with pytest.raises(ValueError, match='do not fit'):
        ResolutionTaskLoss()(*args)
