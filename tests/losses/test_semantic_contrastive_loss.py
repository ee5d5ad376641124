import math

import golden
import pytest
import torch

from mmocr_kd.losses import Labels, Reading, SemanticContrastiveLoss


def loss_of(projector='identity', channels=4, **fields):
    return SemanticContrastiveLoss(1., channels, 3, 5, projector=projector, **fields).double()


def value(student, teacher, labels, loss=None):
    student, teacher = (x if isinstance(x, tuple) else (x, ) for x in (student, teacher))
    readings = (Reading((), glimpses) for glimpses in (student, teacher))
    (name, result), = (loss or loss_of())(*readings, labels).items()
    assert name == 'loss_semantic' and result.dim() == 0
    return result


def glimpses(words=2, steps=4, channels=4):
    student, teacher = torch.randn(2, words, steps, channels, dtype=torch.float64)
    return student.requires_grad_(), teacher


def brute_force(student, teacher, classes=None, temperature=.1):
    """One anchor and one candidate at a time; rows are lists of vectors."""
    rows, total = [*student, *teacher], 0.
    for i, anchor in enumerate(rows):
        positive = (i + len(student)) % len(rows)
        scores = {j: torch.cosine_similarity(anchor, other, 0).item() / temperature
                  for j, other in enumerate(rows) if j != i}
        if classes is not None:
            both = [*classes, *classes]
            scores = {j: s for j, s in scores.items() if j == positive or both[i] != both[j]}
        total += math.log(sum(map(math.exp, scores.values()))) - scores[positive]
    return total / len(rows)


@pytest.mark.parametrize(('rows', 'expected'), [(7, .7415803020463702), (1, 0)])
def test_golden(rows, expected):
    student, teacher = (x[None] for x in golden.characters())
    labels = golden.labels([rows])
    assert value(student, teacher, labels).item() == pytest.approx(expected, abs=1e-9)
    single = value(student.float(), teacher.float(), labels)
    assert single.dtype == torch.float32
    assert single.item() == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize('same', [False, True])
def test_equals_brute_force(same):
    student, teacher = glimpses(3)
    labels = Labels(torch.tensor([[1, 2, 0, 0], [1, 0, 5, 5], [3, 1, 1, 0]]),
                    torch.tensor([3, 2, 4]), 0)
    rows = [(n, t) for n in range(3) for t in range(labels.lengths[n])]
    classes = [labels.indexes[row].item() for row in rows] if same else None
    expected = brute_force([student[r] for r in rows], [teacher[r] for r in rows], classes)
    result = value(student, teacher, labels, loss_of(exclude_same_class=same))
    assert result.item() == pytest.approx(expected, abs=1e-12)


def test_without_repeated_characters_excluding_them_changes_nothing():
    student, teacher = glimpses()
    labels = Labels(torch.tensor([[1, 2, 0, 0], [3, 4, 5, 0]]), torch.tensor([2, 3]), 0)
    results = [value(student, teacher, labels, loss_of(exclude_same_class=same)).item()
               for same in (False, True)]
    assert results[0] == results[1]


def test_padding_does_not_count_with_the_identity():
    student, teacher = glimpses()
    labels = golden.labels([2, 4])
    before = value(student, teacher, labels)
    noise = torch.zeros_like(teacher)
    noise[0, 2:] = 9
    assert value(student + noise, teacher - noise, labels).item() == before.item()
    before.backward()
    assert (student.grad[0, 2:] == 0).all() and (student.grad[1] != 0).any(-1).all()


def test_is_lowest_when_aligned():
    _, teacher = glimpses()
    labels = golden.labels([3, 4])
    aligned = value(teacher, teacher, labels)
    for _ in range(10):
        assert value(teacher + torch.randn_like(teacher), teacher, labels) > aligned


@pytest.mark.parametrize('projector', ['bilstm', 'mlp'])
def test_one_projector_learns_from_both_branches_and_the_teacher_from_none(projector):
    student, teacher = glimpses()
    teacher.requires_grad_()
    loss = loss_of(projector)
    value(student, teacher, golden.labels([3, 4]), loss).backward()
    assert teacher.grad is None and student.grad.abs().sum() > 0
    parameters = dict(loss.named_parameters())
    assert parameters and all(name.startswith('projector.') for name in parameters)
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in parameters.values())


def test_the_official_projector():
    projector = SemanticContrastiveLoss().projector
    weights = {name: tuple(p.shape) for name, p in projector.state_dict().items()}
    assert weights['lstm.weight_ih_l0'] == (1024, 512)
    assert weights['lstm.weight_hh_l0_reverse'] == (1024, 256)
    assert weights['linear.weight'] == (512, 512)
    assert len(weights) == 10
    assert projector(torch.zeros(2, 26, 512)).shape == (2, 26, 512)


def test_the_projectors_see_what_they_should():
    student, teacher = glimpses()
    labels, moved = golden.labels([2, 4]), student.detach().clone()
    moved[0, 3] += 1  # padding: the LSTM reads it backwards, the MLP sees each step for itself
    for projector, same in (('bilstm', False), ('mlp', True)):
        loss = loss_of(projector)
        results = [value(s, teacher, labels, loss).item() for s in (student, moved)]
        assert (results[0] == results[1]) is same


