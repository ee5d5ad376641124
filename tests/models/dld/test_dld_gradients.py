"""One training step of a DLD spotter: which loss reaches what, and what stays as it is."""
import copy

import pytest
import torch
from mmengine.structures import InstanceData
from mmocr.registry import MODELS
from tiny_dld import (
    DRS,
    SCALES,
    SKD,
    WORDS,
    choose,
    contents,
    dld,
    pages,
    prepared,
    same,
    selector_cfg,
    state,
    student_cfg,
)
from tiny_recog import checkpoint, crnn_cfg
from tiny_spotter import page, sample, spotter_cfg
from torch.nn.modules.batchnorm import _BatchNorm

from mmocr_kd.losses import Reading

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


def frozen_norms(model):
    """Into training mode, all but batch normalisation."""
    model.train()
    for module in model.modules():
        if isinstance(module, _BatchNorm):
            module.eval()
    return model


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
    model = dld(spec, losses={'accuracy': accuracy}, init_student_from_teacher=False).train()
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
    model.student.rec_taps = None
    assert total(model, model.loss(*prepared(model, EMPTY))).isfinite()


@pytest.mark.parametrize('norm', [{'type': 'BN'}, {'type': 'GN', 'num_groups': 2}])
def test_images_smaller_than_the_selectors_stride(spec, norm):
    model = dld(spec, selector=selector_cfg(norm_cfg=norm)).train()
    small = page([('i', (2, 19))], size=(20, 31))
    losses = model.loss(*prepared(model, small, page([], size=(8, 8))))
    total(model, losses).backward()
    assert all(p.grad.isfinite().all() for p in model.parameters())


# --- what a step leaves alone


def test_data_is_left_alone(whole):
    """DB moves polygons and ignores small words in place; the words of the batch stay."""
    model = copy.deepcopy(whole).train()
    inputs, samples = prepared(model, TEXT, tiny_word(), EMPTY)
    before = inputs.clone(), contents(samples)
    choose(model, 0, 0, 2).loss(inputs, samples)
    assert torch.equal(inputs, before[0]) and contents(samples) == before[1]


def test_detection_targets_stand_on_the_canvas(whole):
    """Two images at .3 and .8: targets are as large as the prediction, words in their place."""
    model = choose(copy.deepcopy(whole).train(), 0, 2)
    seen = []
    module_loss = model.student.detector.det_head.module_loss
    targets = module_loss.get_targets
    module_loss.get_targets = lambda samples: seen.append((samples, targets(samples))) or seen[0][1]
    wide = page([], size=(96, 160))
    wide[1].gt_instances = InstanceData(
        polygons=[torch.tensor([20., 10, 140, 10, 140, 80, 20, 80]).numpy()], texts=['cat'],
        labels=torch.zeros(1, dtype=torch.long), ignored=torch.tensor([False]),
        bboxes=torch.zeros(1, 4).numpy())
    losses = model.loss(*prepared(model, wide, copy.deepcopy(wide)))
    assert all(losses[name].isfinite() for name in DETECTION)
    (samples, (shrunk, *_)), = seen
    assert [one.img_shape for one in samples] == [(96, 128)] * 2  # 28x47 and 76x127, padded
    for scale, height, mask in zip((.3, .8), (28, 76), shrunk):
        rows, columns = torch.nonzero(torch.as_tensor(mask).squeeze(), as_tuple=True)
        factor = height / 96
        assert 10 * factor <= rows.min() and rows.max() <= 80 * factor
        assert 20 * scale - 1 <= columns.min() and columns.max() <= 140 * scale + 1
        assert len(rows) > 100 * scale


def test_the_teacher_does_not_change(spec):
    model = dld(spec, initialise=True)
    optimizer = torch.optim.SGD(model.parameters(), .5)
    teacher, given = model._teacher.model, torch.load(spec['checkpoint'], weights_only=True)
    data = prepared(model)
    for _ in range(2):
        model.train()
        optimizer.zero_grad()
        total(model, model.loss(*data)).backward()
        optimizer.step()
    assert not any(module.training for module in teacher.modules())
    assert same(teacher.state_dict(), given['state_dict'])  # buffers too
    assert not same(model.student.state_dict(), given['state_dict'])
    assert all(p.grad is None for p in teacher.parameters())


def test_candidate_passes_leave_no_trace(spec):
    """With K = 1 the same training as at one fixed scale, statistics of normalisation included."""
    choosing = dld(spec, initialise=True, selector=selector_cfg([.5]))
    fixed = dld(spec, initialise=True, selector=None, scale_factors=[.5], losses=SKD)
    assert same(choosing.student.state_dict(), fixed.state_dict())
    before = state(fixed)
    for model in (choosing, fixed):
        model.train()
        model.student.detector.backbone.eval()
    modes = [module.training for module in choosing.student.modules()]
    data = prepared(fixed)
    ours, theirs = choosing.loss(*data), fixed.loss(*data)
    for name in theirs:
        assert torch.equal(ours[name], theirs[name]), name
    assert same(choosing.student.state_dict(), fixed.state_dict())
    after = fixed.state_dict()
    counts = [after[key] - before[key] for key in after if 'num_batches' in key]
    assert set(torch.stack(counts).tolist()) == {0, 1}  # frozen ones, and one pass of others
    assert any('recognizer' in key and 'running_mean' in key
               and not torch.equal(after[key], before[key]) for key in after)
    assert [module.training for module in choosing.student.modules()] == modes


# --- cases that must be equal


