import math
from itertools import product

import pytest
import torch
from best_first import best_first_paths
from ctc_paths import all_spellings
from hypothesis import given, settings
from hypothesis import strategies as st
from mmocr.registry import MODELS
from torch.nn import functional as F

from mmocr_kd.losses import Labels, Reading, SequenceKDLoss, k_best_paths

few = settings(max_examples=40, deadline=None)
GREEDY = dict(topk=1, search='greedy', reduction='mean')
MODES = [GREEDY, dict(search='static'), dict(search='static', reduction='mean'),
         dict(search='static', reduction='weighted', length_norm=True),
         dict(search='ctc'), dict(search='ctc', topk=2, reduction='weighted', beam_width=20)]


def labels_for(logits, end_idx=1, not_read=()):
    """What the words really are must not matter, so here they are nonsense."""
    words, steps, _ = logits.shape
    return Labels(torch.full((words, steps), -7), torch.zeros(words).long(), end_idx,
                  not_read=not_read)


def ctc_labels(logits, blank=0, frames=None, not_read=()):
    words, steps, _ = logits.shape
    frames = torch.full((words, ), steps) if frames is None else torch.tensor(frames)
    return Labels(torch.full((words, 2), -7), torch.full((words, ), 2), blank_idx=blank,
                  frames=frames, not_read=not_read)


def suitable(fields, logits):
    return ctc_labels(logits) if fields['search'] == 'ctc' else labels_for(logits)


def value(student, teacher, labels, **fields):
    student, teacher = (x if isinstance(x, tuple) else (x, ) for x in (student, teacher))
    loss = SequenceKDLoss(**fields, name='loss_x')
    (name, result), = loss(Reading(student), Reading(teacher), labels).items()
    assert name == 'loss_x' and result.dim() == 0
    return result


def pair(words=3, steps=4, classes=5, seed=0, spread=2.):
    torch.manual_seed(seed)
    student, teacher = spread * torch.randn(2, words, steps, classes, dtype=torch.float64)
    return student.requires_grad_(), teacher.requires_grad_()


def strings(log_probs, end_idx, banned=()):
    """All strings of one word (T, C) and their log-probabilities."""
    steps, classes = log_probs.shape
    found = {}
    for path in product([c for c in range(classes) if c not in banned], repeat=steps):
        path = path[:path.index(end_idx) + 1] if end_idx in path else path
        found[path] = sum(log_probs[t, c].item() for t, c in enumerate(path))
    return found


def reduce(ours, theirs, reduction):
    """The reductions, with plain probabilities of one word's hypotheses."""
    if reduction == 'log_sum':
        return -math.log(sum(map(math.exp, ours)))
    weights = [1.] * len(ours) if reduction == 'mean' else list(map(math.exp, theirs))
    return -sum(w * p for w, p in zip(weights, ours)) / sum(weights)


@few
@given(seed=st.integers(0, 10**6), steps=st.integers(1, 4), topk=st.integers(1, 4),
       reduction=st.sampled_from(['log_sum', 'mean', 'weighted']), length_norm=st.booleans(),
       end_idx=st.integers(0, 3), banned=st.sampled_from([(), (4, )]))
def test_static_equals_brute_force_over_all_strings(seed, steps, topk, reduction, length_norm,
                                                    end_idx, banned):
    student, teacher = pair(2, steps, 5, seed)
    expected = []
    for ours, theirs in zip(student.log_softmax(-1), teacher.log_softmax(-1)):
        probs, ours = strings(theirs, end_idx, banned), strings(ours, end_idx)
        best = sorted(probs, key=lambda s: -probs[s] / (len(s) if length_norm else 1))[:topk]
        expected.append(reduce([ours[s] for s in best], [probs[s] for s in best], reduction))
    result = value(student, teacher, labels_for(student, end_idx, banned), topk=topk,
                   reduction=reduction, length_norm=length_norm)
    assert result.item() == pytest.approx(sum(expected) / 2)


@few
@given(seed=st.integers(0, 10**6), steps=st.integers(1, 4), topk=st.integers(1, 3),
       reduction=st.sampled_from(['log_sum', 'mean', 'weighted']))
