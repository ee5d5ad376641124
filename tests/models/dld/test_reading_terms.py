"""What a recogniser at low resolution learns, of teachers that see the words sharp."""
import copy
import math
from types import SimpleNamespace

import numpy as np
import pytest
import stand_in_abcnet
import tiny_mask_rcnn
import torch
from mmengine.logging import MessageHub
from mmocr.registry import MODELS
from tiny_dld import dld, prepared, same, shake, student_cfg
from tiny_recog import abinet_cfg, checkpoint
from tiny_spotter import page, spotter_cfg

from mmocr_kd.adapters.recognition import reading_logits, teacher_forcing
from mmocr_kd.apis.student import student_checkpoint
from mmocr_kd.distill import Teacher, TeacherOutputError
from mmocr_kd.losses import (
    FeatureL2Loss,
    HardLabelLoss,
    NBestLoss,
    SequenceKDLoss,
    SoftLogitsLoss,
)
from mmocr_kd.models.dld.sharp_words import word_quads, word_samples
from mmocr_kd.models.spotters.quad_crops import crop_quads

SKD = {'roi': {}, 'context': {'loss_weight': 2.},
       'sequence': {'search': 'ctc', 'topk': 1, 'reduction': 'mean'}}
SOFT = {'type': 'SoftLogitsLoss'}
NBEST = {'type': 'NBestLoss'}


@MODELS.register_module()
class Telling(Teacher):
    """A black box: what each word may be, and what it was asked about."""

    def __init__(self, value=None):
        self.value, self.seen = value, []

    def bind(self, student, wanted):
        self.wanted = wanted

    def __call__(self, inputs, data_samples):
        self.seen.append((inputs, data_samples))
        if self.value is not None:
            return {name: torch.full((len(inputs), 26, 37), self.value)
                    for name, what in self.wanted.items() if what is reading_logits}
        told = [[(sample.gt_text.item, -.1), ('zz', -3.)] for sample in data_samples]
        return dict.fromkeys(self.wanted, told)


@pytest.fixture(scope='module')
def spec(tmp_path_factory):
    """A spotter."""
    return checkpoint(tmp_path_factory.mktemp('teacher') / 'teacher.pth', student_cfg(), seed=5)


@pytest.fixture(scope='module')
def reader(tmp_path_factory):
    """A recogniser of words that are twice as large."""
    made = checkpoint(tmp_path_factory.mktemp('reader') / 'reader.pth',
                      student_cfg()['recognizer'], seed=6)
    return {'type': 'RecognizerTeacher', **made}


@pytest.fixture
def epoch():
    hub = MessageHub.get_instance('test_reading_terms')
    yield lambda **info: hub.update_info_dict({'loop_stage': 'train', 'max_epochs': 9, **info})
    hub.pop_info('loop_stage', None)


def build(losses, teacher=None, scale=.5, **fields):
    fixed = {'selector': None, 'scale_factors': [scale]} if 'selector' not in fields else {}
    return dld(teacher, losses=losses, **{**fixed, **fields}).train()


def heard(model):
    """Keep what the student reads."""
    kept, read = SimpleNamespace(), model.spotter.losses_and_reading

    def losses_and_reading(*args):
        losses, kept.reading = read(*args)
        return losses, kept.reading

    model.spotter.losses_and_reading = losses_and_reading
    return kept


def total(results):
    return sum(value.sum() for key, value in results.items() if 'loss' in key)


def test_what_dld_was_published_with_keeps_its_values(spec):
    model = build(SKD, spec)
    kept, (inputs, samples) = heard(model), prepared(model)
    results = model.loss(inputs, samples)
    ours = kept.reading
    theirs = model._teacher.read(inputs, samples, model.spotter.words_of(samples))
    expected = FeatureL2Loss(name='loss_kd_roi')(ours.roi, theirs.roi)
    expected |= FeatureL2Loss(name='loss_kd_context', loss_weight=2.)(ours.context, theirs.context)
    expected |= SequenceKDLoss(**SKD['sequence'])(ours, theirs, ours.labels)
    assert set(expected) == {'loss_kd_roi', 'loss_kd_context', 'loss_kd_seq'} <= set(results)
    for name, value in expected.items():
        assert torch.equal(results[name], value) and value > 0


