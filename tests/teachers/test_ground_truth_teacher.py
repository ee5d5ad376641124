"""What an oracle says is the mask of the text, softened: as SciPy softens it."""
import copy

import numpy as np
import pytest
import tiny
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from mmocr.models.textdet import DBModuleLoss
from mmocr.registry import HOOKS, MODELS, TRANSFORMS
from scipy.ndimage import gaussian_filter

from mmocr_kd.adapters import build_teacher, text_logits
from mmocr_kd.adapters.text_mask import draw_text_mask
from mmocr_kd.distill import RecordingError, Source
from mmocr_kd.teachers import GroundTruthTeacher
from mmocr_kd.teachers.ground_truth_teacher import blurred

SIZE = (64, 96)


def samples():
    """Two words, one of them ignored, one that leaves the image; and an image without text."""
    return [tiny.sample([tiny.box(10, 15), tiny.box(70, 30, 60, 20), tiny.box(5, 45, 30, 12)],
                        [False, False, True], SIZE), tiny.sample([], size=SIZE)]


def said(teacher, data_samples, model=None, size=SIZE):
    teacher.bind(MODELS.build(model or tiny.dbnet_cfg()), {'text': text_logits})
    return teacher(torch.zeros(len(data_samples), 3, *size), data_samples)['text']


@settings(max_examples=20)
@given(st.floats(0, 6), st.integers(0, 99))
def test_blurs_as_scipy_does(sigma, seed):
    maps = np.random.default_rng(seed).random((2, 20, 31)).astype(np.float32)
    expected = [gaussian_filter(one, sigma, mode='nearest', truncate=4) for one in maps]
    np.testing.assert_allclose(blurred(torch.from_numpy(maps), sigma), expected, atol=1e-5)


def test_draws_the_targets_of_db_softened():
    shrunk, counts = DBModuleLoss().get_targets(samples())[:2]
    expected = np.stack([gaussian_filter(one, 1.5, mode='nearest') for one in shrunk.numpy()])
    found = said(GroundTruthTeacher(1.5, .9), samples())
    assert found.dtype == torch.float32
    torch.testing.assert_close(found.sigmoid(), torch.from_numpy(expected * .9).clamp(1 / 510),
                               rtol=0, atol=1e-5)
    assert .85 < found.sigmoid().max() <= .9 and (counts == 0).any()
    torch.testing.assert_close(found[1].sigmoid(), torch.full(SIZE, 1 / 510))


def test_without_blur_it_is_the_mask():
    found = said(GroundTruthTeacher(0., .7), samples()).sigmoid()
    mask = draw_text_mask(samples(), found, SIZE, 'kernel')
    assert mask.any()
    torch.testing.assert_close(found, torch.where(mask, .7, 1 / 510))


def test_other_detectors_learn_whole_text_at_a_quarter():
    found = said(GroundTruthTeacher(0.), samples(), tiny.pan_cfg('PSE')).sigmoid()
    mask = draw_text_mask(samples(), torch.zeros(2, 16, 24), SIZE, 'text')
    torch.testing.assert_close(found, torch.where(mask, .95, 1 / 510))
    softened = said(GroundTruthTeacher(4.), samples(), tiny.pan_cfg('PSE')).sigmoid()
    torch.testing.assert_close(softened, (blurred(mask.float(), 1.) * .95).clamp(1 / 510))


def test_takes_prepared_masks_and_leaves_annotations_alone(monkeypatch):
    prepare = TRANSFORMS.build({'type': 'DBTargets'})
    prepared = [prepare({'data_samples': one})['data_samples'] for one in samples()]
    before = [copy.deepcopy(one.gt_instances) for one in prepared]
    drawn = said(GroundTruthTeacher(), samples())
    monkeypatch.setattr('mmocr_kd.adapters.text_mask.offset_polygon', None)  # no polygon shrinks
    torch.testing.assert_close(said(GroundTruthTeacher(), prepared), drawn)
    for old, new in zip(before, [one.gt_instances for one in prepared]):
        assert np.array_equal(old.polygons, new.polygons)
        assert torch.equal(old.ignored, new.ignored)


def test_teaches_through_the_hook():
    hook = HOOKS.build({'type': 'MaskETDistillHook', 'teacher': {
        'type': 'GroundTruthTeacher', 'sigma': 1., 'confidence': .9}})
    assert isinstance(hook.distiller.teachers[0], GroundTruthTeacher)
    model = MODELS.build(tiny.dbnet_cfg())
    hook.attach(model)
    data = tiny.prepared(model)
    losses = model(**data, mode='loss')
    own = MODELS.build({'type': 'MaskETLoss'})
    teacher = said(GroundTruthTeacher(1., .9), data['data_samples'])
    model.eval()
    assert losses['loss_kd'] > 0 and losses['loss_entropy'] > 0
    assert own(teacher, teacher, draw_text_mask(data['data_samples'], teacher, SIZE)
               )['loss_kd'] == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize('fields, message', [
    ({'sigma': -1.}, 'sigma=-1.0 must be'), ({'confidence': 1.}, 'confidence=1.0 must be'),
    ({'confidence': 0.}, 'confidence=0.0 must be')])
def test_refuses_impossible_fields(fields, message):
    with pytest.raises(ValueError, match=message):
        build_teacher({'type': 'GroundTruthTeacher', **fields})


def test_says_what_it_does_not_know():
    teacher = GroundTruthTeacher()
    with pytest.raises(RecordingError, match='features need a ModelTeacher'):
        teacher.bind(MODELS.build(tiny.dbnet_cfg()), {'x': Source('neck')})
    with pytest.raises(ValueError, match='nothing to judge'):
        teacher.live  # noqa: B018
    photo = samples()[1]
    photo.set_metainfo({'labelled': False, 'img_path': 'street.jpg'})
    with pytest.raises(ValueError, match=r"\['street.jpg'\] have no labels"):
        said(teacher, [photo])
