"""Selectors that are taught which scales would have been good, and students left as they are."""
import pytest
import torch
from tiny_dld import SKD, WORDS, dld, pages, prepared, same, state, student_cfg
from tiny_recog import checkpoint
from tiny_spotter import page

TARGET = {'target': {}, 'cost': {}}
EMPTY = page([], size=(64, 100))


@pytest.fixture(scope='module')
def spec(tmp_path_factory):
    return checkpoint(tmp_path_factory.mktemp('teacher') / 'teacher.pth', student_cfg(), seed=5)


def with_gradients(model):
    return {name.split('.')[0] for name, p in model.named_parameters()
            if p.grad is not None and p.grad.abs().sum() > 0}


def test_the_target_trains_the_selector_alone(spec):
    model = dld(spec, losses={**SKD, **TARGET}, initialise=True).train()
    losses = model.loss(*prepared(model))
    assert not {'loss_res_acc', 'loss_res_cost'} & set(losses)
    losses['loss_res_target'].backward(retain_graph=True)
    assert with_gradients(model) == {'selector'}
    model.zero_grad()
    sum(value for name, value in losses.items()
        if 'loss' in name and name != 'loss_res_target').backward()
    assert with_gradients(model) == {'student'}


@pytest.mark.parametrize('images', [
    pages(), [EMPTY, page(WORDS)], [page(WORDS), EMPTY], [page([]), EMPTY],
    [page([('Ünïcode', (10, 50))])]], ids=['middle', 'first', 'last', 'none', 'unreadable'])
@pytest.mark.parametrize('train_student', [True, False])
def test_every_trainable_parameter_gets_a_finite_gradient(images, train_student):
    model = dld(losses=TARGET, train_student=train_student).train()
    loss, _ = model.parse_losses(model.loss(*prepared(model, *images)))
    loss.backward()
    for name, p in model.named_parameters():
        assert p.requires_grad == (train_student or name.startswith('selector'))
        assert not p.requires_grad or p.grad.isfinite().all(), name


def test_a_student_left_as_it_is(spec):
    model = dld(spec, losses=TARGET, train_student=False, initialise=True)
    before = state(model)
    optimizer = torch.optim.Adam([p for p in model.parameters() if p.requires_grad], 1e-2)
    data = prepared(model)
    for _ in range(2):
        model.train()
        assert model.training and model.selector.training
        assert not any(module.training for module in model.student.modules())
        optimizer.zero_grad()
        losses = model.loss(*data)
        assert {name for name in losses if 'loss' in name} == {'loss_res_target'}
        losses['loss_res_target'].backward()
        optimizer.step()
    after = state(model)
    moved = {key.split('.')[0] for key in after if not torch.equal(after[key], before[key])}
    assert moved == {'selector'}
    dld(losses={}).load_state_dict(after, strict=True)


def test_both_ways_to_leave_it_rate_scales_alike(spec):
    """What the selector learns does not depend on whether the student learns, too."""
    losses = []
    for train_student in (True, False):
        model = dld(spec, losses=TARGET, train_student=train_student, initialise=True).train()
        losses.append(model.loss(*prepared(model))['loss_res_target'])
    torch.testing.assert_close(*losses)


def test_the_student_is_not_run_at_the_chosen_scale():
    model = dld(losses=TARGET, train_student=False).train()
    model.student.losses_and_reading = None  # would fail if called
    assert model.loss(*prepared(model))['loss_res_target'].isfinite()


def test_evaluation_comes_and_goes():
    model = dld(losses=TARGET, train_student=False).train().eval()
    assert not any(module.training for module in model.modules())
    before = state(model)
    model.predict(*prepared(model))
    model.train()
    assert model.selector.training and not model.student.training
    assert same(before, model.state_dict())


def test_nothing_to_train():
    with pytest.raises(ValueError, match='train_student=False'):
        dld(selector=None, losses={}, scale_factors=[.5], train_student=False)


def test_losses_of_a_student_that_is_not_trained(spec):
    with pytest.raises(ValueError, match="'context', 'roi', 'sequence'"):
        dld(spec, losses={**SKD, **TARGET}, train_student=False)