def test_a_recogniser_reads_sharp_words_at_its_own_size(reader):
    """The same at whatever scale the student reads."""
    soft, crop = {'loss': SOFT, 'teacher': reader}, {'size': (32, 100), 'oversample': 3}
    found = []
    for scale in (.3, .8):
        model = build({'soft': {**soft, 'crop': crop}}, scale=scale)
        kept, (inputs, samples) = heard(model), prepared(model)
        results = model.loss(inputs, samples)
        words = model.spotter.words_of(samples)
        sizes = torch.tensor([sample.img_shape for sample in samples])
        crops = crop_quads(inputs, words.points, words.image_index, (32, 100), sizes, oversample=3)
        network = MODELS.build(copy.deepcopy(reader['config'])).eval()
        network.load_state_dict(torch.load(reader['checkpoint'])['state_dict'])
        grey = (crops * torch.tensor([.114, .587, .299])[:, None, None]).sum(1, keepdim=True)
        with torch.no_grad(), teacher_forcing(network):
            logits = network((grey - 127.) / 127., word_samples(words), mode='tensor')
        told = model.losses.ask(inputs, samples, words)
        assert torch.allclose(told[model.teachers[0]]['logits'], logits, atol=1e-4)
        found.append(logits)
        kind = copy.copy(kept.reading)
        expected = SoftLogitsLoss()(kind, SimpleNamespace(logits=(logits, )), kind.labels)
        name, = expected
        assert results[name].item() == pytest.approx(expected[name].item(), rel=1e-3)
    assert torch.equal(*found)


def test_crops_are_cut_as_the_spotter_cuts_unless_told_otherwise(reader):
    student = student_cfg(crop={'size': (32, 100), 'margin': .1, 'oversample': 2})
    model = build({'a': {'loss': SOFT, 'teacher': reader, 'crop': {'oversample': 4}},
                   'c': {'loss': {**NBEST, 'name': 'loss_c'}, 'teacher': reader},
                   'b': {'loss': NBEST, 'teacher': {'type': 'Telling'},
                         'crop': {'size': (48, 320)}}}, student=student)
    with pytest.raises(ValueError, match='different crops'):
        build({name: {'loss': SOFT, 'teacher': reader, 'crop': {'margin': margin}}
               for name, margin in (('a', .1), ('b', .2))})
    sharp = {type(teacher).__name__: (words.cut.size, words.cut.margin, words.cut.oversample)
             for teacher, words in model.losses._sharp.items()}
    assert sharp == {'RecognizerTeacher': ((32, 100), .1, 4), 'Telling': ((48, 320), .1, 2)}


def test_black_boxes_tell_what_words_may_be():
    model = build({'n-best': {'loss': NBEST, 'teacher': {'type': 'Telling'}, 'crop': {
        'size': (48, 320)}}})
    kept, (inputs, samples) = heard(model), prepared(model)
    results = model.loss(inputs, samples)
    (crops, words), = model.teachers[0].seen
    assert crops.shape == (3, 3, 48, 320) and crops.max() > 250  # raw, and in colours
    assert [word.gt_text.item for word in words] == ['cat', 'dog7', 'owl']
    heights, widths = zip(*(word.ori_shape for word in words))
    assert all(20 < height < 40 for height in heights) and widths[1] > widths[0]
    comparison = model.losses.distiller.terms['n-best'].comparison
    told = comparison.speller([[(word.gt_text.item, -.1), ('zz', -3.)] for word in words])
    expected = NBestLoss()(kept.reading, told)
    assert torch.equal(results['loss_nbest'], expected['loss_nbest'])
    assert results['nbest_kept'] == pytest.approx(1.)


