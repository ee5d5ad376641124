import itertools

import pytest
import torch
from mmocr.registry import MODELS
from torch.nn import functional as F

from mmocr_kd.losses import (
    HardLabelLoss,
    Labels,
    Reading,
    ResolutionAccuracyLoss,
    ResolutionCostLoss,
)
from mmocr_kd.models.selectors import ResolutionSelector, sample_gumbel

SCALES = [.3, .4, .5, .6, .7, .8]
COMBINATIONS = ('logits', 'probs', 'loss')
BATCH_IDX = torch.tensor([0, 0, 2, 2, 2])  # the image in the middle has no text
LENGTHS = torch.tensor([2, 4, 1, 3, 4])

every_combination = pytest.mark.parametrize('combine', COMBINATIONS)
every_kind = pytest.mark.parametrize('mode, combine',
                                     list(itertools.product(('ce', 'kl'), COMBINATIONS)))


def words(scales=3, steps=4, classes=6, dtype=torch.float64, **fields):
    """Candidates of five words in three images, their labels and the teacher's logits."""
    candidates = torch.randn(scales, 5, steps, classes, dtype=dtype) * 2
    labels = Labels(torch.randint(1, classes, (5, steps)), LENGTHS, **fields)
    return candidates, labels, torch.randn(5, steps, classes, dtype=dtype) * 2


def ctc_words(**fields):
    candidates, _, teacher = words(steps=9, **fields)
    labels = Labels(torch.tensor([[1, 2, 9], [3, 3, 1], [4, 9, 9], [1, 2, 3], [5, 1, 1]]),
                    torch.tensor([2, 3, 1, 3, 3]), blank_idx=0,
                    frames=torch.tensor([9, 7, 3, 8, 9]))
    return candidates, labels, teacher


def one_hot(*choices, classes=3):
    return F.one_hot(torch.tensor(choices), classes).double()


def value(loss, decisions, candidates, labels, teacher=None, batch_idx=BATCH_IDX):
    (name, result), = loss(decisions, candidates, batch_idx, labels, teacher).items()
    assert name == 'loss_res_acc' and result.dim() == 0
    return result


def chosen(candidates, choices):
    """Each word's logits at the scale of its image, (N, T, C)."""
    return torch.stack([candidates[choices[image], n] for n, image in enumerate(BATCH_IDX)])


@every_combination
@pytest.mark.parametrize('choices', [(0, 1, 2), (2, 0, 0), (1, 1, 1)])
def test_value_is_the_cross_entropy_at_the_chosen_scale(combine, choices):
    candidates, labels, _ = words()
    steps = [(n, t) for n in range(5) for t in range(LENGTHS[n])]
    logits = chosen(candidates, choices)
    expected = F.cross_entropy(torch.stack([logits[n, t] for n, t in steps]),
                               torch.stack([labels.indexes[n, t] for n, t in steps]))
    loss = ResolutionAccuracyLoss(combine=combine, loss_weight=.5)
    assert torch.allclose(value(loss, one_hot(*choices), candidates, labels), expected / 2)


@every_combination
@pytest.mark.parametrize('direction', ['teacher_student', 'student_teacher'])
def test_value_is_the_divergence_at_the_chosen_scale(combine, direction):
    candidates, labels, teacher = words()
    p, q = (logits.div(1.5).softmax(-1) for logits in (teacher, chosen(candidates, (2, 0, 1))))
    if direction == 'student_teacher':
        p, q = q, p
    each = (p * (p / q).log()).sum(-1)
    expected = torch.cat([each[n, :LENGTHS[n]] for n in range(5)]).mean()
    loss = ResolutionAccuracyLoss('kl', combine, direction, temperature=1.5)
    assert torch.allclose(value(loss, one_hot(2, 0, 1), candidates, labels, teacher), expected)


@every_combination
def test_value_is_the_ctc_loss_at_the_chosen_scale(combine):
    candidates, labels, _ = ctc_words()
    reading = Reading((chosen(candidates, (2, 0, 1)), ))
    expected = HardLabelLoss(1.)(reading, Reading(()), labels)['loss_hard']
    result = value(ResolutionAccuracyLoss(combine=combine), one_hot(2, 0, 1), candidates, labels)
    assert torch.allclose(result, expected)


