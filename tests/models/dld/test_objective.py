"""What trains a selector, without models: the published objective's values, and the errors'."""
import math
from types import SimpleNamespace

import pytest
import torch
from mmocr.registry import MODELS
from tiny_dld import SCALES, expecting_cfg, selector_cfg
from torch.nn import functional as F

from mmocr_kd.losses import ExpectedErrorLoss, Labels, Reading
from mmocr_kd.models.dld import (
    Candidates,
    ErrorObjective,
    GumbelObjective,
    Objective,
    PassErrors,
    ScaleChoice,
)
from mmocr_kd.models.dld.objective import build_objective

OFFICIAL = [.3, .4, .5, .6, .7, .8]


def model(selector=None, candidates=None, price=1., **fields):
    """What an objective asks of a DLD model."""
    built = None if selector is None else MODELS.build(selector)
    return SimpleNamespace(**{'selector': built, 'spotter': SimpleNamespace(), 'price': price,
                              'read_at_scales': lambda *_: candidates, **fields})


def labels(count=3):
    return Labels(torch.randint(0, 5, (count, 5)), torch.full((count, ), 3), blank_idx=6,
                  frames=torch.full((count, ), 8))


def read(logits=None, image_index=(0, 0, 2)):
    """Two words in image 0, none in image 1, one in image 2."""
    logits = torch.randn(3, 3, 8, 7) if logits is None else logits
    return Candidates(logits, labels(), torch.tensor(image_index))


def drawn(decisions=None, logits=None):
    decisions = torch.eye(3)[[0, 1, 2]] if decisions is None else decisions
    scores = torch.zeros_like(decisions).detach() if logits is None else logits
    return ScaleChoice([.3] * len(decisions), [.1] * len(decisions), scores, 'logits',
                       [0] * len(decisions), decisions)


def gumbel(asked, **fields):
    objective = GumbelObjective(**fields)
    objective.bind(asked)
    return objective


def rated(objective, asked, choice, teacher=None, words=()):
    return objective(asked, choice, torch.zeros(3, 3, 8, 8), [None] * 3, words, teacher)


# The published one


@pytest.mark.parametrize('gamma', [.1, .3])
def test_cost_of_the_official_code(gamma):
    """gamma * mean(s^1.5), section 5 of the specification."""
    asked = model(selector_cfg(OFFICIAL, costs=1.5), None)
    objective = gumbel(asked, preset='official', cost={'loss_weight': gamma})
    choice = drawn(F.one_hot(torch.tensor([0, 5, 2]), 6).float())
    found = rated(objective, asked, choice)['loss_res_cost']
    assert found.item() == pytest.approx(gamma * (.164 + .716 + .354) / 3, abs=1e-4)


def test_cost_of_the_paper_is_what_was_measured():
    """gamma * mean(T_i), and the very numbers that predictions report."""
    asked = model(selector_cfg(costs=[.104, .257, .666]), None)
    found = rated(gumbel(asked, preset='paper'), asked, drawn())
    assert found['loss_res_cost'].item() == pytest.approx(.1 * (.104 + .257 + .666) / 3)
    assert found['res_cost'].item() == pytest.approx((.104 + .257 + .666) / 3)
    assert asked.selector.costs.tolist() == pytest.approx([.104, .257, .666])


def test_accuracy_of_the_official_code_is_the_loss_at_the_drawn_scale():
    """Of one-hot decisions; its gradient is that of blended logits, section 4."""
    candidates = read()
    asked = model(selector_cfg(costs=1.5), candidates)
    decisions = torch.eye(3)[[0, 1, 2]].requires_grad_()
    found = rated(gumbel(asked), asked, drawn(decisions))['loss_res_acc']
    words = candidates.labels

    def loss(shares):
        blended = torch.einsum('kn,kntc->ntc', shares[candidates.image_index].T, candidates.logits)
        return (F.ctc_loss(blended.log_softmax(-1).transpose(0, 1), words.indexes, words.frames,
                           words.lengths, 6, reduction='none') / 3).mean()

    again = decisions.detach().clone().requires_grad_()
    expected = loss(again)
    torch.testing.assert_close(found, expected)
    torch.testing.assert_close(*(torch.autograd.grad(value, to)[0] for value, to in
                                 ((found, decisions), (expected, again))))