def test_recognisers_tell_hypotheses_too(reader):
    results = (model := build({'n-best': {'loss': NBEST, 'teacher': reader}})).loss(
        *prepared(model))
    assert results['loss_nbest'] > 0


def test_labels_need_no_teacher():
    model = build({'hard': {'type': 'HardLabelLoss'}})
    kept = heard(model)
    results, reading = model.loss(*prepared(model)), kept.reading
    assert torch.equal(results['loss_hard'],
                       HardLabelLoss()(reading, reading, reading.labels)['loss_hard'])
    assert model.teachers == []


def test_each_teacher_reads_once_for_all_losses_and_the_objective(spec, monkeypatch):
    calls = []
    model = build({**SKD, 'soft': SOFT, 'black': {'loss': NBEST, 'teacher': {'type': 'Telling'}},
                   'box': {'loss': {**NBEST, 'name': 'loss_box'}, 'teacher': {'type': 'Telling'}}},
                  spec, selector=True, objective={'type': 'GumbelObjective', 'preset': 'paper'})
    read = model._teacher.read
    monkeypatch.setattr(model._teacher, 'read', lambda *args: calls.append(1) or read(*args))
    results = model.loss(*prepared(model))
    assert {'loss_res_acc', 'loss_kd_roi', 'loss_nbest', 'loss_box'} <= set(results)
    black, = (teacher for teacher in model.teachers if isinstance(teacher, Telling))
    assert len(calls) == len(black.seen) == 1


def test_no_gradient_goes_anywhere_but_to_the_recogniser(spec, reader):
    model = build({**SKD, 'soft': {'loss': SOFT, 'teacher': reader}, 'n-best': {
        'loss': NBEST, 'teacher': reader}}, spec, selector=True,
        objective={'type': 'GumbelObjective'}, initialise=True)
    results = model.loss(*prepared(model))
    names = [key for key in results if key.startswith('loss_') and 'res' not in key]
    assert len(names) == 5
    total({key: results[key] for key in names}).backward()
    reached = {name.split('.')[1] for name, p in model.named_parameters()
               if p.grad is not None and p.grad.any()}
    assert reached == {'recognizer'}
    assert all(p.grad is None for teacher in model.teachers for network in teacher.networks
               for p in network.parameters())


def test_batches_without_words(spec, reader):
    losses = {**SKD, 'semantic': {'loss': {'type': 'SemanticContrastiveLoss'}, 'teacher': reader}}
    model = build(losses, spec, initialise=True)
    empty = page([])
    results = model.loss(*prepared(model, empty, empty))
    assert not [key for key in results if 'kd' in key]
    total(results).backward()
    assert not [name for name, p in model.named_parameters() if p.grad is None]


def test_trainable_losses_are_saved_and_left_out_of_the_student(spec, reader):
    losses = {'semantic': {'loss': {'type': 'SemanticContrastiveLoss'}, 'teacher': reader}, **SKD}
    model = shake(build(losses, spec, initialise=True))
    whole = model.state_dict()
    plain = MODELS.build(student_cfg())
    extra = set(whole) - set(plain.state_dict())
    assert extra and all(key.startswith('losses.semantic.') for key in extra)
    plain.load_state_dict(student_checkpoint({'meta': {}, 'state_dict': whole})['state_dict'],
                          strict=True)
    again = build(losses, spec, seed=1)
    again.load_state_dict(whole, strict=True)
    assert same(again.state_dict(), whole)