def test_ctc_equals_brute_force_over_all_paths(seed, steps, topk, reduction):
    student, teacher = pair(2, steps, 4, seed)
    blank, frames = seed % 4, (steps, max(1, steps - 1))
    expected = []
    for ours, theirs, valid in zip(student.softmax(-1), teacher.softmax(-1), frames):
        ours, theirs = (all_spellings(x[:valid].detach(), blank) for x in (ours, theirs))
        best = sorted(theirs, key=lambda label: -theirs[label].mass)[:topk]
        expected.append(reduce(*([math.log(x[label].mass) for label in best]
                                 for x in (ours, theirs)), reduction))
    result = value(student, teacher, ctc_labels(student, blank, frames), search='ctc', topk=topk,
                   reduction=reduction, beam_width=100)
    assert result.item() == pytest.approx(sum(expected) / 2)


def test_ctc_of_one_label_is_the_ctc_loss_of_the_greedy_label():
    student, _ = pair(3, 6, 5)
    path = torch.tensor([[1, 1, 0, 1, 2, 0], [0, 3, 3, 4, 0, 0], [0] * 6])
    greedy, lengths = torch.tensor([[1, 1, 2], [3, 4, 0], [0, 0, 0]]), torch.tensor([3, 2, 0])
    teacher = 20. * F.one_hot(path, 5)
    result = value(student, teacher, ctc_labels(student), search='ctc', topk=1)
    expected = F.ctc_loss(student.log_softmax(-1).transpose(0, 1), greedy, torch.full((3, ), 6),
                          lengths, reduction='none')
    assert result.item() == pytest.approx(expected.mean().item())
    only_blanks = value(student[2:], teacher[2:], ctc_labels(student[2:]), search='ctc', topk=1)
    assert only_blanks.item() == pytest.approx(-student[2].log_softmax(-1)[:, 0].sum().item())


def test_golden_on_the_teacher_itself():
    probs = torch.tensor([[[.7, .2, .1], [.1, .6, .3], [.05, .9, .05]]], dtype=torch.float64)
    hypotheses = (.42, .2, .189)  # "a", "", "ca": the exact best three
    for reduction, expected in (('log_sum', -math.log(sum(hypotheses))),
                                ('mean', -math.log(math.prod(hypotheses)) / 3)):
        for shift in (0., 5.):
            result = value(probs.log() + shift, probs.log(), labels_for(probs),
                           reduction=reduction)
            assert result.item() == pytest.approx(expected)
    assert value(probs.log(), probs.log(), labels_for(probs), **GREEDY).item() == pytest.approx(
        .86750, abs=1e-5)


def test_all_strings_together_are_certain():
    student, teacher = pair(4, 3, 3)
    paths = value(student, teacher, labels_for(student), topk=30)
    labels = value(student, teacher, ctc_labels(student), search='ctc', topk=60, beam_width=60)
    assert paths.item() == pytest.approx(0, abs=1e-9)
    assert labels.item() == pytest.approx(0, abs=1e-9)


def test_greedy_is_the_cross_entropy_with_what_the_teacher_reads():
    student, teacher = pair(30, 6, 4)
    best, expected = teacher.argmax(-1), 0.
    for logits, word in zip(student, best.tolist()):
        length = word.index(1) + 1 if 1 in word else 6
        expected += F.cross_entropy(logits[:length], torch.tensor(word[:length]), reduction='sum')
    result = value(student, teacher, labels_for(student), **GREEDY)
    assert torch.allclose(result, expected / 30)


def official(student, target):
    """-log of the product of probabilities + 1e-5, as the official code has it."""
    probs = student.softmax(-1)[0, range(len(target)), target]
    return -torch.log(probs.prod() + 1e-5)


@pytest.mark.parametrize('logit, char, ours, theirs', [
    (6, .81, .547, .547), (3, .17, 2.351, .175), (2, .07, 2.64, .0002), (1, .03, 2.765, .0000)])
