from dataclasses import replace

import golden
import pytest
import torch

from mmocr_kd.losses import Labels, Reading, VisualFocusLoss


def value(student, teacher, lengths=(5, 26), mask='attention', **fields):
    loss = VisualFocusLoss(1., mask)(student, teacher, golden.labels(lengths, **fields))
    (name, result), = loss.items()
    assert name == 'loss_visual' and result.dim() == 0
    return result


def of(visual, attention=None):
    return Reading((), visual=visual, attention=attention)


def maps(words=2, channels=3, size=(4, 6), steps=5, dtype=torch.float64):
    student, teacher = torch.randn(2, words, channels, *size, dtype=dtype)
    attention = torch.randn(words, steps, size[0] * size[1], dtype=dtype).softmax(-1)
    return of(student.requires_grad_()), of(teacher, attention.reshape(words, steps, *size))


@pytest.mark.parametrize(('lengths', 'mask', 'expected'), [
    ([5, 26], 'attention', .9698705979822713),
    ([26, 26], 'attention', .9779065136162846),
    ([5, 99], 'attention', .9698705979822713),
    ([5, 26], 'none', .977857257446037),
])
def test_golden_maps(lengths, mask, expected):
    assert value(*golden.maps(), lengths, mask).item() == pytest.approx(expected, abs=1e-9)


def test_golden_tokens():
    student, teacher = golden.tokens()
    expected = .968040767588947
    assert value(student, teacher, mask='none').item() == pytest.approx(expected, abs=1e-9)
    single = value(of(student.visual.float()), of(teacher.visual.float()), mask='none')
    assert single.dtype == torch.float32
    assert single.item() == pytest.approx(expected, abs=1e-5)


def test_equals_the_official_steps_one_channel_at_a_time():
    student, teacher = maps()
    lengths, total = (2, 4), 0.
    for word in range(2):
        mask = teacher.attention[word, :lengths[word]].max(0).values
        for ours, theirs in zip(student.visual[word], teacher.visual[word]):
            a, b = ((x - x.mean()) / x.std() * mask for x in (ours, theirs))
            total += 1 - (a * b).sum().item() / (a.norm() * b.norm()).item()
    assert value(student, teacher, lengths).item() == pytest.approx(total / 6, abs=1e-12)


def test_without_mask_it_is_one_minus_pearsons_correlation():
    student, teacher = torch.randn(2, 2, 9, 3, dtype=torch.float64)
    pearson = [torch.corrcoef(torch.stack([student[n, :, d], teacher[n, :, d]]))[0, 1]
               for n in range(2) for d in range(3)]
    expected = 1 - torch.stack(pearson).mean()
    assert torch.allclose(value(of(student), of(teacher), mask='none'), expected)


def test_scale_and_offset_of_channels_do_not_count():
    student, teacher = maps()
    scale, offset = torch.rand(3, 1, 1) + .1, torch.randn(3, 1, 1)
    before = value(student, teacher)
    for moved in ((of(student.visual * scale + offset), teacher),
                  (student, replace(teacher, visual=teacher.visual * scale + offset))):
        assert value(*moved).item() == pytest.approx(before.item(), abs=1e-9)


def test_same_maps_give_zero_and_negated_ones_two():
    _, teacher = maps()
    assert value(of(teacher.visual), teacher).item() == pytest.approx(0, abs=1e-12)
    assert value(of(-teacher.visual), teacher).item() == pytest.approx(2)


def test_attention_past_the_end_does_not_count():
    student, teacher = maps()
    attention = teacher.attention.clone()
    attention[0, 2:] = 7
    past = value(student, replace(teacher, attention=attention), (2, 5))
    assert past.item() == value(student, teacher, (2, 5)).item()
    attention[0, 1, 0, 0] = 7
    inside = value(student, replace(teacher, attention=attention), (2, 5))
    assert inside.item() != past.item()


def test_words_do_not_influence_each_other():
    student, teacher = maps()
    each = [value(of(student.visual[n:n + 1]), of(teacher.visual[n:n + 1],
                                                  teacher.attention[n:n + 1]), lengths[:1])
            for n, lengths in enumerate([(2, ), (4, )])]
    assert torch.allclose(torch.stack(each).mean(), value(student, teacher, (2, 4)))


