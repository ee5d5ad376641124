"""The mask that needs no labels: where the teacher sees text, and around it."""
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mmocr_kd.losses import BinaryKDLoss, MaskETLoss


@settings(max_examples=40)
@given(st.integers(0, 10**6), st.floats(.05, .95), st.integers(0, 3),
       st.sampled_from(['mask', 'image']))
def test_equals_the_mask_drawn_by_hand(seed, threshold, dilation, reduction):
    generator = torch.Generator().manual_seed(seed)
    student, teacher = torch.randn(2, 2, 9, 11, generator=generator, dtype=torch.float64) * 3
    seen = torch.zeros(2, 9, 11, dtype=torch.bool)
    for image, y, x in (teacher.sigmoid() > threshold).nonzero().tolist():
        top, left = max(y - dilation, 0), max(x - dilation, 0)
        seen[image, top:y + dilation + 1, left:x + dilation + 1] = True
    fields = dict(mask_threshold=threshold, mask_dilation=dilation, reduction=reduction)
    found = MaskETLoss(mask='teacher', **fields)(student, teacher)
    expected = MaskETLoss(reduction=reduction)(student, teacher, seen)
    for key, value in expected.items():
        torch.testing.assert_close(found[key], value)


def test_a_teacher_who_sees_nothing_teaches_nothing():
    student = torch.randn(1, 4, 4, requires_grad=True)
    loss = BinaryKDLoss(mask='teacher')(student, torch.full((1, 4, 4), -9.))['loss_kd']
    loss.backward()
    assert loss == 0 and not student.grad.any()


@pytest.mark.parametrize('fields', [{'mask_threshold': 1.5}, {'mask_dilation': -1}])
def test_impossible_fields(fields):
    name, value = *fields, *fields.values()
    with pytest.raises(ValueError, match=f'{name}={value}'):
        MaskETLoss(mask='teacher', **fields)