def test_one_scale_trains_no_selector(spec):
    model = dld(spec, initialise=True, selector=selector_cfg([.5])).train()
    losses = model.loss(*prepared(model))
    assert losses['loss_res_cost'].item() == pytest.approx(.1 * .5**1.5)
    assert losses['res_entropy'] == 0
    (losses['loss_res_acc'] + losses['loss_res_cost']).backward()
    assert losses['loss_res_acc'] > 0
    assert all(p.grad.abs().max() < 1e-7 for p in model.selector.parameters())


def test_at_full_resolution_it_is_self_distillation(spec):
    model = dld(spec, initialise=True, selector=None, scale_factors=[1.], losses=SKD)
    frozen_norms(model)
    data = prepared(model)
    losses = model.loss(*data)
    for name in ('loss_kd_roi', 'loss_kd_context'):
        model.zero_grad()
        losses[name].backward(retain_graph=True)
        assert losses[name] < 1e-9
        assert all(p.grad is None or p.grad.abs().max() < 1e-5 for p in model.parameters())
    taps = model._teacher.read(*data, model.student.words_of(data[1]))
    alone = Reading((taps.logits, ))
    expected = MODELS.build(SKD['sequence'])(alone, alone, taps.labels)['loss_kd_seq']
    torch.testing.assert_close(losses['loss_kd_seq'], expected, atol=1e-4, rtol=1e-4)


def test_jittered_words_are_the_same_for_all(spec):
    """Corners move at random, but once: for student and teacher alike."""
    jitter = {'size': (32, 100), 'jitter': .2}
    model = dld(spec, initialise=True, selector=None, scale_factors=[1.], losses=SKD,
                student=student_cfg(crop=jitter))
    frozen_norms(model)
    inputs, samples = prepared(model)
    quads = [model.student.words_of(samples).quads for _ in range(2)]
    assert (quads[0] - quads[1]).abs().max() > 1
    losses = model.loss(inputs, samples)
    assert losses['loss_kd_roi'] < 1e-9 and losses['loss_kd_context'] < 1e-9


def test_gamma_zero_is_pure_accuracy(spec):
    losses = {**DRS, 'cost': {'loss_weight': 0.}}
    model = dld(losses=losses).train()
    results = model.loss(*prepared(model))
    assert results['loss_res_cost'] == 0 and results['loss_res_acc'] > 0
    results['loss_res_cost'].backward(retain_graph=True)
    assert reached(model) == set()


@pytest.mark.parametrize('fields, names', [
    ({'losses': DRS}, {'loss_res_acc', 'loss_res_cost'}),
    ({'losses': SKD, 'selector': None, 'scale_factors': SCALES, 'test_scale': .5},
     {'loss_kd_roi', 'loss_kd_context', 'loss_kd_seq'}),
    ({'losses': {}, 'selector': None, 'scale_factors': [.5]}, set()),
    ({'losses': {'cost': {}}}, {'loss_res_cost'}),
])
def test_parts_of_the_method(spec, fields, names):
    model = dld(spec, **fields).train()
    losses = model.loss(*prepared(model))
    assert {name for name in losses if name.startswith('loss')} == names
    assert set(ROUTES) - {name for name in ROUTES if name.startswith('loss')} <= set(losses)


def test_the_teacher_is_built_only_if_something_looks_at_it():
    nowhere = {'config': 'nowhere.py', 'checkpoint': 'nowhere.pth'}
    model = dld(nowhere, losses=DRS, init_student_from_teacher=False, initialise=True).train()
    assert total(model, model.loss(*prepared(model))).isfinite()


def test_a_selector_that_nothing_trains(spec):
    model = dld(spec, losses=SKD).train()
    with pytest.raises(ValueError, match='nothing trains the selector'):
        model.loss(*prepared(model))


def test_random_scales_reach_the_student():
    """Without a selector: each image its own, all of them sooner or later."""
    model = dld(selector=None, losses={}, scale_factors=SCALES, test_scale=.5).train()
    seen = []

    def remember(inputs, data_samples, words):
        assert words.quads[:2].max() <= 160 * data_samples[0].dld_scale
        seen.append(tuple(one.dld_scale for one in data_samples))
        return {}, None

    model.student.losses_and_taps = remember
    means = [model.loss(*prepared(model))['res_scale_mean'].item() for _ in range(30)]
    assert means == pytest.approx([sum(scales) / 3 for scales in seen])
    for i in range(3):
        assert {scales[i] for scales in seen} == set(SCALES)


def test_the_student_gets_the_scales_that_were_drawn(whole):
    model = copy.deepcopy(whole).train()
    seen = []
    model.student.losses_and_taps = lambda inputs, samples, words: (
        seen.extend(one.dld_scale for one in samples) or ({}, None))
    choose(model, 2, 0, 1).loss(*prepared(model, *pages()))
    assert seen == [.8, .3, .5]


def test_the_limit_in_training(spec):
    model = dld(max_long_edge={'train': 40, 'test': None}).train()
    shapes = []
    model.student.losses_and_taps = lambda inputs, samples, words: (
        shapes.extend(one.img_shape for one in samples) or ({}, None))
    choose(model, 2).loss(*prepared(model, TEXT))
    assert shapes == [(24, 40)]


# --- numbers of lower precision


def test_autocast(whole):
    model = copy.deepcopy(whole).train()
    data = prepared(model)
    torch.manual_seed(0)
    expected = model.loss(*data)
    torch.manual_seed(0)
    model = copy.deepcopy(whole).train()
    with torch.autocast('cpu', torch.bfloat16):
        losses = model.loss(*data)
    for name in expected:
        assert losses[name].isfinite()
        if name.startswith('loss'):
            assert losses[name].dtype == torch.float32
    assert losses['res_scale_mean'] == expected['res_scale_mean']
    torch.testing.assert_close(losses['rec.loss_ctc'], expected['rec.loss_ctc'], rtol=.1, atol=.1)
    total(model, losses).backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters())
