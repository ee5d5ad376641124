"""One training step of a DLD spotter: what it leaves alone, and steps that must be equal."""
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
    expecting_cfg,
    pages,
    prepared,
    same,
    selector_cfg,
    state,
    student_cfg,
)
from tiny_recog import checkpoint
from tiny_spotter import page, sample
from torch.nn.modules.batchnorm import _BatchNorm

from mmocr_kd.losses import Reading

DETECTION = ('det.loss_prob', 'det.loss_thr', 'det.loss_db')
TEXT, EMPTY = page(WORDS), page([], size=(64, 100))


@pytest.fixture(scope='module')
def spec(tmp_path_factory):
    return checkpoint(tmp_path_factory.mktemp('teacher') / 'teacher.pth', student_cfg(), seed=5)


@pytest.fixture(scope='module')
def whole(spec):
    return dld(spec, initialise=True)


def frozen_norms(model):
    """Into training mode, all but batch normalisation."""
    model.train()
    for module in model.modules():
        if isinstance(module, _BatchNorm):
            module.eval()
    return model


def total(model, losses):
    return model.parse_losses(losses)[0]


def tiny_word():
    """Two pixels wide: less than one at the smallest scale."""
    image, _ = page([])
    return image, sample([[10, 10, 12, 10, 12, 12, 10, 12]], ['i'])


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
    assert losses['loss_res_cost'].item() == pytest.approx(.1 * .5**2)
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
    alone = Reading(taps.logits)
    expected = MODELS.build(SKD['sequence'])(alone, alone, taps.labels)['loss_kd_seq']
    torch.testing.assert_close(losses['loss_kd_seq'], expected, atol=1e-4, rtol=1e-4)


def test_jittered_words_are_the_same_for_all(spec):
    """Corners move at random, but once: for student and teacher alike."""
    jitter = {'size': (32, 100), 'jitter': .2}
    model = dld(spec, initialise=True, selector=None, scale_factors=[1.], losses=SKD,
                student=student_cfg(crop=jitter))
    frozen_norms(model)
    inputs, samples = prepared(model)
    quads = [model.student.words_of(samples).points for _ in range(2)]
    assert (quads[0] - quads[1]).abs().max() > 1
    losses = model.loss(inputs, samples)
    assert losses['loss_kd_roi'] < 1e-9 and losses['loss_kd_context'] < 1e-9


def test_gamma_zero_is_pure_accuracy(spec):
    model = dld(objective={**DRS, 'cost': {'loss_weight': 0.}}).train()
    results = model.loss(*prepared(model))
    assert results['loss_res_cost'] == 0 and results['loss_res_acc'] > 0
    results['loss_res_cost'].backward(retain_graph=True)
    assert not any(p.grad is not None and p.grad.any() for p in model.parameters())


@pytest.mark.parametrize('fields, names', [
    ({'losses': {}}, {'loss_res_acc', 'loss_res_cost'}),
    ({'losses': {}, 'objective': {'type': 'ErrorObjective'}, 'selector': expecting_cfg()},
     {'loss_res_error'}),
    ({'losses': SKD, 'selector': None, 'scale_factors': SCALES, 'test_scale': .5},
     {'loss_kd_roi', 'loss_kd_context', 'loss_kd_seq'}),
    ({'losses': {}, 'selector': None, 'scale_factors': [.5]}, set()),
])
def test_parts_of_the_method(spec, fields, names):
    model = dld(spec, **fields).train()
    losses = model.loss(*prepared(model))
    assert {name for name in losses if name.startswith('loss')} == names
    assert {*DETECTION, 'rec.loss_ctc'} <= set(losses)


def test_the_teacher_is_built_only_if_something_looks_at_it():
    nowhere = {'config': 'nowhere.py', 'checkpoint': 'nowhere.pth'}
    model = dld(nowhere, losses={}, init_student_from_teacher=False, initialise=True).train()
    assert total(model, model.loss(*prepared(model))).isfinite()


def test_a_selector_that_nothing_trains(spec):
    model = dld(spec, objective=None).train()
    with pytest.raises(ValueError, match='nothing trains the selector'):
        model.loss(*prepared(model))


def test_random_scales_reach_the_student():
    """Without a selector: each image its own, all of them sooner or later."""
    model = dld(selector=None, losses={}, scale_factors=SCALES, test_scale=.5).train()
    seen = []

    def remember(inputs, data_samples, words, full):
        assert words.points[:2].max() <= 160 * data_samples[0].dld_scale
        seen.append(tuple(one.dld_scale for one in data_samples))
        return {}, None

    model.student.losses_and_reading = remember
    means = [model.loss(*prepared(model))['res_scale_mean'].item() for _ in range(30)]
    assert means == pytest.approx([sum(scales) / 3 for scales in seen])
    for i in range(3):
        assert {scales[i] for scales in seen} == set(SCALES)


def test_the_student_gets_the_scales_that_were_drawn(whole):
    model = copy.deepcopy(whole).train()
    seen, read = [], model.student.losses_and_reading
    model.student.losses_and_reading = lambda inputs, samples, words, full: (
        seen.extend(one.dld_scale for one in samples) or read(inputs, samples, words, full))
    choose(model, 2, 0, 1).loss(*prepared(model, *pages()))
    assert seen == [.8, .3, .5]


def test_the_limit_in_training(spec):
    model = dld(max_long_edge={'train': 40, 'test': None}).train()
    shapes = []
    model.student.losses_and_reading = lambda inputs, samples, words, full: (
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
