"""What a detector learns at low resolution, of teachers that see the images whole."""
import copy
from dataclasses import replace

import numpy as np
import pytest
import tiny
import tiny_dld_detector
import torch
from mmengine.logging import MessageHub
from mmengine.structures import BaseDataElement
from mmocr.registry import MODELS
from tiny_dld import dld, dld_cfg, pages, prepared, same, selector_cfg, shake, student_cfg
from torch import nn

from mmocr_kd.adapters import draw_text_mask, rescale_batch, rescale_maps
from mmocr_kd.apis.student import student_checkpoint
from mmocr_kd.distill import RecordingError, Teacher, TeacherOutputError
from mmocr_kd.losses import MaskETLoss
from mmocr_kd.teachers import EMATeacher

MASKET = {'loss': {'type': 'MaskETLoss'}}
FITNET = {'loss': {'type': 'FitNetLoss'}, 'source': 'neck',
          'adaptor': {'type': 'ConvAdaptor', 'in_channels': 16, 'out_channels': 32}}


@MODELS.register_module()
class Noting(MaskETLoss):
    """Keeps what it was called with."""

    def forward(self, student, teacher, mask):
        self.seen = student.detach(), teacher, mask
        return super().forward(student, teacher, mask)


@MODELS.register_module()
class Counting(Teacher):
    """Says the same of all images, and how often it was asked and about what."""

    sees_images = False

    def __init__(self, logit=3.):
        self.logit, self.asked = logit, []

    def bind(self, student, wanted):
        self.wanted = wanted

    def __call__(self, inputs, data_samples):
        self.asked.append(tuple(inputs.shape))
        maps = torch.full((len(inputs), *inputs.shape[-2:]), self.logit, device=inputs.device)
        return {name: maps for name in self.wanted}


@pytest.fixture(scope='module')
def spec(tmp_path_factory):
    path = tmp_path_factory.mktemp('teacher') / 'teacher.pth'
    return tiny.checkpoint(path, tiny.dbnet_cfg(width=.5, neck=8))


@pytest.fixture
def epoch():
    hub = MessageHub.get_instance('test_detector_terms')
    yield lambda **info: hub.update_info_dict({'loop_stage': 'train', 'max_epochs': 9, **info})
    hub.pop_info('loop_stage', None)


def build(*terms, scales=(.5, ), **fields):
    """A spotter at given scales, that learns nothing but its task and the terms."""
    fixed = {'selector': None, 'losses': {}, 'scale_factors': list(scales),
             'test_scale': scales[0]} if 'selector' not in fields else {}
    return dld(terms=list(terms), **{**fixed, **fields}).train()


def at(model, *scales):
    """Let it draw these."""
    draw = model._chooser.draw

    def drawn(*args):
        return replace(draw(*args), scales=list(scales))

    model._chooser.draw = drawn
    return model


def of(results, *names):
    return [results[name].item() for name in names]


def total(results):
    return sum(value.sum() for key, value in results.items() if 'loss' in key)


def alone(spec, model):
    """The detector of a spotter in the wrapper that distils it at full resolution."""
    distiller = MODELS.build(tiny.dbnet_cfg(type='DBNetDistiller', teacher=spec,
                                            terms=[MASKET, FITNET])).train()
    distiller.load_state_dict(model.student.detector.state_dict(), strict=False)
    distiller.adaptors.load_state_dict(model.adaptors.state_dict())
    return distiller


def test_at_scale_1_it_is_dbnet_distiller(spec):
    model = build({**MASKET, 'teacher': spec}, {**FITNET, 'teacher': spec}, scales=[1.])
    distiller = alone(spec, model)
    inputs, samples = prepared(model, pages()[0], pages()[0])
    ours = model.loss(inputs, samples)
    theirs = distiller.loss(model.spotter.normalized(inputs, samples), copy.deepcopy(samples))
    names = 'loss_prob', 'loss_entropy', 'loss_kd', 'loss_fitnet'
    assert of(ours, *('det.' + name for name in names)) == pytest.approx(of(theirs, *names),
                                                                          rel=1e-4)
    assert of(theirs, 'loss_kd')[0] > 1e-3


def test_without_terms_nothing_changes():
    with_none, without = build(), dld(selector=None, losses={}, scale_factors=[.5]).train()
    assert set(with_none.state_dict()) == set(without.state_dict())
    ours, theirs = (model.loss(*prepared(model)) for model in (with_none, without))
    assert {key: value.item() for key, value in ours.items()} == {
        key: value.item() for key, value in theirs.items()}