@pytest.mark.parametrize('constant', [0., .1, 5., 1e4])
@pytest.mark.parametrize('dtype', [torch.float32, torch.float64])
def test_a_constant_channel_counts_one_and_gets_no_gradient(constant, dtype):
    student, teacher = maps(channels=2, dtype=dtype)
    visual = student.visual.detach().clone()
    visual[:, 0] = constant
    visual.requires_grad_()
    result = value(of(visual), teacher)
    other = value(of(visual[:, 1:]), replace(teacher, visual=teacher.visual[:, 1:]))
    assert result.item() == pytest.approx((1 + other.item()) / 2)
    result.backward()
    assert (visual.grad[:, 0] == 0).all() and torch.isfinite(visual.grad).all()
    flat = replace(teacher, visual=torch.full_like(teacher.visual, constant))
    assert value(student, flat).item() == 1


def test_gradient_passes_gradcheck_and_never_reaches_the_teacher():
    student, teacher = maps(size=(2, 3))
    teacher = of(teacher.visual.requires_grad_(), teacher.attention.requires_grad_())
    assert torch.autograd.gradcheck(lambda v: value(of(v), teacher), (student.visual, ))
    value(student, teacher).backward()
    assert teacher.visual.grad is None and teacher.attention.grad is None
    tokens, others = torch.randn(2, 2, 5, 3, dtype=torch.float64)
    assert torch.autograd.gradcheck(
        lambda v: value(of(v), of(others), mask='none'), (tokens.requires_grad_(), ))


@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16])
def test_half_precision_is_computed_in_float32(dtype):
    student, teacher = golden.maps()
    halves = (of(student.visual.to(dtype).requires_grad_()),
              of(teacher.visual.to(dtype), teacher.attention.to(dtype)))
    with torch.autocast('cpu', torch.bfloat16):
        result = value(*halves)
    exact = value(*(of(h.visual.double(), None if h.attention is None else h.attention.double())
                    for h in halves))
    assert result.dtype == torch.float32
    assert result.item() == pytest.approx(exact.item(), abs=1e-5)
    result.backward()
    assert torch.isfinite(halves[0].visual.grad).all()


def test_an_attention_of_another_size_is_interpolated():
    student, teacher = maps(size=(4, 6))
    small = torch.rand(2, 5, 2, 3, dtype=torch.float64)
    peak = small.max(1, keepdim=True).values
    large = torch.nn.functional.interpolate(peak, (4, 6), mode='bilinear')
    assert torch.allclose(value(student, replace(teacher, attention=small), (5, 5)),
                          value(student, replace(teacher, attention=large), (5, 5)))


@pytest.mark.parametrize('shape', [(2, 1, 1, 3), (2, 5, 1, 3)])
def test_all_steps_of_a_ctc_posterior_count_whatever_the_lengths(shape):
    student, teacher = maps(size=(4, 6))
    teacher = replace(teacher, attention=torch.rand(shape, dtype=torch.float64))
    ctc = {'end_idx': None, 'blank_idx': 0}
    assert value(student, teacher, (0, 1), **ctc) == value(student, teacher, (9, 9), **ctc)
    peak = teacher.attention.max(1, keepdim=True).values.expand(2, 1, 4, 3)
    rows = torch.nn.functional.interpolate(peak, (4, 6), mode='bilinear')
    assert torch.allclose(value(student, teacher, (0, 1), **ctc),
                          value(student, replace(teacher, attention=rows), (1, 1)))


def test_a_character_seen_nowhere_leaves_words_without_direction():
    student, teacher = maps()
    blind = replace(teacher, attention=torch.zeros_like(teacher.attention))
    result = value(student, blind)
    result.backward()
    assert result.item() == 1 and (student.visual.grad == 0).all()


def test_clear_errors():
    student, teacher = maps()
    with pytest.raises(ValueError, match="attention.*use mask='none'"):
        value(student, of(teacher.visual))
    with pytest.raises(ValueError, match='visual'):
        value(of(None), teacher)
    with pytest.raises(ValueError, match=r'\(2, 3, 4, 6\).*\(2, 3, 4, 5\)'):
        value(student, replace(teacher, visual=teacher.visual[..., :5]))
    with pytest.raises(ValueError, match="with mask='none'"):
        value(of(student.visual[0]), of(teacher.visual[0], teacher.attention))
    with pytest.raises(ValueError, match=r'expected \(2, T, h, w\)'):
        value(student, replace(teacher, attention=teacher.attention[:, 0]))
    with pytest.raises(ValueError, match='one length per word'):
        VisualFocusLoss()(student, teacher, Labels(torch.ones(2, 3), torch.tensor([[2], [3]])))
    with pytest.raises(ValueError, match="mask='ctc'"):
        VisualFocusLoss(mask='ctc')
    with pytest.raises(ValueError, match='loss_weight'):
        VisualFocusLoss(loss_weight=0)
