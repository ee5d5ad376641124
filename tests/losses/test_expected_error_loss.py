"""A prediction taught by it is the mean of what happened, whoever predicts."""
import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from mmocr.registry import MODELS
from torch import nn
from torch.nn import functional as F

from mmocr_kd.losses import ExpectedErrorLoss
from mmocr_kd.models.selectors import ResolutionSelector
from mmocr_kd.models.selectors.price_table import cheapest

KINDS = 'poisson', 'squared'
COSTS = torch.tensor([.1, .4, 1.])


def loss_of(predicted, errors, kind='poisson', **fields):
    return ExpectedErrorLoss(kind, **fields)(torch.as_tensor(predicted),
                                             torch.as_tensor(errors))['loss_res_error']


def fitted(inputs, errors, kind, steps=600):
    """What a linear model behind softplus, as the selector has it, predicts after training."""
    torch.manual_seed(0)
    model = nn.Linear(inputs.shape[1], errors.shape[1])
    optimizer = torch.optim.Adam(model.parameters(), lr=.05)
    for _ in range(steps):
        optimizer.zero_grad()
        loss_of(F.softplus(model(inputs)), errors, kind).backward()
        optimizer.step()
    return F.softplus(model(inputs)).detach()


@given(st.lists(st.tuples(st.floats(0, 80), st.floats(0, 80)), min_size=1, max_size=5))
def test_values(pairs):
    predicted, errors = torch.tensor(pairs, dtype=torch.float64).T
    squared = [(e - m)**2 for m, e in pairs]
    deviances = [2 * (e * math.log((e + 1e-6) / (m + 1e-6)) - e + m) for m, e in pairs]
    assert loss_of(predicted, errors, 'squared').item() == pytest.approx(
        sum(squared) / len(pairs), abs=1e-9)
    assert loss_of(predicted, errors).item() == pytest.approx(
        sum(deviances) / len(pairs), abs=1e-3)
    assert loss_of(predicted, errors) >= -1e-9 and loss_of(errors, errors) == 0


@pytest.mark.parametrize('kind', KINDS)
def test_gradient(kind):
    predicted = torch.tensor([[.1, 2.], [5., .01]], dtype=torch.float64, requires_grad=True)
    errors = torch.tensor([[0., 3.], [math.nan, 1.]], dtype=torch.float64)
    assert torch.autograd.gradcheck(lambda m: loss_of(m, errors, kind), predicted)


@pytest.mark.parametrize('kind', KINDS)
def test_the_mean_is_the_optimum(kind):
    """Not the majority's 0 nor the median's: of ten images that look the same one is misread."""
    errors = torch.tensor([[0.]] * 9 + [[7.]])
    guesses = torch.linspace(.05, 3, 60)
    losses = [loss_of(guess.expand(10, 1), errors, kind) for guess in guesses]
    assert guesses[torch.stack(losses).argmin()].item() == pytest.approx(.7)


@pytest.mark.parametrize('kind', KINDS)
def test_choice_follows_the_expectation_not_the_majority(kind):
    """Three of four times the small scale is as good; the fourth time it loses two words.

    A classification of the best scale says "small", which costs .5 + .02 on average; the large one
    costs .05.
    """
    price, costs = .05, torch.tensor([.4, 1.])
    errors = torch.tensor([[0., 0.]] * 3 + [[2., 0.]])
    paid = errors + price * costs
    majority = paid.argmin(1).mode().values
    chosen = cheapest(fitted(torch.ones(4, 1), errors, kind), costs, price)
    assert paid[:, majority].mean().item() == pytest.approx(.52)
    assert paid.gather(1, chosen[:, None]).mean().item() == pytest.approx(.05)


@pytest.mark.parametrize('kind', KINDS)
def test_hopeless_words_reward_no_resolution(kind):
    """Read with 4e-19 at one scale and 4e-11 at another: both times a word is lost."""
    read = torch.tensor([4e-19, 4e-15, 4e-11])
    predicted = fitted(torch.ones(1, 1), 5 * (1 - read)[None], kind)
    assert predicted[0].tolist() == pytest.approx([5.] * 3, abs=.01)
    for price in (.05, 1., 10.):
        assert cheapest(predicted, COSTS, price).item() == 0