def test_teachers_see_images_whole_and_masks_are_drawn_small(spec):
    """Each image of a mixed batch as if it were alone."""
    scales = .5, .8, 1.
    model = at(build({'loss': {'type': 'Noting'}, 'teacher': spec}, scales=scales), *scales)
    inputs, samples = prepared(model)
    model.loss(inputs, samples)
    _, told, mask = model._terms.distiller.terms['term0'].loss.seen
    whole = model.spotter.normalized(inputs, samples)
    teacher = MODELS.build(copy.deepcopy(spec['config'])).eval()
    teacher.load_state_dict(torch.load(spec['checkpoint'])['state_dict'])
    with torch.no_grad():
        logits = teacher.det_head.binarize(teacher.extract_feat(whole))[:, 0]
    for i, scale in enumerate(scales):
        one = inputs[i:i + 1]
        small, shrunk = rescale_batch(one, samples[i:i + 1], [scale])
        height, width = shrunk[0].img_shape
        expected = rescale_maps(logits[i:i + 1], one.shape[-2:], [samples[i].img_shape],
                                [(height, width)], small.shape[-2:], text=True)
        assert torch.allclose(told[i, :height, :width], expected[0, :height, :width], atol=1e-4)
        drawn = draw_text_mask(shrunk, expected, small.shape[-2:])
        assert torch.equal(mask[i, :height, :width], drawn[0, :height, :width])
        assert not mask[i, height:].any() and (told[i, height:] < -6).all()
    assert mask[0].any() and not mask[1].any()


def test_a_teacher_is_asked_once_for_a_batch():
    teacher = {'type': 'Counting'}
    model = build({**MASKET, 'teacher': teacher}, {**MASKET, 'teacher': dict(teacher)})
    inputs, samples = prepared(model)
    results = model.loss(inputs, samples)
    asked, = (one.asked for one in model.teachers)
    assert asked == [tuple(inputs.shape)]
    assert {'det.loss_kd', 'det.term1.loss_kd'} <= set(results)


def test_no_gradient_goes_anywhere_but_to_the_detector(spec):
    model = build({**MASKET, 'teacher': spec}, {**FITNET, 'teacher': spec}, selector=selector_cfg(),
                  initialise=True)
    results = model.loss(*prepared(model))
    total({key: value for key, value in results.items() if key in (
        'det.loss_kd', 'det.loss_entropy', 'det.loss_fitnet')}).backward()
    reached = {name.split('.')[1 if name.startswith('student') else 0]
               for name, p in model.named_parameters() if p.grad is not None and p.grad.any()}
    assert reached == {'detector', 'adaptors'}
    assert all(p.grad is None for teacher in model.teachers for network in teacher.networks
               for p in network.parameters())


def test_everything_that_learns_gets_a_gradient(spec):
    """As DDP wants, also of a batch without any text."""
    model = build({**MASKET, 'teacher': spec}, {**FITNET, 'teacher': spec}, initialise=True)
    empty = [tiny_page for tiny_page in pages() if not len(tiny_page[1].gt_instances)]
    for batch in (pages(), empty * 2):
        model.zero_grad(set_to_none=True)
        results = model.loss(*prepared(model, *batch))
        assert all(torch.isfinite(value).all() for value in results.values())
        total(results).backward()
        assert not [name for name, p in model.named_parameters() if p.grad is None]
    assert results['det.loss_kd'] == 0 and results['det.loss_fitnet'] > 0


def test_a_spotters_detector_teaches_where_nobody_is_named(spec, tmp_path):
    spotter = student_cfg(detector=tiny.dbnet_cfg(width=.5, neck=8))
    teacher = tiny.checkpoint(tmp_path / 'spotter.pth', spotter)
    named = {key.removeprefix('detector.'): value for key, value in torch.load(
        teacher['checkpoint'])['state_dict'].items() if key.startswith('detector.')}
    torch.save({'state_dict': named}, tmp_path / 'detector.pth')
    by_itself = {'config': spotter['detector'], 'checkpoint': str(tmp_path / 'detector.pth')}
    ours = build(MASKET, teacher=teacher, init_student_from_teacher=False)
    theirs = build({**MASKET, 'teacher': by_itself})
    names = 'det.loss_kd', 'det.loss_entropy'
    results = [model.loss(*prepared(model)) for model in (ours, theirs)]
    assert of(results[0], *names) == pytest.approx(of(results[1], *names), rel=1e-5)


