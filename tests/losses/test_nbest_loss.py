import math

import pytest
import torch
from ctc_paths import all_spellings, pad, random_words
from hypothesis import given, settings
from hypothesis import strategies as st

from mmocr_kd.losses import Hypotheses, NBestLoss, Reading
from mmocr_kd.losses.ctc import ReadLabels
from mmocr_kd.losses.hypotheses import frames_needed, score_labels

few = settings(max_examples=30, deadline=None)
BLANK = 3


def told(words, kept=None):
    """Hypotheses of words: lists of (classes, log-probability)."""
    number = max([1, *map(len, words)])
    full = [[*word, *[((), -math.inf)] * (number - len(word))] for word in words]
    width = max([1, *(len(classes) for word in full for classes, _ in word)])
    parts = [pad([classes for classes, _ in word], width, 0) for word in full]
    log_probs = torch.tensor([[p for _, p in word] for word in full]).view(len(words), number)
    return Hypotheses(
        [['?' * len(classes) for classes, _ in word] for word in full],
        torch.stack([indexes for indexes, _ in parts]) if parts else torch.zeros(
            0, number, width, dtype=torch.long),
        torch.stack([lengths for _, lengths in parts]) if parts else torch.zeros(
            0, number, dtype=torch.long),
        log_probs, torch.ones(len(words)) if kept is None else torch.tensor(kept))


def ctc(logits, frames=None):
    """What a CTC student read, and can score."""
    frames = torch.full((len(logits), ), logits.shape[1]) if frames is None else frames

    def score(hypotheses):
        labels = ReadLabels(hypotheses.indexes, hypotheses.lengths, hypotheses.log_probs)
        return score_labels(logits.log_softmax(2), labels, frames, BLANK)

    return Reading((logits, ), score=score)


def fixed(*scores):
    """A student that finds hypotheses as probable as it is told."""
    scores = torch.tensor(scores, requires_grad=True)
    return Reading((torch.zeros(len(scores), 1, 2), ), score=lambda hypotheses: scores), scores


def loss_of(student, hypotheses, **fields):
    return NBestLoss(**fields)(student, hypotheses)['loss_nbest']


def test_golden():
    """Weights 4/5 and 1/5 of what the teacher gives .4 and .1."""
    student, _ = fixed([math.log(.5), math.log(.25)])
    hypotheses = told([[((1, ), math.log(.4)), ((2, ), math.log(.1))]])
    expected = .8 * math.log(2) + .2 * math.log(4)
    assert loss_of(student, hypotheses).item() == pytest.approx(expected)
    assert loss_of(student, hypotheses, loss_weight=3.).item() == pytest.approx(3 * expected)
    softened = (2 * math.log(2) + math.log(4)) / 3  # their square roots are as 2 to 1
    assert loss_of(student, hypotheses, temperature=2.).item() == pytest.approx(softened)
    assert NBestLoss(name='loss_x')(student, hypotheses).keys() == {'loss_x', 'nbest_kept'}


@few
@given(seed=st.integers(0, 10**6), number=st.integers(1, 4))
def test_all_paths_of_a_ctc_student_count(seed, number):
    """Against an enumeration of its paths; hypotheses that do not fit into the frames are left."""
    torch.manual_seed(seed)
    log_probs = random_words(2, 4, 4)
    labels = [(), (0, ), (0, 0), (0, 1, 2), (1, 1, 1), (2, 0, 1, 2), (1, 0, 1, 0, 1)]
    words = [[(labels[k], -3 * torch.rand(()).item()) for k in torch.randperm(7)[:number]]
             for _ in range(2)]
    losses = []
    for probs, word in zip(log_probs.exp(), words):
        mass = {label: spelling.mass for label, spelling in all_spellings(probs, BLANK).items()}
        known = [(label, p) for label, p in word if label in mass]
        total = sum(math.exp(p) for _, p in known)
        if known:
            losses.append(-sum(math.exp(p) / total * math.log(mass[label]) for label, p in known))
    found = loss_of(ctc(log_probs), told(words)).item()
    assert found == pytest.approx(sum(losses) / max(len(losses), 1), abs=1e-5)


def test_words_count_as_much_as_the_teacher_is_sure():
    """Masses .5 and .02; none where nothing is left, and never more than 1."""
    student, scores = fixed([math.log(.5), math.log(.25)], [math.log(.1), -math.inf], [-9., -9.])
    hypotheses = told([[((1, ), math.log(.4)), ((2, ), math.log(.1))],
                       [((1, ), math.log(.02)), ((2, ), math.log(.9))], []])
    first = .8 * math.log(2) + .2 * math.log(4)
    expected = (.5 * first + .02 * math.log(10)) / .52
    loss = loss_of(student, hypotheses, by_confidence=True)
    assert loss.item() == pytest.approx(expected)
    assert loss_of(student, hypotheses).item() == pytest.approx((first + math.log(10)) / 2)
    loss.backward()
    assert scores.grad[0].sum().item() == pytest.approx(-.5 / .52)
    assert scores.grad[1, 0].item() == pytest.approx(-.02 / .52) and not scores.grad[2].any()
    sure, scores = fixed([-1.], [-2.])
    scored = told([[((1, ), 3.)], [((1, ), 0.)]])  # a score, not a probability
    assert loss_of(sure, scored, by_confidence=True).item() == pytest.approx(1.5)