@every_combination
def test_divergence_of_ctc_compares_the_valid_frames(combine):
    candidates, labels, teacher = ctc_words()
    p, q = teacher.softmax(-1), chosen(candidates, (2, 0, 1)).softmax(-1)
    each = (p * (p / q).log()).sum(-1)
    expected = torch.cat([each[n, :labels.frames[n]] for n in range(5)]).mean()
    loss = ResolutionAccuracyLoss('kl', combine)
    assert torch.allclose(value(loss, one_hot(2, 0, 1), candidates, labels, teacher), expected)


@every_kind
@pytest.mark.parametrize('make', [words, ctc_words])
def test_gradient_of_soft_decisions_passes_gradcheck(mode, combine, make):
    candidates, labels, teacher = make()
    decisions = torch.rand(3, 3, dtype=torch.float64, requires_grad=True)
    loss = ResolutionAccuracyLoss(mode, combine)
    assert torch.autograd.gradcheck(
        lambda d: value(loss, d, candidates, labels, teacher), (decisions, ))


def test_gradient_of_blended_losses_is_the_loss_of_each_scale():
    candidates, labels, _ = words()
    decisions = one_hot(1, 1, 1).requires_grad_()
    loss = ResolutionAccuracyLoss(combine='loss')
    value(loss, decisions, candidates, labels).backward()
    each = [value(loss, one_hot(k, k, k), candidates, labels) for k in range(3)]
    assert torch.allclose(decisions.grad.sum(0), torch.stack(each))
    assert (decisions.grad[1] == 0).all()  # no text, no opinion


@every_kind
@pytest.mark.parametrize('make', [words, ctc_words])
def test_equal_candidates_leave_nothing_to_choose(mode, combine, make):
    candidates, labels, teacher = make()
    candidates[:] = candidates[:1].clone()
    logits = torch.randn(3, 3, dtype=torch.float64, requires_grad=True)
    value(ResolutionAccuracyLoss(mode, combine), sample_gumbel(logits, .7), candidates, labels,
          teacher).backward()
    assert logits.grad.abs().max() < 1e-6


@every_combination
@pytest.mark.parametrize('direction', ['teacher_student', 'student_teacher'])
def test_divergence_from_an_equal_teacher_is_zero_and_else_positive(combine, direction):
    candidates, labels, teacher = words()
    loss = ResolutionAccuracyLoss('kl', combine, direction)
    assert value(loss, one_hot(0, 1, 2), candidates, labels, teacher) > .01
    candidates[:] = teacher
    assert value(loss, one_hot(0, 1, 2), candidates, labels, teacher).abs() < 1e-9


@every_kind
def test_padding_does_not_matter(mode, combine):
    candidates, labels, teacher = words()
    loss = ResolutionAccuracyLoss(mode, combine)
    before = value(loss, one_hot(0, 1, 2), candidates, labels, teacher)
    for n, length in enumerate(LENGTHS):
        candidates[:, n, length:] = float('nan')
        teacher[n, length:] = float('nan')
        labels.indexes[n, length:] = 10**6
    assert value(loss, one_hot(0, 1, 2), candidates, labels, teacher) == before
    longer = F.pad(candidates, (0, 0, 0, 2)), F.pad(teacher, (0, 0, 0, 2))
    assert value(loss, one_hot(0, 1, 2), longer[0], labels, longer[1]) == before


@every_kind
def test_a_batch_is_the_mean_over_the_steps_of_its_words(mode, combine):
    candidates, labels, teacher = words()
    loss, decisions = ResolutionAccuracyLoss(mode, combine), one_hot(0, 1, 2)
    alone = [value(loss, decisions, candidates[:, n:n + 1],
                   Labels(labels.indexes[n:n + 1], LENGTHS[n:n + 1]), teacher[n:n + 1],
                   BATCH_IDX[n:n + 1]) for n in range(5)]
    mean = (torch.stack(alone) * LENGTHS).sum() / LENGTHS.sum()
    torch.testing.assert_close(value(loss, decisions, candidates, labels, teacher), mean)