def test_accuracy_of_the_paper_is_the_divergence_from_the_teacher():
    """KL(teacher || sum_i h_i y_i) of probabilities, per frame; 0 where they agree."""
    candidates = read()
    asked = model(selector_cfg(), candidates)
    objective = gumbel(asked, preset='paper')
    teacher = torch.randn(3, 8, 7)
    found = rated(objective, asked, drawn(), Reading((teacher, )))['loss_res_acc']
    chosen = candidates.logits[[0, 0, 2], [0, 1, 2]].log_softmax(-1)
    target = teacher.log_softmax(-1)
    torch.testing.assert_close(found, (target.exp() * (target - chosen)).sum(-1).mean())
    same = read(teacher.expand(3, -1, -1, -1))
    asked.read_at_scales = lambda *_: same
    assert rated(objective, asked, drawn(), Reading((teacher, )))['loss_res_acc'].abs() < 1e-6


def test_presets_are_those_of_the_specification():
    official, paper = GumbelObjective('official').accuracy, GumbelObjective('paper').accuracy
    assert (official.mode, official.combine, official.loss_weight) == ('ce', 'logits', 1.)
    assert (paper.mode, paper.combine, paper.kl_direction, paper.temperature) == (
        'kl', 'probs', 'teacher_student', 1.)
    assert GumbelObjective('paper').needs_teacher and not GumbelObjective('official').needs_teacher
    mixed = GumbelObjective('paper', accuracy={'mode': 'ce', 'loss_weight': .5})
    assert (mixed.accuracy.mode, mixed.accuracy.combine, mixed.accuracy.loss_weight) == (
        'ce', 'probs', .5)
    selector = MODELS.build(selector_cfg(OFFICIAL))
    assert [selector.tau for _ in [selector.set_epoch(49)]][0] == pytest.approx(.87, abs=.005)


def test_gradient_of_a_drawn_selector_in_closed_form():
    """p (v - <p, v>) / tau, section 3.3, of both losses together."""
    asked = model(selector_cfg(costs=1.5), read())
    objective = gumbel(asked)
    logits = torch.randn(3, 3, dtype=torch.float64, requires_grad=True)
    torch.manual_seed(3)
    decisions = asked.selector.sample(logits)
    torch.manual_seed(3)
    noise = -torch.empty_like(logits).exponential_().log()
    results = rated(objective, asked, drawn(decisions, logits))
    total = results['loss_res_acc'] + results['loss_res_cost']
    (v, ) = torch.autograd.grad(total, decisions, retain_graph=True)
    total.backward()
    p = ((logits + noise) / 5).softmax(-1).detach()
    torch.testing.assert_close(logits.grad, p * (v - (p * v).sum(-1, keepdim=True)) / 5,
                               atol=1e-6, rtol=1e-4)


def test_one_scale_has_no_gradient():
    asked = model(selector_cfg([.5], costs=1.5), read(torch.randn(1, 3, 8, 7)))
    logits = torch.randn(3, 1, requires_grad=True)
    decisions = asked.selector.sample(logits)
    results = rated(gumbel(asked), asked, drawn(decisions, logits))
    assert results['loss_res_cost'].item() == pytest.approx(.1 * .5**1.5)
    (results['loss_res_acc'] + results['loss_res_cost']).backward()
    assert logits.grad.abs().max() < 1e-7


def test_gamma_zero_is_pure_accuracy():
    asked = model(selector_cfg(), read())
    decisions = torch.eye(3).requires_grad_()
    results = rated(gumbel(asked, cost={'loss_weight': 0.}), asked, drawn(decisions))
    assert results['loss_res_cost'] == 0 < results['loss_res_acc']
    both, = torch.autograd.grad(results['loss_res_acc'] + results['loss_res_cost'], decisions,
                                retain_graph=True)
    accuracy, = torch.autograd.grad(results['loss_res_acc'], decisions)
    assert torch.equal(both, accuracy)


@pytest.mark.parametrize('words', [(), None])
def test_without_words_only_the_cost_is_left(words):
    asked = model(selector_cfg(), None)
    decisions = torch.eye(3).requires_grad_()
    results = rated(gumbel(asked), asked, drawn(decisions), words=words)
    assert results['loss_res_acc'] == 0 < results['loss_res_cost']
    results['loss_res_acc'].backward()
    assert (decisions.grad == 0).all()  # DDP has seen it


