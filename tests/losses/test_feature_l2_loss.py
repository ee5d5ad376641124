import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from mmengine.model import BaseModel
from mmocr.registry import MODELS

from mmocr_kd.losses import FeatureL2Loss

REDUCTIONS = ['mse', 'norm']


def pair(shape=(3, 4, 2, 5), dtype=torch.float64):
    torch.manual_seed(0)
    student, teacher = (2 * torch.randn(2, *shape, dtype=torch.float64)).to(dtype)
    return student.requires_grad_(), teacher.requires_grad_()


def value(student, teacher, **fields):
    (name, result), = FeatureL2Loss(name='loss_x', **fields)(student, teacher).items()
    assert name == 'loss_x' and result.dim() == 0
    return result


@settings(max_examples=30, deadline=None)
@given(shape=st.lists(st.integers(1, 4), min_size=1, max_size=4))
def test_equals_a_loop_over_elements(shape):
    student, teacher = pair(shape)
    gaps = [abs(a - b) for a, b in zip(student.flatten().tolist(), teacher.flatten().tolist())]
    assert value(student, teacher).item() == pytest.approx(sum(g * g for g in gaps) / len(gaps))
    norm = value(student, teacher, reduction='norm', loss_weight=2.5)
    assert norm.item() == pytest.approx(2.5 * sum(gaps) / len(gaps))


def test_the_official_temperature_cancels():
    student, teacher = pair()
    softened = 25 * value(student / 5, teacher / 5)
    assert softened.item() == pytest.approx(value(student, teacher).item(), rel=1e-12)


@pytest.mark.parametrize('reduction', REDUCTIONS)
def test_only_the_student_learns_and_equal_features_are_at_rest(reduction):
    student, teacher = pair()
    assert torch.autograd.gradcheck(lambda s: value(s, teacher, reduction=reduction), (student, ))
    value(student, teacher, reduction=reduction).backward()
    assert teacher.grad is None and (student.grad != 0).all()
    copy = teacher.detach().clone().requires_grad_()
    result = value(copy, teacher, reduction=reduction)
    result.backward()
    assert result.item() == 0 and (copy.grad == 0).all()


@pytest.mark.parametrize('reduction', REDUCTIONS)
def test_no_word_is_zero_with_a_graph(reduction):
    student, teacher = pair((0, 4, 2, 5))
    result = value(student, teacher, reduction=reduction)
    result.backward()
    assert result.item() == 0 and student.grad.shape == (0, 4, 2, 5)


@pytest.mark.parametrize('reduction', REDUCTIONS)
@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16])
def test_half_precision_is_computed_in_float32(dtype, reduction):
    student, teacher = pair(dtype=dtype)
    student, teacher = (1e4 * x.detach() for x in (student, teacher))  # squares overflow float16
    with torch.autocast('cpu', torch.bfloat16):
        result = value(student, teacher, reduction=reduction)
    assert result.dtype == torch.float32
    exact = value(student.double(), teacher.double(), reduction=reduction)
    assert result.item() == pytest.approx(exact.item(), rel=1e-6)


def test_two_in_one_model_do_not_clash_and_both_count():
    student, teacher = pair()
    roi, context = (MODELS.build(dict(type='FeatureL2Loss', name=f'loss_kd_{part}'))
                    for part in ('roi', 'context'))
    results = roi(student, teacher) | context(student, 2 * teacher)
    assert set(results) == {'loss_kd_roi', 'loss_kd_context'}
    total, _ = BaseModel.parse_losses(None, results)
    assert total.item() == pytest.approx(sum(result.item() for result in results.values()))


def test_clear_errors():
    student, teacher = pair()
    with pytest.raises(ValueError, match=r'\(3, 4, 2, 5\), the teacher \(2, 4, 2, 5\)'):
        value(student, teacher[:2])
    with pytest.raises(ValueError, match="reduction='l2' is unknown: use one of"):
        FeatureL2Loss(reduction='l2')
    with pytest.raises(ValueError, match='loss_weight=0'):
        FeatureL2Loss(loss_weight=0)
    with pytest.raises(ValueError, match="name='kd_roi' must contain 'loss'"):
        FeatureL2Loss(name='kd_roi')
