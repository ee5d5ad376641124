"""Weights that are solved for, against closed forms."""
import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from mmengine.logging import MessageHub
from torch import nn

from mmocr_kd.distill import (
    AutoWeight,
    Comparison,
    Distiller,
    RecordingError,
    Source,
    Teacher,
    TensorComparison,
    Term,
    build_weight,
)


@pytest.fixture(autouse=True)
def no_runner(monkeypatch):
    """Trainings that other tests broke off would answer."""
    monkeypatch.setattr(MessageHub, '_instance_dict', {})


def pulls(features, task, term):
    """Losses whose gradients with respect to the features have these norms."""
    direction = torch.ones_like(features) / math.sqrt(features.numel())
    return [(features * direction).sum() * task], [(features * direction).sum() * -term]


def features(dtype=torch.float32):
    return torch.randn(2, 3, requires_grad=True, dtype=dtype) * 1


@given(st.floats(.01, 100), st.floats(.01, 100), st.floats(.1, 2))
def test_the_terms_pull_is_the_wanted_share_of_the_tasks(task, term, share):
    shared = features()
    weight = AutoWeight(share).step('t', *pulls(shared, task, term), shared)
    assert weight == pytest.approx(share * task / term, rel=1e-4)


def test_it_is_solved_anew_every_few_steps_and_then_averaged():
    auto, shared, found = AutoWeight(.5, every=3), features(), []
    for pull in (1., 9., 9., 4., 9., 9., 9.):
        found.append(auto.step('t', *pulls(shared, 2 * pull, 1.), shared))
    assert found == pytest.approx([1., 1., 1., 2., 2., 2., math.sqrt(2 * 9)], rel=1e-5)


def test_only_these_steps_pay_a_backward_pass(monkeypatch):
    calls, grad = [], torch.autograd.grad
    monkeypatch.setattr(torch.autograd, 'grad', lambda *a, **k: calls.append(1) or grad(*a, **k))
    auto, shared = AutoWeight(every=4), features()
    for _ in range(9):
        auto.step('t', *pulls(shared, 1., 1.), shared)
    assert len(calls) == 2 * 3


@pytest.mark.parametrize('task, term', [(1., 0.), (0., 1.), (1., math.inf), (math.nan, 1.)])
def test_a_batch_that_tells_nothing_is_passed_over(task, term):
    auto, shared = AutoWeight(.5, every=10), features()
    assert auto.step('t', *pulls(shared, task, term), shared) == 1
    assert auto.step('t', *pulls(shared, 6., 1.), shared) == pytest.approx(3.)
    assert auto.step('t', *pulls(shared, 60., 1.), shared) == pytest.approx(3.)


@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16, torch.float64])
def test_gradients_that_a_half_could_not_hold_are_measured(dtype):
    shared = features(dtype)
    tiny = 1e-7  # float16 has nothing between 0 and 6e-8
    weight = AutoWeight(1.).step('t', [(shared.float() * tiny).sum() * 2],
                                 [(shared.float() * tiny).sum()], shared)
    assert weight == pytest.approx(2., rel=.02)


def test_where_nothing_learns_nothing_is_solved():
    shared = features()
    auto = AutoWeight()
    with torch.no_grad():
        assert auto.step('t', *pulls(shared, 1., 1.), shared) == 1
    with pytest.raises(RecordingError, match='all that leads to them is frozen'):
        auto.step('t', *pulls(shared, 1., 1.), shared.detach())


@pytest.mark.parametrize('fields, words', [
    (dict(share=0), 'share=0'), (dict(share=math.inf), 'share=inf'), (dict(every=0), 'every=0'),
    (dict(every=2.5), 'every=2.5')])
def test_fields_out_of_range_are_refused(fields, words):
    with pytest.raises(ValueError, match=words):
        build_weight('auto', **fields)


@pytest.mark.parametrize('weight, fields, words', [
    ('best', {}, "loss_weight='best'"), (0., {}, 'loss_weight=0.0'), (math.nan, {}, 'nan'),
    (2., dict(share=.5), 'mean nothing to loss_weight=2.0')])