def test_what_a_log_shows():
    asked = model(selector_cfg(costs=1.5), None)
    logits = torch.tensor([[0., 0., 0.], [500., 0., 0.]], requires_grad=True)
    asked.selector.set_epoch(10)
    results = rated(gumbel(asked), asked, drawn(torch.eye(3)[:2], logits))
    assert results['res_entropy'].item() == pytest.approx(math.log(3) / 2)  # not NaN
    costs = [s**1.5 for s in SCALES]
    assert results['res_cost'].item() == pytest.approx((sum(costs) / 3 + costs[0]) / 2)
    assert results['tau'].item() == pytest.approx(3.5, abs=.01)
    assert not any(results[name].requires_grad for name in ('res_entropy', 'res_cost', 'tau'))


def test_reading_the_same_at_every_scale_is_refused():
    """Crops of the full image would leave the cost alone, which takes the smallest scale."""
    asked = model(selector_cfg(), spotter=SimpleNamespace(crop_from='full'))
    with pytest.raises(ValueError, match="crop_from='full'.*the cost alone.*ErrorObjective"):
        gumbel(asked)
    build_objective({'type': 'ErrorObjective'}, model(expecting_cfg(), spotter=asked.spotter))
    with pytest.raises(ValueError, match='nobody does: give recognizer'):
        gumbel(model(selector_cfg(), spotter=SimpleNamespace(reads=False)))


# Errors


def source(errors, **fields):
    """An error source that knows."""
    return {'type': _Known, 'errors': errors, **fields}


class _Known:
    needs_words = False

    def __init__(self, errors):
        self.errors = torch.tensor(errors)

    def __call__(self, model, inputs, data_samples, words):
        assert words is None
        return self.errors


def expected(scores, **fields):
    return ScaleChoice([.3] * len(scores), [.1] * len(scores), scores, 'errors',
                       [0] * len(scores))


def test_predicted_errors_are_compared_with_those_that_were_made():
    asked = model(expecting_cfg(), price=2.)
    errors = [[3., 1., 0.], [math.nan] * 3, [0., 0., 2.]]
    objective = ErrorObjective(source(errors), {'kind': 'squared', 'loss_weight': .5})
    predicted = torch.rand(3, 3, requires_grad=True)
    results = rated(objective, asked, expected(predicted), words=None)
    torch.testing.assert_close(
        results['loss_res_error'],
        .5 * (predicted - torch.tensor(errors))[[0, 2]].square().mean())
    results['loss_res_error'].backward()
    assert predicted.grad[[0, 2]].all() and not predicted.grad[1].any()
    totals = predicted.detach() + 2. * torch.tensor(SCALES)**2
    costs = torch.tensor(SCALES)**2
    torch.testing.assert_close(results['res_cost'], costs[totals.argmin(1)].mean())


def test_defaults_look_at_every_scale():
    objective = ErrorObjective()
    assert isinstance(objective.errors, PassErrors) and objective.needs_words
    assert isinstance(objective.loss, ExpectedErrorLoss) and objective.loss.kind == 'poisson'
    assert not objective.needs_teacher and not ErrorObjective(source([[0.]])).needs_words


@pytest.mark.parametrize('objective, selector, message', [
    ({'type': 'ErrorObjective'}, selector_cfg(), "predicts='errors', this one has predicts='logi"),
    ({'type': 'GumbelObjective'}, expecting_cfg(), "predicts='logits', this one has predicts='err"),
    ({'type': 'ErrorObjective'}, None, 'there is none'),
    ({'type': 'GumbelObjective', 'preset': 'ours'}, selector_cfg(), "preset='ours' is unknown"),
    ({'type': 'GumbelObjective', 'cost': {'budget': .01}}, selector_cfg(), 'cannot be met'),
    ({'type': 'GumbelObjective', 'accuracy': {'mode': 'l1'}}, selector_cfg(), "mode='l1'"),
])
def test_bad_objectives(objective, selector, message):
    with pytest.raises(ValueError, match=message):
        build_objective(objective, model(selector))


def test_something_else_than_an_objective():
    with pytest.raises(TypeError, match='FeatureL2Loss, expected an ErrorObjective or'):
        build_objective({'type': 'FeatureL2Loss'}, model(selector_cfg()))
    with pytest.raises(TypeError, match='FeatureL2Loss, expected an ExpectedErrorLoss'):
        ErrorObjective(loss={'type': 'FeatureL2Loss'})


@pytest.mark.parametrize('fields', [{'type': 'ErrorObjective'}, {'type': 'GumbelObjective'}])
def test_no_key_in_checkpoints(fields):
    selector = expecting_cfg() if fields['type'] == 'ErrorObjective' else selector_cfg()
    built = build_objective(fields, model(selector))
    assert isinstance(built, Objective) and not built.state_dict()
