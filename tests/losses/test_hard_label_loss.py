import golden
import pytest
import torch
from torch.nn import functional as F

from mmocr_kd.losses import HardLabelLoss, Labels, Reading


def value(logits, labels, weight=1.):
    logits = logits if isinstance(logits, tuple) else (logits, )
    (name, result), = HardLabelLoss(weight)(Reading(logits), Reading(()), labels).items()
    assert name == 'loss_hard' and result.dim() == 0
    return result


def words(lengths=(2, 4), steps=4, classes=5, **fields):
    logits = torch.randn(len(lengths), steps, classes, dtype=torch.float64, requires_grad=True)
    indexes = torch.randint(1, classes, (len(lengths), steps))
    return logits, Labels(indexes, torch.tensor(lengths), **fields)


def ctc_words(frames=(7, 9, 3), lengths=(2, 3, 1)):
    logits = torch.randn(3, 9, 5, dtype=torch.float64, requires_grad=True)
    indexes = torch.tensor([[1, 1, 9], [2, 3, 1], [4, 9, 9]])
    return logits, Labels(indexes, torch.tensor(lengths), None, 0, frames=torch.tensor(frames))


@pytest.mark.parametrize('end_idx', [0, 36])
def test_golden(end_idx):
    student, _, labels = golden.words(end_idx)
    assert value(student.logits, labels).item() == pytest.approx(.007542926904588406, abs=1e-9)
    single = value(student.logits[0].float(), labels)
    assert single.item() == pytest.approx(.007542926904588406, abs=1e-5)


def test_long_words_weigh_more_and_padding_does_not_count():
    logits, labels = words()
    chosen = torch.cat([logits[0, :2], logits[1, :4]])
    expected = F.cross_entropy(chosen, torch.cat([labels.indexes[0, :2], labels.indexes[1, :4]]))
    assert torch.allclose(value(logits, labels), expected)
    labels.indexes[0, 2:] = 10**6
    result = value(logits, labels, weight=.5)
    assert torch.allclose(result, expected / 2)
    result.backward()
    assert (logits.grad[0, 2:] == 0).all() and (logits.grad[1] != 0).all()


def test_permutations_are_averaged():
    a, labels = words()
    b = torch.randn_like(a)
    mean = (value(a, labels) + value(b, labels)) / 2
    assert torch.allclose(value((a, b), labels), mean)


def test_labels_and_logits_of_different_width():
    logits, labels = words()
    wide = Labels(F.pad(labels.indexes, (0, 3), value=99), labels.lengths)
    assert value(logits, wide).item() == value(logits, labels).item()
    longer = F.pad(logits, (0, 0, 0, 2))
    assert value(longer, labels).item() == value(logits, labels).item()
    over = Labels(labels.indexes, torch.tensor([2, 9]))
    assert value(logits, over).item() == value(logits, labels).item()


def test_one_word_of_one_character():
    logits, labels = words((1, ), steps=1)
    expected = -logits[0, 0].log_softmax(0)[labels.indexes[0, 0]]
    assert torch.allclose(value(logits, labels), expected)


def test_no_step_at_all_is_zero_with_a_graph():
    logits, labels = words((0, 0))
    result = value(logits, labels)
    result.backward()
    assert result.item() == 0 and (logits.grad == 0).all()


def test_ctc_equals_torch_one_word_at_a_time():
    logits, labels = ctc_words()
    each = [F.ctc_loss(logits[n, :labels.frames[n], None].log_softmax(-1),
                       labels.indexes[n:n + 1, :labels.lengths[n]], labels.frames[n:n + 1],
                       labels.lengths[n:n + 1], reduction='sum') / labels.lengths[n]
            for n in range(3)]
    assert torch.allclose(value(logits, labels), torch.stack(each).mean())


def test_frames_past_the_end_do_not_count_in_ctc():
    logits, labels = ctc_words()
    value(logits, labels).backward()
    assert (logits.grad[0, 7:] == 0).all() and (logits.grad[2, 3:] == 0).all()
    assert (logits.grad[1] != 0).all()


def test_more_valid_frames_than_there_are_count_as_all():
    logits, labels = ctc_words()
    more = ctc_words(frames=(7, 30, 3))[1]
    assert value(logits, more).item() == value(logits, labels).item()


def test_needs_no_teacher():
    assert HardLabelLoss().wants is None


def test_a_label_that_does_not_fit_its_frames_is_left_out():
    logits, labels = ctc_words(frames=(2, 9, 3))  # 1 1 needs a blank between
    result = value(logits, labels)
    result.backward()
    assert torch.isfinite(result) and (logits.grad[0] == 0).all()
    assert torch.isfinite(logits.grad).all()


def test_gradient_passes_gradcheck():
    logits, labels = words()
    assert torch.autograd.gradcheck(lambda z: value(z, labels), (logits, ))
    logits, labels = ctc_words()
    assert torch.autograd.gradcheck(lambda z: value(z, labels), (logits, ))


@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16])
@pytest.mark.parametrize('make', [words, ctc_words])
def test_half_precision_is_computed_in_float32(dtype, make):
    logits, labels = make()
    half = (logits.detach() * 100).to(dtype).requires_grad_()
    with torch.autocast('cpu', torch.bfloat16):
        result = value(half, labels)
    assert result.dtype == torch.float32
    assert result.item() == pytest.approx(value(half.double(), labels).item(), rel=1e-5)
    result.backward()
    assert torch.isfinite(half.grad).all()


def test_clear_errors():
    logits, labels = ctc_words()
    with pytest.raises(ValueError, match='labels.frames'):
        value(logits, Labels(labels.indexes, labels.lengths, blank_idx=0))
    with pytest.raises(ValueError, match='at least once'):
        value((), labels)
    with pytest.raises(ValueError, match=r'\(N, T, channels\)'):
        value(logits[0], labels)
    with pytest.raises(ValueError, match='3 words'):
        value(logits, words()[1])
    with pytest.raises(ValueError, match='loss_weight'):
        HardLabelLoss(loss_weight=-1)
