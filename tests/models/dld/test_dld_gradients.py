"""One training step of a DLD spotter: which loss reaches what, also where words are few."""
import copy

import pytest
import torch
from tiny_dld import (
    WORDS,
    choose,
    dld,
    prepared,
    selector_cfg,
    student_cfg,
)
from tiny_recog import checkpoint, crnn_cfg
from tiny_spotter import page, sample, spotter_cfg

DETECTION = ('det.loss_prob', 'det.loss_thr', 'det.loss_db')
# What each loss trains: parts of the model by the beginning of their parameters' names.
ROUTES = {
    **{name: {'student.detector'} for name in DETECTION},
    'rec.loss_ctc': {'student.recognizer.backbone', 'student.recognizer.decoder'},
    'loss_kd_roi': {'student.recognizer.backbone'},
    'loss_kd_context': {'student.recognizer.backbone', 'student.recognizer.decoder'},
    'loss_kd_seq': {'student.recognizer.backbone', 'student.recognizer.decoder'},
    'loss_res_acc': {'selector'},
    'loss_res_cost': {'selector'},
}
PARTS = set().union(*ROUTES.values())


@pytest.fixture(scope='module')
def spec(tmp_path_factory):
    return checkpoint(tmp_path_factory.mktemp('teacher') / 'teacher.pth', student_cfg(), seed=5)


def reached(model):
    """Parts some gradient has come to, and whether any other parameter got one."""
    names = {name for name, p in model.named_parameters()
             if p.grad is not None and p.grad.abs().sum() > 0}
    parts = {part for part in PARTS if any(name.startswith(part) for name in names)}
    assert all(name.startswith(tuple(PARTS)) for name in names)
    return parts


def total(model, losses):
    return model.parse_losses(losses)[0]


# --- where gradients go


@pytest.fixture(scope='module')
def routed(tmp_path_factory):
    """A model with a recurrent recogniser unlike its teacher, and its losses of one batch."""
    student = spotter_cfg(recognizer=crnn_cfg(low_res=False))
    spec = checkpoint(tmp_path_factory.mktemp('routed') / 'teacher.pth', student, seed=5)
    model = dld(spec, student=student, init_student_from_teacher=False).train()
    return model, model.loss(*prepared(model))


def test_the_losses_are_those(routed):
    assert {name for name in routed[1] if 'loss' in name} == set(ROUTES)


@pytest.mark.parametrize('name', ROUTES)
def test_each_loss_reaches_what_it_should(routed, name):
    model, losses = routed
    model.zero_grad()
    losses[name].backward(retain_graph=True)
    assert reached(model) == ROUTES[name]
    teacher = model._teacher.model
    assert all(p.grad is None and not p.requires_grad for p in teacher.parameters())


def test_contextual_features_do_not_train_the_classifier(routed):
    model, losses = routed
    model.zero_grad()
    losses['loss_kd_context'].backward(retain_graph=True)
    layers = model.student.recognizer.decoder.decoder
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in layers[1].rnn.parameters())
    assert all(p.grad is None for p in layers[1].embedding.parameters())


@pytest.mark.parametrize('accuracy', [
    {'combine': 'probs'}, {'combine': 'loss'}, {'mode': 'kl'}, {'mode': 'kl', 'combine': 'probs'}])
def test_accuracy_trains_the_selector_alone_in_all_forms(spec, accuracy):
    model = dld(spec, losses={}, objective={'type': 'GumbelObjective', 'accuracy': accuracy},
                init_student_from_teacher=False).train()
    model.loss(*prepared(model))['loss_res_acc'].backward()
    assert reached(model) == {'selector'}
    assert all(p.grad is not None for p in model.selector.parameters())


def test_statistics_are_logged_and_train_nothing(routed):
    model, losses = routed
    extra = {name: value for name, value in losses.items() if 'loss' not in name}
    assert set(extra) == {'res_scale_mean', 'res_entropy', 'res_cost', 'tau'}
    assert not any(value.requires_grad for value in extra.values())
    assert .3 <= extra['res_scale_mean'] <= .8 and 0 < extra['res_entropy'] <= 1.0987
    assert extra['tau'].item() == pytest.approx(5.)
    whole, logged = model.parse_losses(losses)
    torch.testing.assert_close(whole, sum(losses[name] for name in ROUTES))
    assert set(extra) <= set(logged)


# --- batches with few words or none


def ignored():
    image, _ = page(WORDS)
    return image, sample([[10, 10, 60, 10, 60, 40, 10, 40]], ['cat'], ignored=[True])


def tiny_word():
    """Two pixels wide: less than one at the smallest scale."""
    image, _ = page([])
    return image, sample([[10, 10, 12, 10, 12, 12, 10, 12]], ['i'])


EMPTY, TEXT, OTHER = page([], size=(64, 100)), page(WORDS), page([('owl', (12, 40))])
BATCHES = {
    'first': [EMPTY, TEXT, OTHER], 'middle': [TEXT, EMPTY, OTHER], 'last': [TEXT, OTHER, EMPTY],
    'one': [TEXT], 'none': [EMPTY, page([])], 'one none': [page([])], 'ignored': [ignored()],
    'some ignored': [ignored(), TEXT], 'unreadable': [page([('Ünïcode', (10, 50))])],
    'tiny': [tiny_word(), TEXT], 'only tiny': [tiny_word()],
}


@pytest.fixture(scope='module')
def whole(spec):
    return dld(spec, initialise=True)


@pytest.mark.parametrize('name', BATCHES)
def test_every_parameter_gets_a_finite_gradient(whole, name):
    model = copy.deepcopy(whole).train()
    data = prepared(model, *BATCHES[name])
    for scale in (0, 2):  # the smallest and the largest
        model.zero_grad()
        choose(model, *[scale] * len(BATCHES[name]))
        scores = model.selector.forward(None)
        model.selector.forward = lambda inputs, samples=None, scores=scores: (
            scores + type(model.selector).forward(model.selector, inputs, samples))
        losses = model.loss(*data)
        assert {'loss_res_acc', 'loss_res_cost'} <= set(losses)
        loss = total(model, losses)
        loss.backward()
        assert loss.isfinite()
        for key, p in model.named_parameters():
            assert p.grad is not None and p.grad.isfinite().all(), key


@pytest.mark.parametrize('name', ['none', 'ignored', 'unreadable'])
def test_without_words_detection_and_cost_are_left(whole, name):
    model = copy.deepcopy(whole).train()
    losses = model.loss(*prepared(model, *BATCHES[name]))
    assert {key for key in losses if 'loss' in key} == {
        *DETECTION, 'rec.loss_idle', 'loss_res_acc', 'loss_res_cost'}
    assert losses['rec.loss_idle'] == losses['loss_res_acc'] == 0 < losses['loss_res_cost']


def test_neither_teacher_nor_candidates_run_without_words(whole):
    model = copy.deepcopy(whole).train()
    model._teacher = None  # would fail if asked
    model.student.read_along = None
    assert total(model, model.loss(*prepared(model, EMPTY))).isfinite()


@pytest.mark.parametrize('norm', [{'type': 'BN'}, {'type': 'GN', 'num_groups': 2}])
def test_images_smaller_than_the_selectors_stride(spec, norm):
    model = dld(spec, selector=selector_cfg(norm_cfg=norm)).train()
    small = page([('i', (2, 19))], size=(20, 31))
    losses = model.loss(*prepared(model, small, page([], size=(8, 8))))
    total(model, losses).backward()
    assert all(p.grad.isfinite().all() for p in model.parameters())