def test_frames_needed_is_what_can_be_spelt():
    labels = [(), (0, ), (0, 0), (1, 1, 1), (0, 1, 0)]
    indexes, lengths = pad(labels, 3, 0)
    needed = frames_needed(indexes, lengths)
    assert needed.tolist() == [0, 1, 3, 5, 3]
    for label, frames in zip(labels, needed.tolist()):
        for steps in range(1, 6):
            spelt = label in all_spellings(torch.full((steps, 4), .25), BLANK)
            assert spelt == (steps >= frames)


def test_gradient():
    hypotheses = told([[((0, 1), -.1), ((0, ), -2.), ((1, 1, 1, 1), -1.)], [], [((2, ), -.5)]])
    frames = torch.tensor([4, 3, 2])

    def loss(logits):
        return loss_of(ctc(logits, frames), hypotheses, temperature=2.)

    assert torch.autograd.gradcheck(loss, torch.randn(3, 4, 4, dtype=torch.float64,
                                                      requires_grad=True))


def test_order_and_padding_of_hypotheses_do_not_matter():
    word = [((0, 1), -.1), ((0, ), -2.), ((2, 2), -3.)]
    other = [((1, ), -1.)]
    student = ctc(torch.randn(2, 5, 4))
    expected = loss_of(student, told([word, other]))
    assert expected > 0
    padded = [((), -math.inf), *word[::-1], ((0, 0, 0, 1), -math.inf)]
    torch.testing.assert_close(loss_of(student, told([padded, other])), expected)


def test_words_without_hypotheses_count_nothing():
    logits = torch.randn(3, 5, 4, requires_grad=True)
    word = [((0, 1), -.1), ((0, ), -2.)]
    alone = loss_of(ctc(logits[:1]), told([word]))
    impossible = [((0, 0, 0, 0), -.1)]
    together = loss_of(ctc(logits), told([word, [], impossible]))
    torch.testing.assert_close(together, alone)
    together.backward()
    assert logits.grad.isfinite().all() and not logits.grad[1:].any() and logits.grad[0].any()


@pytest.mark.parametrize('words', [[], [[], []]], ids=['no word', 'nothing read'])
def test_nothing_to_learn_from_is_zero(words):
    logits = torch.randn(len(words), 5, 4, requires_grad=True)
    student = ctc(logits) if words else Reading((logits, ), score=lambda h: logits.sum(2)[:, :1])
    results = NBestLoss()(student, told(words, [0.] * len(words)))
    assert results['loss_nbest'].item() == 0 and results['nbest_kept'].item() == 0
    results['loss_nbest'].backward()
    assert not logits.grad.any()


def test_half_precision_and_autocast():
    logits = torch.randn(2, 6, 4)
    hypotheses = told([[((0, 1), -.1), ((0, ), -2.)], [((2, 2, 1), -.1)]])
    expected = loss_of(ctc(logits.half().float()), hypotheses)

    def score(hypotheses):
        return ctc(logits.half().float()).score(hypotheses)

    with torch.autocast('cpu', torch.bfloat16):
        found = NBestLoss()(Reading((logits.half(), ), score=score), hypotheses)['loss_nbest']
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, expected)
    student = Reading((logits, ), score=lambda h: score(h).half())
    torch.testing.assert_close(loss_of(student, hypotheses), expected, atol=.01, rtol=.01)


def test_kept_is_shown():
    student, scores = fixed([-1.], [-1.])
    results = NBestLoss()(student, told([[((0, ), -1.)], [((0, ), -1.)]], kept=[.5, 1.]))
    assert results['nbest_kept'].item() == .75
    assert not results['nbest_kept'].requires_grad


def test_errors():
    hypotheses = told([[((0, ), -1.)]])
    with pytest.raises(ValueError, match='has no score'):
        NBestLoss()(Reading((torch.zeros(1, 2, 3), )), hypotheses)
    with pytest.raises(ValueError, match=r'\(2, 1\).*\(1, 1\)'):
        NBestLoss()(fixed([0.], [0.])[0], hypotheses)
    for fields in ({'temperature': 0}, {'loss_weight': -1}, {'name': 'nbest'},
                   {'normalize': 'NFD'}):
        with pytest.raises(ValueError, match=next(iter(fields))):
            NBestLoss(**fields)