def test_hopeless_words_keep_their_gradient(logit, char, ours, theirs):
    target = list(range(2, 10))
    peaks = F.one_hot(torch.tensor([target]), 97).double()
    student = (logit * peaks).requires_grad_()
    assert student.softmax(-1)[0, 0, 2].item() == pytest.approx(char, abs=5e-3)
    grads = [torch.autograd.grad(loss, student)[0].norm().item() for loss in (
        value(student, 20 * peaks, labels_for(student), **GREEDY), official(student, target))]
    assert grads[0] == pytest.approx(ours, abs=1e-3)
    assert grads[1] == pytest.approx(theirs, abs=5e-5 if logit < 3 else 6e-4)


def test_readable_words_cost_what_they_officially_do():
    torch.manual_seed(0)
    target = [5, 9, 30, 1]
    peaks = F.one_hot(torch.tensor([[*target, 0, 7]]), 97).double()
    student = 8 * peaks + .5 * torch.randn_like(peaks)
    result = value(student, 9 * peaks, labels_for(student), **GREEDY)
    assert result.item() == pytest.approx(official(student, target).item(), rel=1e-3)


@few
@given(seed=st.integers(0, 10**6), fields=st.sampled_from(MODES))
def test_words_are_averaged_and_do_not_see_each_other(seed, fields):
    student, teacher = pair(3, 5, 6, seed)
    alone = [value(s[None], t[None], suitable(fields, s[None]), **fields).item()
             for s, t in zip(student, teacher)]
    result = value(student, teacher, suitable(fields, student), **fields, loss_weight=2.)
    assert result.item() == pytest.approx(2 * sum(alone) / 3)


@pytest.mark.parametrize('fields', MODES)
def test_permutations_are_averaged(fields):
    (a, x), (b, y) = pair(seed=1), pair(seed=2)
    labels = suitable(fields, a)
    alone = [value(*r, labels, **fields).item() for r in ((a, x), (b, y))]
    both = value((a, b), (x, y), labels, **fields)
    assert both.item() == pytest.approx(sum(alone) / 2)


def test_only_steps_of_hypotheses_get_a_gradient():
    student, _ = pair(2, 5, 6)
    best = torch.tensor([[3, 4, 1, 2, 2], [1, 5, 5, 5, 5]])
    value(student, 30. * F.one_hot(best, 6), labels_for(student), **GREEDY).backward()
    assert student.grad.abs().sum(-1).ne(0).tolist() == [[True] * 3 + [False] * 2,
                                                         [True] + [False] * 4]


def test_what_has_to_be_read_without_the_end():
    student, _ = pair(1, 4, 6)
    teacher = 30. * F.one_hot(torch.tensor([[3, 4, 1, 2]]), 6)
    result = value(student, teacher, labels_for(student), **GREEDY, include_eos=False)
    expected = -student.log_softmax(-1)[0, range(2), [3, 4]].sum()
    assert torch.allclose(result, expected)


@pytest.mark.parametrize('fields', MODES)
def test_gradient(fields):
    student, teacher = pair(2, 3, 4)
    labels = suitable(fields, student)
    assert torch.autograd.gradcheck(lambda s: value(s, teacher, labels, **fields), (student, ))
    value(student, teacher, labels, **fields).backward()
    assert teacher.grad is None and student.grad.abs().sum() > 0


@pytest.mark.parametrize('fields', MODES)
def test_no_word_is_zero_with_a_graph(fields):
    student, teacher = pair(0)
    result = value(student, teacher, suitable(fields, student), **fields)
    result.backward()
    assert result.item() == 0 and student.grad.shape == (0, 4, 5)


@pytest.mark.parametrize('fields', MODES)
def test_one_word_of_one_step(fields):
    student, teacher = pair(1, 1, 3)
    # Whatever the search, the hypotheses are the three classes: one of them ends, or is empty.
    best = teacher[0, 0].argsort(descending=True)[:fields.get('topk', 3)]
    scores = [x[0, 0].log_softmax(0)[best].tolist() for x in (student, teacher)]
    result = value(student, teacher, suitable(fields, student), **fields)
    expected = reduce(*scores, fields.get('reduction', 'log_sum'))
    assert result.item() == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize('fields', MODES)