def test_terms_have_schedules_and_weights(epoch):
    term = {'loss': NBEST, 'teacher': {'type': 'Telling'}}
    model = build({'late': {**term, 'schedule': {'start': 1}}})
    for number in range(2):
        epoch(epoch=number)
        assert ('loss_nbest' in model.loss(*prepared(model))) == bool(number)
        assert len(model.teachers[0].seen) == number
    auto = build({'auto': {**term, 'loss_weight': 'auto', 'share': .5}})
    results = auto.loss(*prepared(auto))
    assert results['weight_auto'].item() not in (0, 1) and math.isfinite(results['weight_auto'])
    twice = build({'twice': {**term, 'loss_weight': 2.}})
    once = build({'once': term})
    values = [m.loss(*prepared(m))['loss_nbest'].item() for m in (once, twice)]
    assert values[1] == pytest.approx(2 * values[0], rel=1e-5)


@pytest.mark.parametrize('value', [math.nan, math.inf])
def test_what_is_not_finite_is_refused(value):
    model = build({'soft': {'loss': SOFT, 'teacher': {'type': 'Telling', 'value': value}}})
    model.teachers[0].follows_labels = True
    with pytest.raises(TeacherOutputError, match='NaN or Inf'):
        model.loss(*prepared(model))


def test_none_drops_a_loss(spec):
    model = build({**SKD, 'roi': None, 'context': None}, spec)
    results = model.loss(*prepared(model))
    assert {key for key in results if 'kd' in key} == {'loss_kd_seq'}
    assert not build({name: None for name in SKD}, spec).losses


@pytest.mark.parametrize('losses, error, match', [
    ({'roi': {}}, ValueError, "losses\\['roi'\\] wants a teacher's feature"),
    ({'soft': SOFT}, ValueError, 'there is no teacher'),
    ({'accuracy': {}}, ValueError, 'objective'),
    ({'region': {'type': 'FeatureL2Loss'}}, ValueError, 'teacher'),
    ({'soft': {'loss': SOFT, 'teacher': {'type': 'Telling'}, 'crops': {}}}, ValueError, 'crops'),
    ({'soft': {'loss': SOFT, 'teacher': {'type': 'Telling'}, 'crop': {'sizes': 3}}}, TypeError,
     'sizes'),
    ({'region': {'loss': {'type': 'FeatureL2Loss'}, 'teacher': {'type': 'Telling'}}}, TypeError,
     'compares no readings'),
])
def test_bad_fields(losses, error, match):
    with pytest.raises(error, match=match):
        build(losses)


def test_teachers_that_do_not_fit(spec, tmp_path):
    other = checkpoint(tmp_path / 'abinet.pth', abinet_cfg(low_res=False))
    model = build({'soft': {'loss': SOFT, 'teacher': {'type': 'RecognizerTeacher', **other}}})
    with pytest.raises(ValueError, match='step by step|dictionaries'):
        model.init_weights()
    with pytest.raises(TypeError, match='does not read along'):
        build({'soft': {'loss': SOFT, 'teacher': {'type': 'Telling'}}}).init_weights()


def test_decoders_of_characters(tmp_path):
    recognizer = abinet_cfg(low_res=False)
    student = spotter_cfg(recognizer=recognizer, color_type='color', crop={'size': (32, 128)})
    spotter = checkpoint(tmp_path / 'spotter.pth', student)
    reader = {'type': 'RecognizerTeacher', **checkpoint(tmp_path / 'abinet.pth', recognizer)}
    kinds = {'roi': {}, 'soft': SOFT, 'focus': {'type': 'VisualFocusLoss'},
             'semantic': {'type': 'SemanticContrastiveLoss', 'in_channels': 64}}
    for teacher in (spotter, reader):
        losses = {name: {'loss': loss, 'teacher': {'type': 'SpotterTeacher', **teacher}}
                  for name, loss in kinds.items()} | {
            'n-best': {'loss': NBEST, 'teacher': reader}}
        model = build(losses, student=student, initialise=True)
        results = model.loss(*prepared(model))
        assert all(torch.isfinite(value).all() for value in results.values())
        assert {'loss_kd_roi', 'loss_nbest'} <= set(results)


