import pytest
import tiny
import torch

from mmocr_kd.adapters import build_teacher, build_teachers, build_term, build_terms, text_logits
from mmocr_kd.distill import ModelTeacher, Source
from mmocr_kd.losses import MaskETLoss


def seen(term):
    comparison = term.comparison
    return comparison.student[comparison.name], comparison.teacher[comparison.name]


def test_defaults_compare_text_logits():
    term = build_term({'type': 'MaskETLoss'})
    assert isinstance(term.loss, MaskETLoss)
    assert seen(term) == (text_logits, text_logits)


def test_both_sides_may_have_their_own_source():
    term = build_term({'type': 'FitNetLoss'}, {'student': 'neck', 'teacher': 'backbone.timm'})
    assert seen(term) == (Source('neck'), Source('backbone.timm'))


@pytest.mark.parametrize('loss', [
    {'type': 'CWDLoss'}, {'type': 'FitNetLoss'}, {'type': 'BinaryKDLoss'},
    {'type': 'MaskETLoss', 'mask': 'none'}, {'type': 'MaskETLoss', 'mask': 'teacher'}])
def test_losses_without_mask_get_none_drawn(loss):
    assert build_term(loss).comparison.draw_mask is None


@pytest.mark.parametrize(('kind', 'include', 'pixels'), [
    ('text', False, 61 * 25), ('text', True, 2 * 61 * 25), ('kernel', False, range(1, 61 * 25))])
def test_the_mask_is_the_one_the_loss_asks_for(kind, include, pixels):
    term = build_term({'type': 'MaskETLoss', 'mask': kind, 'include_ignored': include})
    samples = [tiny.sample([tiny.box(5, 5), tiny.box(5, 35)], [False, True])]
    mask = term.comparison.draw_mask(torch.zeros(1, 3, 64, 96), samples, torch.zeros(1, 64, 96))
    assert mask.sum().item() in (pixels if isinstance(pixels, range) else [pixels])


def test_a_term_may_look_elsewhere_than_its_loss_says():
    loss = {'type': 'MaskETLoss', 'mask': 'text'}
    assert build_term(loss, mask='none').comparison.draw_mask is None
    assert build_term(loss, mask='kernel').loss.mask == 'kernel' and loss['mask'] == 'text'


def test_masks_follow_the_size_of_the_recording():
    term = build_term({'type': 'MaskETLoss'})
    samples = [tiny.sample([tiny.box(8, 8, 40, 24)])]
    mask = term.comparison.draw_mask(torch.zeros(1, 3, 64, 96), samples, torch.zeros(1, 16, 24))
    assert mask.shape == (1, 16, 24) and mask.sum() == 11 * 7


def test_teachers_are_model_teachers_unless_said_otherwise():
    assert isinstance(build_teacher({'config': 'a.py', 'checkpoint': 'a.pth'}), ModelTeacher)
    with pytest.raises(TypeError, match='no Teacher'):
        build_teacher({'type': 'CWDLoss'})


SPEC = {'config': 'a.py', 'checkpoint': 'a.pth'}
LOSS = {'type': 'MaskETLoss'}


def test_evaluate_is_a_field_of_every_teacher():
    assert build_teacher({**SPEC, 'evaluate': True}).evaluate and not build_teacher(SPEC).evaluate


def test_equal_configs_are_one_teacher():
    other = {**SPEC, 'checkpoint': 'b.pth'}
    first, second, again, third = build_teachers([SPEC, other, dict(SPEC), SPEC])
    assert first is again is third and second is not first


def test_terms_have_the_common_teacher_and_schedule_or_their_own():
    terms = build_terms(
        [{'loss': LOSS, 'loss_weight': 2.}, {'teacher': {**SPEC, 'checkpoint': 'b.pth'},
                                             'schedule': {'start': 3}}], SPEC, {'stop': 5})
    first, second = terms['term0'], terms['term1']
    assert first.teacher is not second.teacher and first.weight == 2
    assert first.schedule.stop == 5 and (second.schedule.start, second.schedule.stop) == (3, None)


@pytest.mark.parametrize('terms, words', [
    ([], 'terms is empty'), ([{'teacher': SPEC}, {}], r'terms\[1\] has no teacher')])
def test_terms_that_teach_nothing_are_refused(terms, words):
    with pytest.raises(ValueError, match=words):
        build_terms(terms)
