import pytest
import torch
from torch.nn import functional as F

from mmocr_kd.losses import BinaryKDLoss, CWDLoss, FitNetLoss, MaskETLoss, PixelLoss

ALL = [BinaryKDLoss, CWDLoss, FitNetLoss]


def pair(shape=(2, 3, 4), seed=0):
    generator = torch.Generator().manual_seed(seed)
    student, teacher = torch.randn(2, *shape, generator=generator, dtype=torch.float64)
    return student.requires_grad_(), teacher


@pytest.mark.parametrize('build', ALL)
def test_what_all_losses_promise(build):
    student, teacher = pair()
    assert next(iter(build()(student, student.detach()).values())).item() == pytest.approx(0)
    (name, value), = build(loss_weight=2.5)(student, teacher).items()
    assert 'loss' in name and value.dim() == 0 and value.item() > 0
    assert value.item() == pytest.approx(2.5 * build()(student, teacher)[name].item())
    assert torch.autograd.gradcheck(lambda s: build()(s, teacher)[name], (student, ))
    half = build()(student.detach().half(), teacher.half())[name]
    assert half.dtype == torch.float32
    learning = teacher.clone().requires_grad_()
    build()(student, learning)[name].backward()
    assert learning.grad is None
    with pytest.raises(ValueError, match='shape'):
        build()(student, teacher[:1])
    with pytest.raises(ValueError, match='loss_weight'):
        build(loss_weight=0)


def test_binary_kd_is_the_kd_part_of_masket():
    student, teacher = pair()
    mask = teacher > 0
    masked = BinaryKDLoss(mask='text', temperature=2)(student, teacher, mask)['loss_kd']
    masket = MaskETLoss(entropy_weight=0, temperature=2)(student, teacher, mask)['loss_kd']
    assert masked.item() == masket.item()


def test_binary_kd_at_one_is_cross_entropy_less_the_teachers_entropy():
    student, teacher = pair()
    soft = teacher.sigmoid()
    expected = F.binary_cross_entropy_with_logits(student, soft)
    expected = expected - F.binary_cross_entropy(soft, soft)
    assert torch.allclose(BinaryKDLoss()(student, teacher)['loss_kd'], expected)


def test_a_mask_is_ignored_where_all_positions_count():
    student, teacher = pair()
    loss = BinaryKDLoss(mask='none')
    nowhere = torch.zeros_like(teacher, dtype=torch.bool)
    masked, plain = loss(student, teacher, nowhere), loss(student, teacher)
    assert torch.equal(masked['loss_kd'], plain['loss_kd'])


def test_pixel_losses_of_ones_own_compute_in_float32_under_autocast():
    class Product(PixelLoss):
        def pixel_losses(self, student, teacher):
            return {'loss_product': student @ teacher}  # what autocast computes in bfloat16

    student, teacher = (x.detach().float() for x in pair((2, 4, 4)))
    with torch.autocast('cpu', torch.bfloat16):
        found = Product('none', False, 'mask')(student, teacher)['loss_product']
    torch.testing.assert_close(found, (student @ teacher).mean(), atol=0, rtol=1e-5)


@pytest.mark.parametrize('shape', [(2, 3, 4), (2, 5, 3, 4)])
def test_cwd_equals_a_loop_over_channels(shape):
    student, teacher = pair(shape)
    expected = 0.
    for s, t in zip(student.reshape(-1, 12), teacher.reshape(-1, 12)):
        ps, pt = (s / 4).softmax(0), (t / 4).softmax(0)
        expected += (pt * (pt / ps).log()).sum().item() * 16
    channels = student.numel() // 12
    assert CWDLoss()(student, teacher)['loss_cwd'].item() == pytest.approx(expected / channels)


def test_cwd_ignores_a_constant_offset():
    student, teacher = pair()
    a, b = (CWDLoss()(student + c, teacher)['loss_cwd'].item() for c in (0, 7))
    assert a == pytest.approx(b)


def test_fitnet_is_the_mean_squared_error():
    student, teacher = pair()
    expected = ((student - teacher)**2).mean()
    assert torch.allclose(FitNetLoss()(student, teacher)['loss_fitnet'], expected)