@pytest.mark.parametrize('dtype', [None, torch.bfloat16])
def test_in_lower_precision(spec, dtype):
    model = build({**MASKET, 'teacher': spec}, {**FITNET, 'teacher': spec})
    data = prepared(model)
    with torch.autocast('cpu', dtype, enabled=dtype is not None):
        results = model.loss(*data)
    assert all(torch.isfinite(value).all() for value in results.values())
    if dtype is not None:
        exact = model.loss(*data)
        assert of(results, 'det.loss_kd') == pytest.approx(of(exact, 'det.loss_kd'), rel=.1)


def test_stores_say_it_of_the_whole_image():
    """What lies in ``teacher_maps`` shrinks as if a network had said it."""
    maps = [torch.from_numpy(np.random.default_rng(i).integers(0, 256, (96, 160), np.uint8))
            for i in range(2)]
    model = at(build({'loss': {'type': 'Noting'}, 'teacher': {
        'type': 'CachedTeacher', 'store': 'nowhere'}}, scales=[.5, 1.]), .5, 1.)
    teacher, = model.teachers
    teacher._strides = {'text': 1}
    inputs, samples = prepared(model, pages()[0], pages()[0])
    for sample, one in zip(samples, maps):
        sample.teacher_maps = BaseDataElement(text=one)
    model.loss(inputs, samples)
    told = model._terms.distiller.terms['term0'].loss.seen[1]
    logits = (torch.stack(maps).float() / 255).logit(1 / 510)
    assert torch.equal(told[1], logits[1])
    expected = rescale_maps(logits[:1], (96, 160), [(96, 160)], [(48, 80)], (48, 80), text=True)
    assert torch.equal(told[0, :48, :80], expected[0])
    assert 'teacher_maps' in samples[0]


def test_ensembles_and_what_the_student_was(spec):
    ensemble = {'type': 'EnsembleTeacher', 'teachers': [spec, {'type': 'Counting'}]}
    model = build({**MASKET, 'teacher': ensemble},
                  {**MASKET, 'teacher': {'type': 'EMATeacher'}}, initialise=True)
    average = next(teacher for teacher in model.teachers if isinstance(teacher, EMATeacher))
    average.start()
    assert same(average.model.state_dict(), model.student.detector.state_dict())
    results = model.loss(*prepared(model))
    assert results['det.loss_kd'] > 0 and results['det.term1.loss_kd'] > 0


def test_terms_rest_by_their_schedule(epoch):
    teacher = {'type': 'Counting'}
    model = build({**MASKET, 'teacher': teacher}, schedule={'start': 1})
    for number, due in enumerate([False, True]):
        epoch(epoch=number)
        assert ('det.loss_kd' in model.loss(*prepared(model))) == due
        assert len(model.teachers[0].asked) == number


def test_a_weight_that_is_solved_for():
    model = build({**MASKET, 'teacher': {'type': 'Counting'}, 'loss_weight': 'auto', 'share': .5})
    results = model.loss(*prepared(model))
    weight = results['det.weight_term0'].item()
    assert weight not in (0, 1) and np.isfinite(weight)


@pytest.mark.parametrize('value', [np.nan, np.inf])
def test_what_is_not_finite_is_refused_before_it_shrinks(value):
    model = build({**MASKET, 'teacher': {'type': 'Counting', 'logit': value}})
    with pytest.raises(TeacherOutputError, match='NaN or Inf'):
        model.loss(*prepared(model))
    model.teachers[0].logit = 3.  # and nothing of it is left
    model.loss(*prepared(model))


def test_checkpoints_are_plain_but_for_adaptors(spec, tmp_path):
    model = shake(build({**MASKET, 'teacher': spec}, {**FITNET, 'teacher': spec}, initialise=True))
    model.loss(*prepared(model))
    whole = model.state_dict()
    plain = MODELS.build(student_cfg())
    assert set(whole) - set(plain.state_dict()) == {
        'adaptors.term1.conv.weight', 'adaptors.term1.conv.bias'}
    exported = student_checkpoint({'meta': {}, 'state_dict': whole})['state_dict']
    plain.load_state_dict(exported, strict=True)
    again = build({**MASKET, 'teacher': spec}, {**FITNET, 'teacher': spec}, seed=1)
    again.load_state_dict(whole, strict=True)
    assert same(again.state_dict(), whole)
    names = [name for name, _ in model.named_parameters(remove_duplicate=False)]
    assert len(names) == len(set(names))