def test_behind_the_end_autoregressive_decoders_read_nothing_and_the_projectors_see_zeros():
    student, teacher = glimpses()
    past = torch.arange(4) >= torch.tensor([[2], [3]])
    blanked = [x.masked_fill(past[..., None], 0) for x in (student, teacher)]
    loss = loss_of('bilstm')
    found = value(student, teacher, golden.labels([2, 3], autoregressive=True), loss)
    assert found == value(*blanked, golden.labels([2, 3]), loss)
    assert found != value(student, teacher, golden.labels([2, 3]), loss)


def test_permutations_are_averaged_and_do_not_meet():
    a, teacher_a = glimpses()
    b, teacher_b = glimpses()
    labels = golden.labels([3, 4])
    mean = (value(a, teacher_a, labels) + value(b, teacher_b, labels)) / 2
    assert torch.allclose(value((a, b), (teacher_a, teacher_b), labels), mean)


def test_one_character_alone_and_none_at_all():
    student, teacher = glimpses()
    loss = loss_of('bilstm')
    for lengths in ([1, 0], [0, 0]):
        result = value(student, teacher, golden.labels(lengths), loss)
        result.backward()
        assert result.item() == 0
        assert (student.grad == 0).all()
        assert all((p.grad == 0).all() for p in loss.parameters())


def test_words_of_length_zero_drop_out():
    student, teacher = glimpses(3)
    ctc = {'end_idx': None, 'blank_idx': 0}
    with_empty = value(student, teacher, golden.labels([3, 0, 4], **ctc))
    without = value(student[[0, 2]], teacher[[0, 2]], golden.labels([3, 4], **ctc))
    assert with_empty.item() == pytest.approx(without.item())


def test_words_that_cannot_be_aligned_drop_out():
    student, teacher = glimpses(3)
    ctc = {'end_idx': None, 'blank_idx': 0}
    aligned = torch.tensor([True, False, True])
    some = value(student, teacher, golden.labels([3, 2, 4], aligned=aligned, **ctc))
    without = value(student[[0, 2]], teacher[[0, 2]], golden.labels([3, 4], **ctc))
    assert some.item() == pytest.approx(without.item())


def test_more_glimpses_than_labels_and_longer_lengths():
    student, teacher = glimpses()
    narrow = Labels(torch.tensor([[1, 2], [3, 2]]), torch.tensor([9, 9]), 0)
    for same in (False, True):
        result = value(student, teacher, narrow, loss_of(exclude_same_class=same))
        cut = value(student[:, :2], teacher[:, :2], narrow, loss_of(exclude_same_class=same))
        assert result.item() == pytest.approx(cut.item())


@pytest.mark.parametrize('projector', ['bilstm', 'mlp', 'identity'])
@pytest.mark.parametrize('same', [False, True])
def test_gradient_passes_gradcheck(projector, same):
    student, teacher = glimpses(steps=3)
    loss = loss_of(projector, exclude_same_class=same)
    labels = Labels(torch.tensor([[1, 2, 0], [1, 0, 0]]), torch.tensor([3, 2]), 0)
    assert torch.autograd.gradcheck(lambda s: value(s, teacher, labels, loss), (student, ))


@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16])
@pytest.mark.parametrize('projector', ['bilstm', 'identity'])
def test_half_precision_is_computed_in_float32(dtype, projector):
    student, teacher = ((100 * x.detach()).to(dtype) for x in glimpses(16, 26))
    student.requires_grad_()
    labels = golden.labels([26] * 16)
    loss, exact_loss = loss_of(projector).float(), loss_of(projector)
    exact_loss.load_state_dict(loss.state_dict())
    with torch.autocast('cpu', torch.bfloat16):
        result = value(student, teacher, labels, loss)
    exact = value(student.double(), teacher.double(), labels, exact_loss)
    assert result.dtype == torch.float32
    assert result.item() == pytest.approx(exact.item(), rel=1e-5)
    result.backward()
    assert torch.isfinite(student.grad).all()


def test_a_vector_of_zeros_stays_finite():
    student, teacher = glimpses()
    with torch.no_grad():
        student[0, 0] = 0
    result = value(student, teacher, golden.labels([3, 4]))
    result.backward()
    assert torch.isfinite(result) and (student.grad[0, 0] == 0).all()


def test_clear_errors():
    student, teacher = glimpses()
    labels = golden.labels([3, 4])
    with pytest.raises(ValueError, match='in_channels=8.*4 channels'):
        value(student, teacher, labels, loss_of('bilstm', channels=8))
    with pytest.raises(ValueError, match='1 glimpses, the teacher 2'):
        value(student, (teacher, teacher), labels)
    with pytest.raises(ValueError, match=r'\(2, 4, 4\).*\(2, 3, 4\)'):
        value(student, teacher[:, :3], labels)
    with pytest.raises(ValueError, match='2 words'):
        value(student, teacher, golden.labels([3]))
    with pytest.raises(ValueError, match="projector='gru'"):
        loss_of('gru')
    for field in ('loss_weight', 'in_channels', 'hidden_channels', 'out_channels', 'temperature'):
        with pytest.raises(ValueError, match=field):
            SemanticContrastiveLoss(**{field: 0})
