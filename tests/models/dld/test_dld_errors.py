"""Selectors that learn how many errors to expect, and students left as they are."""
import copy

import pytest
import torch
from tiny_dld import (
    SCALES,
    SKD,
    WORDS,
    dld,
    expecting_cfg,
    pages,
    prepared,
    same,
    state,
    student_cfg,
    tight,
)
from tiny_recog import checkpoint
from tiny_spotter import page

from mmocr_kd.evaluation.polygon_overlaps import to_geometries
from mmocr_kd.losses import ExpectedErrorLoss
from mmocr_kd.measure import ImageRating, RatingsFile
from mmocr_kd.models.dld.error_sources import truths_of

ERRORS = {'objective': {'type': 'ErrorObjective'}, 'selector': expecting_cfg()}
EMPTY = page([], size=(64, 100))


@pytest.fixture(scope='module')
def spec(tmp_path_factory):
    return checkpoint(tmp_path_factory.mktemp('teacher') / 'teacher.pth', student_cfg(), seed=5)


def with_gradients(model):
    return {name.split('.')[0] for name, p in model.named_parameters()
            if p.grad is not None and p.grad.abs().sum() > 0}


def test_errors_train_the_selector_alone(spec):
    model = dld(spec, **ERRORS, initialise=True).train()
    losses = model.loss(*prepared(model))
    assert not {'loss_res_acc', 'loss_res_cost'} & set(losses)
    losses['loss_res_error'].backward(retain_graph=True)
    assert with_gradients(model) == {'selector'}
    model.zero_grad()
    sum(value for name, value in losses.items()
        if 'loss' in name and name != 'loss_res_error').backward()
    assert with_gradients(model) == {'student'}


@pytest.mark.parametrize('images', [
    pages(), [EMPTY, page(WORDS)], [page(WORDS), EMPTY], [page([]), EMPTY],
    [page([('Ünïcode', (10, 50))])]], ids=['middle', 'first', 'last', 'none', 'unreadable'])
@pytest.mark.parametrize('train_student', [True, False])
def test_every_trainable_parameter_gets_a_finite_gradient(images, train_student):
    model = dld(**ERRORS, train_student=train_student).train()
    loss, _ = model.parse_losses(model.loss(*prepared(model, *images)))
    loss.backward()
    for name, p in model.named_parameters():
        assert p.requires_grad == (train_student or name.startswith('selector'))
        assert not p.requires_grad or p.grad.isfinite().all(), name


def test_a_student_left_as_it_is(spec):
    model = dld(spec, losses={}, **ERRORS, train_student=False, initialise=True)
    before = state(model)
    optimizer = torch.optim.Adam([p for p in model.parameters() if p.requires_grad], 1e-2)
    data = prepared(model)
    for _ in range(2):
        model.train()
        assert model.training and model.selector.training
        assert not any(module.training for module in model.student.modules())
        optimizer.zero_grad()
        losses = model.loss(*data)
        assert {name for name in losses if 'loss' in name} == {'loss_res_error'}
        losses['loss_res_error'].backward()
        optimizer.step()
    after = state(model)
    moved = {key.split('.')[0] for key in after
             if not torch.equal(after[key].nan_to_num(), before[key].nan_to_num())}
    assert moved == {'selector'}
    dld(losses={}, **ERRORS).load_state_dict(after, strict=True)


def test_both_ways_to_leave_it_rate_scales_alike(spec):
    """What the selector learns does not depend on whether the student learns, too."""
    losses = []
    for train_student in (True, False):
        model = dld(spec, losses={}, **ERRORS, train_student=train_student,
                    initialise=True).train()
        losses.append(model.loss(*prepared(model))['loss_res_error'])
    torch.testing.assert_close(*losses)


def test_the_student_is_not_run_at_the_chosen_scale():
    model = dld(**ERRORS, train_student=False).train()
    model.student.losses_and_reading = None  # would fail if called
    assert model.loss(*prepared(model))['loss_res_error'].isfinite()


def test_evaluation_comes_and_goes():
    model = dld(**ERRORS, train_student=False).train().eval()
    assert not any(module.training for module in model.modules())
    before = state(model)
    model.predict(*prepared(model))
    model.train()
    assert model.selector.training and not model.student.training
    before.pop('selector.mean_costs')
    assert same(before, {key: model.state_dict()[key] for key in before})


def test_nothing_to_train():
    with pytest.raises(ValueError, match='train_student=False'):
        dld(selector=None, losses={}, scale_factors=[.5], train_student=False)


