import pytest
import tiny
import torch

from mmocr_kd.adapters import build_teacher, build_term, text_logits
from mmocr_kd.distill import ModelTeacher, Source
from mmocr_kd.losses import MaskETLoss


def test_defaults_compare_text_logits():
    term = build_term({'type': 'MaskETLoss'})
    assert isinstance(term.loss, MaskETLoss)
    assert term.student is text_logits and term.teacher is text_logits


def test_both_sides_may_have_their_own_source():
    term = build_term({'type': 'FitNetLoss'}, student='neck', teacher='backbone.timm')
    assert (term.student, term.teacher) == (Source('neck'), Source('backbone.timm'))


@pytest.mark.parametrize('loss', [
    {'type': 'CWDLoss'}, {'type': 'FitNetLoss'}, {'type': 'BinaryKDLoss'},
    {'type': 'MaskETLoss', 'mask': 'none'}, {'type': 'MaskETLoss', 'mask': 'teacher'}])
def test_losses_without_mask_get_none_drawn(loss):
    assert build_term(loss).draw_mask is None


@pytest.mark.parametrize(('kind', 'include', 'pixels'), [
    ('text', False, 61 * 25), ('text', True, 2 * 61 * 25), ('kernel', False, range(1, 61 * 25))])
def test_the_mask_is_the_one_the_loss_asks_for(kind, include, pixels):
    term = build_term({'type': 'MaskETLoss', 'mask': kind, 'include_ignored': include})
    samples = [tiny.sample([tiny.box(5, 5), tiny.box(5, 35)], [False, True])]
    mask = term.draw_mask(torch.zeros(1, 3, 64, 96), samples, torch.zeros(1, 64, 96))
    assert mask.sum().item() in (pixels if isinstance(pixels, range) else [pixels])


def test_masks_follow_the_size_of_the_recording():
    term = build_term({'type': 'MaskETLoss'})
    samples = [tiny.sample([tiny.box(8, 8, 40, 24)])]
    mask = term.draw_mask(torch.zeros(1, 3, 64, 96), samples, torch.zeros(1, 16, 24))
    assert mask.shape == (1, 16, 24) and mask.sum() == 11 * 7


def test_teachers_are_model_teachers_unless_said_otherwise():
    assert isinstance(build_teacher({'config': 'a.py', 'checkpoint': 'a.pth'}), ModelTeacher)
    with pytest.raises(TypeError, match='no Teacher'):
        build_teacher({'type': 'CWDLoss'})