@pytest.mark.parametrize('kind', ['mask_rcnn', 'abcnet'])
def test_spotters_that_read_features(tmp_path, kind):
    """A black box reads crops of what they outline, their own kind the features."""
    student = tiny_mask_rcnn.spotter_cfg(tmp_path) if kind == 'mask_rcnn' else (
        stand_in_abcnet.abcnet_cfg(teach_prob=0.))
    teacher = checkpoint(tmp_path / 'teacher.pth', student)
    losses = {'roi': {}, 'sequence': {'search': 'greedy', 'topk': 1}}
    if kind == 'mask_rcnn':
        losses['n-best'] = {'loss': NBEST, 'teacher': {'type': 'Telling'}}
    model = build(losses, teacher, student=student, initialise=True)
    results = model.loss(*prepared(model))
    assert results['loss_kd_roi'] > 0 and results['loss_kd_seq'] > 0
    if kind == 'mask_rcnn':
        assert results['loss_nbest'] > 0


def test_words_that_are_no_quads():
    model = build({}, student=student_cfg())
    words = model.spotter.words_of(prepared(model)[1])
    middle = (words.points[:, :2].mean(1, keepdim=True), words.points[:, 2:].mean(1, keepdim=True))
    outlined = copy.copy(words)
    object.__setattr__(outlined, 'points', torch.cat([
        words.points[:, :1], middle[0], words.points[:, 1:3], middle[1], words.points[:, 3:]], 1))
    np.testing.assert_allclose(word_quads(outlined), words.points, atol=1e-3)
    assert [one.ori_shape for one in word_samples(outlined)] == [
        one.ori_shape for one in word_samples(words)]


def test_copies_listen_to_themselves(spec):
    model = build(SKD, spec, initialise=True)
    model.loss(*prepared(model))
    copied = copy.deepcopy(model)
    assert copied.losses.distiller.teachers == model.losses.distiller.teachers
    with torch.no_grad():
        copied.student.recognizer.decoder.decoder.weight.zero_()
    ours, theirs = (m.loss(*prepared(m))['loss_kd_seq'] for m in (model, copied))
    assert ours != theirs


@pytest.mark.parametrize('dtype', [torch.bfloat16])
def test_in_lower_precision(spec, reader, dtype):
    model = build({**SKD, 'soft': {'loss': SOFT, 'teacher': reader}}, spec, initialise=True)
    with torch.autocast('cpu', dtype):
        results = model.loss(*prepared(model))
    assert all(torch.isfinite(value).all() for value in results.values())



@pytest.mark.parametrize('kind', ['black box', 'recogniser'])
def test_teachers_of_words_are_judged_by_the_annotated_ones(reader, kind):
    """In pixels of the original images, whatever the scale of the batch."""
    teacher = {'type': 'Telling'} if kind == 'black box' else reader
    model = build({'n-best': {'loss': NBEST, 'teacher': teacher}})
    model.loss(*prepared(model))
    inputs, samples = prepared(model)
    for sample in samples:
        for polygon in sample.gt_instances.polygons:
            polygon /= 2
        sample.set_metainfo({'scale_factor': (2., 2.)})
    judge, = model.teachers
    with torch.no_grad():
        results = model.predict_by(judge, inputs, copy.deepcopy(samples))
    found = [one.pred_instances for one in results]
    assert [len(one.texts) for one in found] == [2, 0, 1]
    for one, sample in zip(found, samples):
        for polygon, truth in zip(one.polygons, sample.gt_instances.polygons):
            np.testing.assert_allclose(polygon, truth, atol=1e-3)
    if kind == 'black box':
        assert [one.texts for one in found] == [['cat', 'dog7'], [], ['owl']]
    else:
        told = model.losses.read_by(judge, model, inputs, samples, model.spotter.words_of(samples))
        assert len(told) == 3
    assert 'loss_nbest' in model.loss(*prepared(model))  # and it goes on