@every_kind
def test_words_belong_to_their_images(mode, combine):
    candidates, labels, teacher = words()
    loss = ResolutionAccuracyLoss(mode, combine)
    before = value(loss, one_hot(2, 1, 0), candidates, labels, teacher)
    # The same images in another order, and their words likewise.
    order = torch.tensor([2, 3, 4, 0, 1])
    moved = Labels(labels.indexes[order], labels.lengths[order])
    after = value(loss, one_hot(0, 2, 1), candidates[:, order], moved, teacher[order],
                  torch.tensor([0, 0, 0, 1, 1]))
    assert torch.allclose(after, before)
    wrong = value(loss, one_hot(0, 1, 2), candidates, labels, teacher)
    assert not torch.allclose(wrong, before)


@every_kind
def test_trains_the_selector_and_nothing_else(mode, combine):
    selector = ResolutionSelector([.3, .5, .8], base_channels=8,
                                  norm_cfg={'type': 'GN', 'num_groups': 1})
    candidates, labels, teacher = words(dtype=torch.float32)
    candidates.requires_grad_()
    teacher.requires_grad_()
    decisions = selector.sample(selector(torch.randn(3, 3, 70, 64)))
    value(ResolutionAccuracyLoss(mode, combine), decisions, candidates, labels,
          teacher).backward()
    # The bias before a normalisation of everything cancels out; all others have a say.
    grads = {name: p.grad for name, p in selector.named_parameters()}
    assert all(g is not None and g.isfinite().all() for g in grads.values())
    assert all(g.abs().sum() > 0 for name, g in grads.items() if name.endswith('weight'))
    assert candidates.grad is None and teacher.grad is None


@every_kind
@pytest.mark.parametrize('make', [words, ctc_words])
def test_no_word_in_the_batch_is_zero_with_a_graph(mode, combine, make):
    candidates, labels, teacher = make()
    none = Labels(labels.indexes[:0], labels.lengths[:0], blank_idx=labels.blank_idx,
                  frames=None if labels.frames is None else labels.frames[:0])
    decisions = one_hot(0, 1, 2).requires_grad_()
    result = value(ResolutionAccuracyLoss(mode, combine), decisions, candidates[:, :0], none,
                   teacher[:0], BATCH_IDX[:0])
    result.backward()
    assert result.item() == 0 and (decisions.grad == 0).all()


@every_kind
def test_words_without_a_step_that_counts_are_zero(mode, combine):
    candidates, labels, teacher = words()
    empty = Labels(labels.indexes, torch.zeros_like(LENGTHS))
    decisions = one_hot(0, 1, 2).requires_grad_()
    result = value(ResolutionAccuracyLoss(mode, combine), decisions, candidates, empty, teacher)
    result.backward()
    assert result.item() == 0 and (decisions.grad == 0).all()


@every_combination
def test_ctc_words_that_do_not_fit_their_frames_count_nothing(combine):
    candidates, labels, _ = ctc_words()
    labels.frames[1] = 2  # "3 3 1" needs four
    decisions = one_hot(0, 1, 2).requires_grad_()
    result = value(ResolutionAccuracyLoss(combine=combine), decisions, candidates, labels)
    result.backward()
    assert result.isfinite() and decisions.grad.isfinite().all()


@every_kind
def test_one_scale_is_rated_and_teaches_nothing(mode, combine):
    candidates, labels, teacher = words(scales=1)
    logits = torch.randn(3, 1, dtype=torch.float64, requires_grad=True)
    result = value(ResolutionAccuracyLoss(mode, combine), sample_gumbel(logits, 5.), candidates,
                   labels, teacher)
    result.backward()
    assert result > 0 and (logits.grad == 0).all()


@every_kind
@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16])
def test_half_precision_is_computed_in_float32(mode, combine, dtype):
    candidates, labels, teacher = words()
    candidates, teacher = (candidates * 50).to(dtype), (teacher * 50).to(dtype)
    decisions = one_hot(0, 1, 2).to(dtype).requires_grad_()
    loss = ResolutionAccuracyLoss(mode, combine)
    with torch.autocast('cpu', torch.bfloat16):
        result = value(loss, decisions, candidates, labels, teacher)
    exact = value(loss, decisions.double(), candidates.double(), labels, teacher.double())
    assert result.dtype == torch.float32 and result.item() == pytest.approx(exact.item(), rel=1e-4)
    result.backward()
    assert decisions.grad.isfinite().all()