@pytest.mark.parametrize('kind', KINDS)
@pytest.mark.parametrize('level', [0., 4.])
def test_an_image_equally_good_everywhere_is_cheapest_small(kind, level):
    predicted = fitted(torch.ones(1, 1), torch.full((1, 3), level), kind, steps=700)
    assert cheapest(predicted, COSTS, .05).item() == 0
    assert predicted[0].tolist() == pytest.approx([level] * 3, abs=.03)


def test_a_selector_learns_each_images_expectation():
    """Bright images lose at the small scale half of the time, dark ones never."""
    torch.manual_seed(0)
    selector = ResolutionSelector([.5, 1.], 'errors', base_channels=8)
    optimizer = torch.optim.Adam(selector.parameters(), lr=1e-2)
    for _ in range(150):
        bright = torch.arange(16) % 2
        images = bright[:, None, None, None] * 2. - 1 + .1 * torch.randn(16, 3, 32, 64)
        lost = bright * 3. * (torch.rand(16) < .5)
        optimizer.zero_grad()
        loss_of(selector.train()(images), torch.stack([lost, lost * 0], 1)).backward()
        optimizer.step()
    predicted = selector.eval()(torch.stack([-torch.ones(3, 32, 64), torch.ones(3, 32, 64)]))
    assert predicted[0].tolist() == pytest.approx([0., 0.], abs=.15)
    assert predicted[1].tolist() == pytest.approx([1.5, 0.], abs=.4)
    assert selector.select(predicted, 1.).tolist() == [0, 1]
    assert selector.select(predicted, 5.).tolist() == [0, 0]


@pytest.mark.parametrize('kind', KINDS)
def test_what_nobody_knows_teaches_nothing(kind):
    predicted = torch.tensor([[1., 2.], [3., 4.]], requires_grad=True)
    loss = loss_of(predicted, [[math.nan] * 2, [1., 1.]], kind)
    loss.backward()
    assert loss == loss_of([[3., 4.]], [[1., 1.]], kind)
    assert not predicted.grad[0].any() and predicted.grad[1].all()


@pytest.mark.parametrize('kind', KINDS)
def test_nothing_known_at_all_is_a_gradient_of_zero(kind):
    """DDP waits for every parameter's."""
    predicted = torch.tensor([[0., 2.]], requires_grad=True)
    loss = loss_of(predicted, [[math.nan] * 2], kind)
    loss.backward()
    assert loss == 0 and torch.equal(predicted.grad, torch.zeros(1, 2))


@pytest.mark.parametrize('kind', KINDS)
def test_prediction_of_exactly_zero_learns(kind):
    predicted = torch.zeros(1, 2, requires_grad=True)
    loss = loss_of(predicted, [[0., 2.]], kind)
    loss.backward()
    assert loss.isfinite() and predicted.grad.isfinite().all() and predicted.grad[0, 1] < -1


def test_half_precision_counts_in_float32():
    predicted = torch.full((1, 3), 3e4, dtype=torch.float16, requires_grad=True)
    with torch.autocast('cpu', torch.bfloat16):
        loss = loss_of(predicted, torch.zeros(1, 3), 'squared')
    assert loss.dtype == torch.float32 and loss.item() == pytest.approx(9e8, rel=1e-3)


def test_weight_and_registry():
    loss = MODELS.build({'type': 'ExpectedErrorLoss', 'kind': 'squared', 'loss_weight': .5})
    assert loss(torch.tensor([[1.]]), torch.tensor([[3.]])) == {'loss_res_error': 2.}


@pytest.mark.parametrize('fields, message', [
    ({'kind': 'mae'}, "kind='mae'"), ({'loss_weight': -1}, 'loss_weight=-1')])
def test_impossible_fields(fields, message):
    with pytest.raises(ValueError, match=message):
        ExpectedErrorLoss(**fields)


def test_shapes_that_differ():
    with pytest.raises(ValueError, match=r'\(2, 3\) and errors of \(2, 2\)'):
        loss_of(torch.ones(2, 3), torch.ones(2, 2))