def test_other_weights_are_refused(weight, fields, words):
    with pytest.raises(ValueError, match=words):
        build_weight(weight, **fields)


# --- in a distiller ------------------------------------------------------------------------------


class Still(Teacher):

    def bind(self, student, wanted):
        self.names = list(wanted)

    def __call__(self, inputs, data_samples):
        return {name: torch.zeros(4, 3) for name in self.names}


class Square(nn.Module):

    def forward(self, student, teacher, mask):
        return {'loss_square': ((student - teacher)**2).sum(), 'seen': student.mean()}


def distilled(weight, seed=0, **fields):
    torch.manual_seed(seed)
    student = nn.Sequential(nn.Linear(5, 6), nn.Linear(6, 3))
    comparison = TensorComparison(Source('1'), **fields)
    distiller = Distiller({'kd': Term(Square(), comparison, Still(), weight=weight)})
    distiller.attach(student)
    return student, distiller


def test_the_gradients_of_a_step_are_in_the_wanted_ratio():
    """Of the layer before the recorded one, by autograd, without the engine."""
    student, distiller = distilled(AutoWeight(.25), shared=Source('0'))
    x = torch.randn(4, 5)
    losses = distiller.around(
        lambda: {'loss_task': student(x).abs().sum() * 7, 'acc': torch.tensor(9.)}, x, ())
    hidden = student[0](x).detach().requires_grad_()
    output = student[1](hidden)
    task, = torch.autograd.grad(output.abs().sum() * 7, hidden, retain_graph=True)
    term, = torch.autograd.grad((output**2).sum(), hidden)
    weight = losses['weight_kd'].item()
    assert weight * term.norm().item() == pytest.approx(.25 * task.norm().item(), rel=1e-4)
    square = weight * (output**2).sum().item()
    assert losses['loss_square'].item() == pytest.approx(square, rel=1e-4)
    assert losses['seen'].item() == pytest.approx(output.mean().item(), rel=1e-4)  # only logged
    sum(value for key, value in losses.items() if 'loss' in key).backward()  # the graph is whole


def test_the_recorded_tensor_itself_is_shared_by_default():
    student, distiller = distilled(AutoWeight(1.))
    x = torch.randn(4, 5)
    losses = distiller.around(lambda: {'loss_task': student(x).sum() * 3}, x, ())
    # The gradient of the task is 3 everywhere, that of the term 2 times the output.
    expected = 3 * math.sqrt(12) / (2 * student(x).norm().item())
    assert losses['weight_kd'].item() == pytest.approx(expected, rel=1e-4)


def test_terms_without_a_teacher_are_the_task_with_their_weights():
    torch.manual_seed(0)
    student = nn.Linear(5, 3)

    class Labels(nn.Module):
        def forward(self, student, teacher, mask):
            return {'loss_labels': student.sum()}

    class Alone(Comparison):
        student, teacher = {'it': Source('')}, {}

        def after(self, ours, theirs, noted):
            return ours['it'], None, None

    def distiller(weight, teacher):
        comparison = TensorComparison(Source(''))
        return Distiller({'labels': Term(Labels(), Alone(), None, weight=weight),
                          'kd': Term(Square(), comparison, teacher, weight=AutoWeight(1.))})

    model = distiller(3., Still())
    model.attach(student)
    x = torch.randn(4, 5)
    losses = model.around(lambda: student(x) is None or {}, x, ())
    expected = 3 * math.sqrt(12) / (2 * student(x).norm().item())
    assert losses['weight_kd'].item() == pytest.approx(expected, rel=1e-4)
    with pytest.raises(ValueError, match="of 'labels': it needs no teacher"):
        distiller(AutoWeight(), Still())


def test_without_a_task_there_is_no_share():
    student, distiller = distilled(AutoWeight())
    x = torch.randn(4, 5)
    with pytest.raises(ValueError, match="of 'kd' is a share of the task.*HardLabelLoss"):
        distiller.around(lambda: {'acc': student(x).sum()}, x, ())