@pytest.mark.parametrize('max_ratio, same', [(1, True), (1e6, False)])
def test_no_scale_counts_as_better_than_the_limit_says(max_ratio, same):
    candidates, labels, _ = words()
    decisions = one_hot(0, 1, 2).requires_grad_()
    loss = ResolutionAccuracyLoss(combine='probs', max_ratio=max_ratio)
    value(loss, decisions, candidates, labels).backward()
    chosen = decisions.grad.diagonal()[:, None]
    assert (decisions.grad >= chosen - 1e-9).all().item() is same


def readable(smallest, steps=2, classes=5):
    """Candidates for one word that is readable from scale number ``smallest`` on."""
    candidates = torch.zeros(6, 1, steps, classes)
    candidates[smallest:, :, :, 1] = 8.
    return candidates


def policy(combine, gamma, mode='ce', steps=600):
    """What two images, one readable from 0.3, one from 0.7 on, learn; one row of logits each."""
    candidates = torch.cat([readable(0), readable(4)], 1)
    labels = Labels(torch.ones(2, 2, dtype=torch.long), torch.tensor([2, 2]))
    accuracy = ResolutionAccuracyLoss(mode, combine)
    cost = ResolutionCostLoss(SCALES, loss_weight=gamma)
    logits = torch.zeros(2, 6, requires_grad=True)
    optimizer = torch.optim.Adam([logits], lr=.05)
    for _ in range(steps):
        drawn = sample_gumbel(logits, 1.)
        optimizer.zero_grad()
        (accuracy(drawn, candidates, torch.tensor([0, 1]), labels, candidates[5])['loss_res_acc']
         + cost(drawn)['loss_res_cost']).backward()
        optimizer.step()
    return logits.argmax(1).tolist(), ResolutionCostLoss(SCALES).expected(logits.detach()).item()


@every_combination
@pytest.mark.parametrize('gamma', [.1, .3])
def test_learns_the_smallest_scale_that_is_readable(combine, gamma):
    choices, _ = policy(combine, gamma)
    assert choices == [0, 4]


def test_a_higher_price_never_buys_more():
    costs = [policy('loss', gamma, 'kl', steps=250)[1] for gamma in (.03, .3, 1.)]
    assert costs[0] >= costs[1] - .02 >= costs[2] - .04


def test_is_built_from_a_config():
    loss = MODELS.build({'type': 'ResolutionAccuracyLoss', 'mode': 'kl', 'combine': 'probs'})
    assert loss.needs_teacher and not ResolutionAccuracyLoss().needs_teacher
    assert not loss.state_dict()


@pytest.mark.parametrize('fields, message', [
    ({'mode': 'mse'}, "mode='mse'"), ({'combine': 'mean'}, "combine='mean'"),
    ({'kl_direction': 'both'}, "kl_direction='both'"), ({'temperature': 0}, 'temperature=0'),
    ({'loss_weight': -1}, 'loss_weight=-1'), ({'max_ratio': .5}, 'max_ratio=0.5'),
    ({'max_ratio': float('inf')}, 'max_ratio=inf'),
])
def test_impossible_fields(fields, message):
    with pytest.raises(ValueError, match=message):
        ResolutionAccuracyLoss(**fields)


def test_impossible_shapes():
    candidates, labels, teacher = words()
    loss = ResolutionAccuracyLoss('kl')
    with pytest.raises(ValueError, match=r'\(B, K\) and \(K, N, T, C\)'):
        value(loss, one_hot(0, 1, 2, classes=4), candidates, labels, teacher)
    with pytest.raises(ValueError, match='each of the 5 words'):
        value(loss, one_hot(0, 1, 2), candidates, labels, teacher, BATCH_IDX[:4])
    with pytest.raises(ValueError, match='labels.lengths'):
        value(loss, one_hot(0, 1, 2), candidates, Labels(labels.indexes, LENGTHS[:4]), teacher)
    with pytest.raises(ValueError, match=r"needs the teacher's logits of shape \(5, 4, 6\), got N"):
        value(loss, one_hot(0, 1, 2), candidates, labels)
    with pytest.raises(ValueError, match='labels.frames'):
        value(ResolutionAccuracyLoss(), one_hot(0, 1, 2), candidates,
              Labels(labels.indexes, LENGTHS, blank_idx=0))