def test_losses_of_a_student_that_is_not_trained(spec):
    with pytest.raises(ValueError, match="'context', 'roi', 'sequence'"):
        dld(spec, losses=SKD, **ERRORS, train_student=False)


def test_errors_are_those_of_prediction_at_each_scale(spec):
    """Found and read: counted again from what the model itself finds when it is told the scale."""
    model = tight(dld(spec, losses={}, **ERRORS, train_student=False, initialise=True)).eval()
    inputs, samples = prepared(model)
    words = model.student.words_of(samples)
    errors = model.objective.errors(model, inputs, samples, words)
    assert errors.shape == (3, 3) and errors.isfinite().all()
    for k, scale in enumerate(SCALES):
        model._chooser.test_scale = scale
        for b, found in enumerate(model.predict(inputs, samples)):
            kept = [polygon for polygon, score in zip(
                found.pred_instances.polygons, found.pred_instances.scores) if score >= .5]
            truth = truths_of([samples[b]])[0]
            hit, alarms = truth.found_by(to_geometries(kept, 'found', [False] * len(kept)))
            least = len(truth.words) - hit.sum() + .5 * alarms
            assert least - 1e-4 <= errors[b, k] <= len(truth.words) + .5 * alarms + 1e-4


def test_stored_errors_need_no_spotter(spec, tmp_path):
    """Neither words nor passes: loading, shrinking and the selector are all there is."""
    wanted = dict(config='c.py', checkpoint='c.pth', identity='1', split='train',
                  scales=[*SCALES, 1.], thresholds=[.5], protocol='e2e')
    measured = dict(size=[96, 160], macs=[1, 2, 3, 4], ms=[1., 2., 3., 4.])
    with RatingsFile(tmp_path / 'r.jsonl', wanted, lambda: measured) as file:
        file.write(ImageRating('tiny.png', 2, [[0], [1], [2], [2]], [[0]] * 4, None))
    errors = {'type': 'StoredErrors', 'file': str(tmp_path / 'r.jsonl')}
    model = dld(losses={}, objective={'type': 'ErrorObjective', 'errors': errors},
                selector=expecting_cfg(), train_student=False).train()
    for name in ('words_of', 'detect', 'read_along', 'losses_and_reading', 'forward'):
        setattr(model.student, name, None)  # would fail if called
    inputs, samples = prepared(model)
    selector = copy.deepcopy(model.selector)  # the mean of what happens moves with each batch
    losses = model.loss(inputs, samples)
    assert set(losses) == {'loss_res_error', 'res_scale_mean', 'res_cost'}
    expected = ExpectedErrorLoss()(selector(model.student.normalized(inputs, samples), samples),
                                   torch.tensor([[2., 1., 0.]] * 3))
    torch.testing.assert_close(model.selector.mean_errors, torch.tensor([2., 1., .01]))
    torch.testing.assert_close(losses['loss_res_error'], expected['loss_res_error'])


def test_expected_errors_are_what_is_chosen_by(spec):
    model = dld(**ERRORS)
    inputs, samples = prepared(model)
    model.train()
    expected = model.expected_errors(inputs, samples)
    assert model.training and model.selector.training and not expected.requires_grad
    model.student.detect = None  # nobody is asked
    torch.testing.assert_close(expected, model.expected_errors(inputs, samples), rtol=0, atol=0)
    model = dld(**ERRORS).eval()
    for one, row in zip(model.predict(inputs, samples), expected.tolist()):
        assert one.dld_errors == row
        costs = [row[k] + scale**2 for k, scale in enumerate(SCALES)]
        assert one.dld_scale_index == costs.index(min(costs))
    with pytest.raises(ValueError, match="no selector with predicts='errors'"):
        dld().expected_errors(inputs, samples)


def test_price_is_a_field_of_the_model():
    scales = []
    for price in (0., 1e9):
        model = dld(**ERRORS, price=price).eval()
        scales.append({one.dld_scale for one in model.predict(*prepared(model))})
    assert scales[1] == {min(SCALES)} != scales[0]


def test_after_a_training_pass_that_failed_it_predicts():
    model = dld(losses={}, **ERRORS)
    data = prepared(model)
    decoder = model.student.recognizer.decoder
    whole, decoder.module_loss.forward = decoder.module_loss.forward, None
    with pytest.raises(TypeError):
        model.train().loss(*data)
    decoder.module_loss.forward = whole
    assert len(model.eval().predict(*data)) == 3
    assert model.train().loss(*data)['loss_res_error'].isfinite()