def test_flat_certain_and_endless_teachers(fields):
    student, _ = pair(2, 6, 5)
    certain = torch.full((2, 6, 5), -1e4)
    certain[..., 3] = 1e4
    endless = torch.zeros(2, 6, 5, dtype=torch.float64)
    endless[..., 1] = -80
    for teacher in (torch.zeros(2, 6, 5), certain, endless):
        result = value(student, teacher, suitable(fields, student), **fields)
        grad, = torch.autograd.grad(result, student)
        assert torch.isfinite(result) and torch.isfinite(grad).all()


@pytest.mark.parametrize('fields', [fields for fields in MODES if fields['search'] != 'ctc'])
def test_a_word_that_never_ends_has_as_many_characters_as_steps(fields):
    student, teacher = pair(20, 6, 5)
    teacher.detach()[..., 1] = -1e3
    result = value(student, teacher, labels_for(student), **fields)
    endless = value(student, teacher, labels_for(student, end_idx=None), **fields)
    assert result.item() == pytest.approx(endless.item())


@pytest.mark.parametrize('fields', MODES)
def test_probabilities_of_the_teacher(fields):
    student, teacher = pair()
    labels = suitable(fields, student)
    expected = value(student, teacher, labels, **fields)
    probs = value(student, teacher.softmax(-1), labels, **fields, teacher_is_prob=True)
    assert probs.item() == pytest.approx(expected.item())


@pytest.mark.parametrize('fields', MODES)
def test_probabilities_of_zero(fields):
    student, _ = pair(2, 3, 4)
    labels = suitable(fields, student)
    path = torch.tensor([[2, 3, 3], [2, 1, 3]])
    one_hot = F.one_hot(path, 4).double()
    single = value(student, one_hot, labels, **fields, teacher_is_prob=True)
    best = value(student, 50 * one_hot, labels, **{**fields, 'topk': 1})
    assert single.item() == pytest.approx(best.item())
    one_hot[1] = 0  # nothing possible at all
    half = value(student, one_hot, labels, **fields, teacher_is_prob=True)
    half.backward()
    first = value(student[:1], one_hot[:1], suitable(fields, student[:1]), **fields,
                  teacher_is_prob=True)
    assert half.item() == pytest.approx(first.item() / 2)
    assert torch.isfinite(student.grad).all() and (student.grad[1] == 0).all()


@pytest.mark.parametrize('fields', MODES)
def test_banned_classes_are_in_no_hypothesis(fields):
    student, teacher = pair(10, 4, 5)
    make = ctc_labels if fields['search'] == 'ctc' else labels_for
    banned, free = make(student, not_read=(3, )), make(student)
    never = teacher.softmax(-1) * torch.tensor([1, 1, 1, 0, 1])
    result = value(student, teacher, banned, **fields).item()
    expected = value(student, never, free, **fields, teacher_is_prob=True).item()
    assert result == pytest.approx(expected)
    assert result != pytest.approx(value(student, teacher, free, **fields).item())


def test_long_words_against_best_first_search():
    torch.manual_seed(1)
    lengths = torch.randint(1, 12, (8, 1))
    classes = torch.randint(2, 97, (8, 33)).masked_fill(torch.arange(33) >= lengths, 1)
    teacher = torch.randn(8, 33, 97).double() + 9 * F.one_hot(classes, 97)
    student = torch.randn(8, 33, 97).double()
    expected = 0.
    for ours, probs in zip(student.log_softmax(-1), teacher.softmax(-1)):
        paths = best_first_paths(probs, 3, 97, 1, (0, ), divide=False)
        scores = [sum(ours[t, c].item() for t, c in enumerate(p.classes)) for p in paths]
        expected += reduce(scores, None, 'log_sum') / 8
    result = value(student, teacher, labels_for(student, 1, (0, )))
    assert result.item() == pytest.approx(expected)


