import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from mmocr.registry import MODELS
from torch.nn import functional as F

from mmocr_kd.losses import ResolutionCostLoss
from mmocr_kd.losses.scale_factors import relative_costs

SCALES = [.3, .4, .5, .6, .7, .8]
COSTS = [scale**1.5 for scale in SCALES]


def one_hot(*choices, classes=6):
    return F.one_hot(torch.tensor(choices), classes).float()


def value(loss, decisions):
    (name, result), = loss(decisions).items()
    assert name == 'loss_res_cost' and result.dim() == 0
    return result


def test_relative_costs_of_the_official_code():
    golden = [.164, .253, .354, .465, .586, .716]
    assert relative_costs(SCALES, 1.5) == pytest.approx(golden, abs=6e-4)
    assert relative_costs(SCALES) == pytest.approx([.09, .16, .25, .36, .49, .64])
    assert relative_costs([1.0], 1.5) == [1.0]
    assert relative_costs([.5, 1.], [.3, 1.]) == [.3, 1.]


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(0, 5), min_size=1, max_size=8), st.floats(0, 2))
def test_one_hot_choices_cost_what_they_cost(choices, gamma):
    result = value(ResolutionCostLoss(COSTS, loss_weight=gamma), one_hot(*choices))
    expected = gamma * sum(SCALES[i]**1.5 for i in choices) / len(choices)
    assert result.item() == pytest.approx(expected, rel=1e-6, abs=1e-12)


def test_one_scale_costs_the_same_whatever_happens():
    loss = ResolutionCostLoss([.5**1.5], loss_weight=1)
    logits = torch.randn(3, 1, requires_grad=True)
    expected = loss.expected(logits)
    expected.backward()
    assert expected.item() == pytest.approx(.5**1.5) and (logits.grad == 0).all()


def test_gamma_zero_is_zero_and_keeps_the_graph():
    decisions = one_hot(2, 5).requires_grad_()
    result = value(ResolutionCostLoss(COSTS, loss_weight=0), decisions)
    result.backward()
    assert result.item() == 0 and (decisions.grad == 0).all()


def test_expected_cost_is_the_mean_over_draws():
    loss = ResolutionCostLoss(COSTS, loss_weight=1)
    logits = torch.randn(1, 6)
    drawn = torch.distributions.Categorical(logits=logits[0]).sample((20000, ))
    assert value(loss, one_hot(*drawn.tolist())).item() == pytest.approx(
        loss.expected(logits).item(), abs=.01)


def test_gradient_pulls_to_the_cheapest_and_away_from_the_dearest():
    logits = torch.randn(4, 6, requires_grad=True)
    ResolutionCostLoss(COSTS).expected(logits).backward()
    # Descent lowers the cost: it raises the logit of the cheapest, lowers that of the dearest.
    assert (logits.grad[:, 0] < 0).all() and (logits.grad[:, -1] > 0).all()


def test_budget_charges_only_what_exceeds_it():
    loss = ResolutionCostLoss(COSTS, budget=.4, loss_weight=2)
    cheap, dear = one_hot(0, 1).requires_grad_(), one_hot(5, 5).requires_grad_()
    below = value(loss, cheap)
    below.backward()
    assert below.item() == 0 and (cheap.grad == 0).all()
    above = value(loss, dear)
    above.backward()
    assert above.item() == pytest.approx(2 * (.8**1.5 - .4)) and (dear.grad > 0).all()


def test_half_precision_and_autocast():
    loss = ResolutionCostLoss(COSTS, loss_weight=1)
    with torch.autocast('cpu', torch.bfloat16):
        result = value(loss, one_hot(1, 4).half())
        assert loss.expected(torch.zeros(2, 6).half()).dtype == torch.float32
    assert result.dtype == torch.float32
    assert result.item() == pytest.approx((.4**1.5 + .7**1.5) / 2, rel=1e-6)


def test_registered_without_state_and_moves_with_the_model():
    loss = MODELS.build({'type': 'ResolutionCostLoss', 'costs': COSTS})
    assert not loss.state_dict() and loss.loss_weight == .1
    assert loss.double().costs.dtype == torch.float64


@pytest.mark.parametrize('fields, message', [
    ({'loss_weight': -.1}, 'loss_weight=-0.1'),
    ({'budget': .1}, 'budget=0.1 cannot be met'),
    ({'budget': float('nan')}, 'cannot be met'),
])
def test_impossible_fields(fields, message):
    with pytest.raises(ValueError, match=message):
        ResolutionCostLoss(COSTS, **fields)


def test_wrong_number_of_columns():
    with pytest.raises(ValueError, match=r'\(2, 3\), expected \(B, 6\)'):
        ResolutionCostLoss(COSTS)(one_hot(1, 2, classes=3))
