import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mmocr_kd.losses import MaskETLoss


def maps(seed=0, shape=(2, 5, 7), dtype=torch.float64):
    generator = torch.Generator().manual_seed(seed)
    student, teacher = torch.randn(2, *shape, generator=generator, dtype=dtype) * 3
    mask = torch.rand(*shape, generator=generator) < .4
    return student.requires_grad_(), teacher, mask


def brute_force(student, teacher, mask, distance, temperature, pixels):
    """Straight from the definitions, one pixel at a time, in probability space."""
    entropy_sum = kd_sum = 0.
    for s, t in zip(student[mask].tolist(), teacher[mask].tolist()):
        ps, pt = (torch.tensor([z, 0.], dtype=torch.float64).softmax(0) for z in (s, t))
        gap = (-(ps * ps.log2()).sum() + (pt * pt.log2()).sum()).abs().item()
        smooth = gap**2 / .2 if gap < .1 else gap - .05
        entropy_sum += {'l2': gap**2, 'l1': gap, 'smooth_l1': smooth}[distance]
        qs, qt = (torch.tensor([z, 0.], dtype=torch.float64).div(temperature).softmax(0)
                  for z in (s, t))
        kd_sum += (qt * (qt.log() - qs.log())).sum().item() * temperature**2
    return entropy_sum / pixels, kd_sum / pixels


@pytest.mark.parametrize('distance', ['l2', 'l1', 'smooth_l1'])
@pytest.mark.parametrize('temperature', [1., 4.])
@pytest.mark.parametrize('reduction', ['mask', 'image'])
def test_equals_brute_force(distance, temperature, reduction):
    student, teacher, mask = maps()
    loss = MaskETLoss(3., .5, distance, temperature, reduction=reduction)
    losses = loss(student, teacher, mask)
    pixels = mask.sum().item() if reduction == 'mask' else mask.numel()
    entropy, kd = brute_force(student, teacher, mask, distance, temperature, pixels)
    assert losses['loss_entropy'].item() == pytest.approx(3 * entropy, rel=1e-9)
    assert losses['loss_kd'].item() == pytest.approx(.5 * kd, rel=1e-9)


def test_gradient_passes_gradcheck_and_never_reaches_the_teacher():
    student, teacher, mask = maps(shape=(1, 3, 4))
    teacher.requires_grad_()
    loss = MaskETLoss()
    assert torch.autograd.gradcheck(
        lambda s: sum(loss(s, teacher, mask).values()), (student, ))
    sum(loss(student, teacher, mask).values()).backward()
    assert teacher.grad is None
    assert (student.grad[~mask] == 0).all()
    assert (student.grad[mask] != 0).all()


def test_entropy_is_blind_to_the_class():
    student, _, mask = maps()
    assert MaskETLoss(kd_weight=0)(student, -student, mask)['loss_entropy'].item() < 1e-30


def test_same_maps_give_zero():
    student, _, mask = maps()
    for value in MaskETLoss()(student, student.detach(), mask).values():
        assert value.item() == 0


@pytest.mark.parametrize('reduction', ['mask', 'image'])
def test_empty_mask_is_exactly_zero_with_a_graph(reduction):
    student, teacher, mask = maps()
    total = sum(MaskETLoss(reduction=reduction)(student, teacher, mask & False).values())
    assert total.item() == 0
    total.backward()
    assert (student.grad == 0).all()


@settings(max_examples=30)
@given(st.integers(0, 10**6))
def test_pixels_outside_the_mask_do_not_count(seed):
    student, teacher, mask = maps(seed)
    loss = MaskETLoss()
    before = loss(student, teacher, mask)
    noise = torch.where(mask, 0., 100.)
    after = loss(student + noise, teacher - noise, mask)
    assert all(before[key].item() == after[key].item() for key in before)


def test_order_of_images_does_not_count():
    student, teacher, mask = maps()
    a = MaskETLoss()(student, teacher, mask)
    b = MaskETLoss()(student.flip(0), teacher.flip(0), mask.flip(0))
    assert all(torch.allclose(a[key], b[key]) for key in a)


@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16])
def test_half_precision_is_computed_in_float32(dtype):
    student, teacher, mask = maps(dtype=torch.float32)
    halves = student.detach().to(dtype), teacher.to(dtype)
    with torch.autocast('cpu', torch.bfloat16):
        losses = MaskETLoss()(*halves, mask)
    exact = MaskETLoss()(halves[0].double(), halves[1].double(), mask)
    for key, value in losses.items():
        assert value.dtype == torch.float32
        assert value.item() == pytest.approx(exact[key].item(), rel=1e-5)


@pytest.mark.parametrize('extreme', [1e4, -1e4])
def test_extreme_logits_stay_finite(extreme):
    student = torch.full((1, 2, 2), extreme, requires_grad=True)
    total = sum(MaskETLoss()(student, -student.detach(), torch.ones(1, 2, 2)).values())
    total.backward()
    assert torch.isfinite(total) and torch.isfinite(student.grad).all()


def test_mask_none_counts_all_pixels():
    student, teacher, mask = maps()
    everywhere = MaskETLoss()(student, teacher, torch.ones_like(mask))
    none = MaskETLoss(mask='none')(student, teacher)
    assert all(torch.allclose(everywhere[key], none[key]) for key in none)


@pytest.mark.parametrize(('weights', 'names'), [
    ({'entropy_weight': 0}, {'loss_kd'}),
    ({'kd_weight': 0}, {'loss_entropy'}),
    ({}, {'loss_entropy', 'loss_kd'}),
])
def test_a_weight_of_zero_drops_the_term(weights, names):
    assert set(MaskETLoss(**weights)(*maps())) == names


@pytest.mark.parametrize('field', [
    {'distance': 'l3'}, {'mask': 'box'}, {'reduction': 'sum'}, {'temperature': 0},
    {'temperature': float('nan')}, {'entropy_weight': -1}, {'kd_weight': float('inf')},
    {'entropy_weight': 0, 'kd_weight': 0},
])
def test_bad_fields_are_named(field):
    with pytest.raises(ValueError, match=next(iter(field))):
        MaskETLoss(**field)


def test_wrong_shapes_are_named():
    student, teacher, mask = maps()
    with pytest.raises(ValueError, match=r'\(2, 5, 7\).*\(2, 5, 6\)'):
        MaskETLoss()(student, teacher[..., :-1], mask)
    with pytest.raises(ValueError, match='mask has shape'):
        MaskETLoss()(student, teacher, mask[:1])
    with pytest.raises(ValueError, match='needs a mask'):
        MaskETLoss()(student, teacher)