def test_copies_learn_alone_and_share_the_teacher(spec):
    model = build({**MASKET, 'teacher': spec}, {**FITNET, 'teacher': spec}, initialise=True)
    model.loss(*prepared(model))
    copied = copy.deepcopy(model)
    assert copied.teachers == model.teachers
    with torch.no_grad():
        copied.adaptors['term1'].conv.weight.zero_()
    ours, theirs = (of(m.loss(*prepared(m)), 'det.loss_fitnet') for m in (model, copied))
    assert ours != theirs


def test_testing_needs_no_teacher(spec):
    nowhere = {'config': 'nowhere.py', 'checkpoint': 'nowhere.pth'}
    model = build({**MASKET, 'teacher': nowhere}, {**FITNET, 'teacher': nowhere})
    assert len(model.eval().predict(*prepared(model))) == 3
    with pytest.raises(FileNotFoundError, match='nowhere'):
        model.init_weights()


@pytest.mark.parametrize('fields, error, match', [
    (dict(terms=[MASKET]), ValueError, r'terms\[0\] has no teacher'),
    (dict(terms=[{**MASKET, 'teacher': {'type': 'Counting'}}], train_student=False), ValueError,
     'train_student=False'),
    (dict(terms=[{'los': {}, 'teacher': {'type': 'Counting'}}]), ValueError, 'los'),
])
def test_bad_fields(fields, error, match):
    with pytest.raises(error, match=match):
        MODELS.build(dld_cfg(**fields))


def test_spotters_without_a_map_of_text(tmp_path):
    model = build({**MASKET, 'teacher': {'type': 'Counting'}},
                  student=student_cfg(detector=tiny_dld_detector.retina_cfg()))
    with pytest.raises(RecordingError, match='no text probability map'):
        model.init_weights()


def test_a_detector_behind_a_selector(spec):
    """The same code: at scale 1 it is DBNetDistiller, too."""
    fields = dict(scale_factors=[1.], selector=None, terms=[MASKET, FITNET], teacher=spec)
    model = tiny_dld_detector.dld(**fields).train()
    distiller = MODELS.build(tiny.dbnet_cfg(type='DBNetDistiller', teacher=spec,
                                            terms=[MASKET, FITNET])).train()
    distiller.load_state_dict({**model.student.state_dict(), **{
        f'adaptors.{key}': value for key, value in model.adaptors.state_dict().items()}})
    data = tiny.prepared(model, tiny.batch())
    ours = model.loss(data['inputs'], data['data_samples'])
    theirs = distiller.loss(data['inputs'], copy.deepcopy(data['data_samples']))
    assert theirs['loss_kd'] > 0
    assert {key: ours[key].item() for key in theirs} == pytest.approx(
        {key: value.item() for key, value in theirs.items()}, rel=1e-5)


def test_a_detector_behind_a_selector_has_teachers_and_shrinks(spec):
    model = tiny_dld_detector.dld(terms=[MASKET, FITNET], teacher=spec).train()
    model.init_weights()
    results = model.loss(*tiny_dld_detector.prepared(model, tiny_dld_detector.wide_and_narrow()))
    assert {'loss_kd', 'loss_fitnet', 'loss_res_error'} <= set(results)
    total(results).backward()
    assert not [name for name, p in model.named_parameters() if p.grad is None]
    assert len(model.teachers) == 1
    plain = set(MODELS.build(tiny.dbnet_cfg()).state_dict())
    kept = student_checkpoint({'meta': {}, 'state_dict': model.state_dict()})['state_dict']
    assert set(kept) == plain
    assert isinstance(model.teachers[0].networks[0], nn.Module)


def test_a_detectors_teacher_is_judged_by_the_students_postprocessor(spec):
    """What it finds at full resolution, in pixels of the original images."""
    model = build({**MASKET, 'teacher': {'type': 'Counting', 'logit': 9.}})
    model.loss(*prepared(model))
    model.student.detector.det_head.postprocessor.min_text_score = 0.
    inputs, samples = prepared(model)
    for sample in samples:
        sample.set_metainfo({'scale_factor': (2., 2.)})
    teacher, = model.teachers
    with torch.no_grad():
        results = model.predict_by(teacher, inputs, samples)
    for one in results:  # all of it is text
        polygon, = one.pred_instances.polygons
        assert inputs.shape[-1] * .45 < np.max(polygon) < inputs.shape[-1] * .75  # it is unclipped
        assert one.pred_instances.texts == ['']
    assert 'det.loss_kd' in model.loss(*prepared(model))