@pytest.mark.parametrize('fields', MODES)
@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16])
def test_half_precision_is_computed_in_float32(dtype, fields):
    student, teacher = ((100 * x.detach()).to(dtype) for x in pair())
    labels = suitable(fields, student)
    student.requires_grad_()
    with torch.autocast('cpu', torch.bfloat16):
        result = value(student, teacher, labels, **fields)
    assert result.dtype == torch.float32
    exact = value(student.double(), teacher.double(), labels, **fields)
    assert result.item() == pytest.approx(exact.item(), rel=1e-5)
    result.backward()
    assert torch.isfinite(student.grad).all()


@pytest.mark.parametrize('fields', [GREEDY, dict(search='static'), dict(search='ctc')])
def test_a_student_learns_what_its_teacher_reads(fields):
    student, teacher = pair(4, 5, 6)
    labels = suitable(fields, student)
    optimizer = torch.optim.Adam([student], lr=.5)
    for _ in range(60):
        optimizer.zero_grad()
        value(student, teacher, labels, **fields).backward()
        optimizer.step()
    assert value(student, teacher, labels, **fields).item() < .05
    if fields is GREEDY:
        paths = [k_best_paths(x.log_softmax(-1), 1, 1, 1).classes for x in (student, teacher)]
        assert torch.equal(*paths)


def test_searches_suit_dictionaries():
    student, teacher = pair()
    for search in ('greedy', 'static'):
        with pytest.raises(ValueError, match=f"search='{search}' does not suit .* CTC decoder"):
            value(student, teacher, ctc_labels(student), topk=1, search=search)
    with pytest.raises(ValueError, match="search='ctc' does not suit .* attention decoder"):
        value(student, teacher, labels_for(student), search='ctc')
    with pytest.raises(ValueError, match='labels.frames'):
        labels = Labels(torch.zeros(3, 2).long(), torch.ones(3).long(), blank_idx=0)
        value(student, teacher, labels, search='ctc')
    with pytest.raises(ValueError, match='must be the same'):
        value(student, teacher[:, :2], labels_for(student))


@pytest.mark.parametrize('fields, match', [
    (dict(topk=0), 'topk=0 must be an integer >= 1'),
    (dict(topk=3, search='greedy'), "topk=3 means nothing to search='greedy': leave it at 1"),
    (dict(beam_width=8), "beam_width=8 means nothing to search='static'"),
    (dict(search='ctc', length_norm=True), "length_norm=True means nothing to search='ctc'"),
    (dict(search='ctc', include_eos=False), 'include_eos=False means nothing'),
    (dict(search='ctc', topk=4, beam_width=3), 'beam_width=3 must be at least topk=4'),
    (dict(search='autoregressive'), "search='autoregressive' is unknown"),
    (dict(reduction='sum'), "reduction='sum' is unknown"),
    (dict(loss_weight=-1), 'loss_weight=-1'),
    (dict(name='kd_seq'), "name='kd_seq' must contain 'loss'"),
])
def test_clear_errors(fields, match):
    with pytest.raises(ValueError, match=match):
        MODELS.build(dict(type='SequenceKDLoss', **fields))


@pytest.mark.parametrize('fields', [m for m in MODES if m['search'] != 'ctc'],
                         ids=lambda fields: fields['search'])
@pytest.mark.parametrize('include_eos', [True, False])
def test_an_autoregressive_decoder_reads_no_further_than_the_label(fields, include_eos):
    """As if each word had been cut behind its end token."""
    student, teacher = pair(3, 5, 4)
    lengths = [2, 1, 4]
    labels = Labels(torch.zeros(3, 5).long(), torch.tensor(lengths), 1, autoregressive=True)
    fields = {**fields, 'include_eos': include_eos}
    cut = [[x[n:n + 1, :length] for x in (student, teacher)] for n, length in enumerate(lengths)]
    each = [value(ours, theirs, labels_for(ours), **fields).item() for ours, theirs in cut]
    result = value(student, teacher, labels, **fields)
    assert result.item() == pytest.approx(sum(each) / 3)
    result.backward()
    assert all(not student.grad[n, length:].any() for n, length in enumerate(lengths))
