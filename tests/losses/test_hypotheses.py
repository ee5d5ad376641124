import math

import pytest
import torch
from ctc_paths import all_spellings, pad, random_words
from hypothesis import given, settings
from hypothesis import strategies as st

from mmocr_kd.losses import Paths
from mmocr_kd.losses.ctc import ReadLabels
from mmocr_kd.losses.hypotheses import REDUCTIONS, score_labels, score_paths, word_nll

few = settings(max_examples=40, deadline=None)
nothing = -math.inf


@pytest.fixture
def toy():
    """Three steps of classes a, end, c; the hypotheses "a", "ca" and "c"."""
    probs = torch.tensor([[.7, .2, .1], [.1, .6, .3], [.05, .9, .05]], dtype=torch.float64)
    classes = torch.tensor([[[0, 1, 1], [0, 2, 1], [2, 1, 1]]])
    lengths = torch.tensor([[2, 3, 2]])
    log_probs = torch.tensor([[.42, .189, .06]], dtype=torch.float64).log()
    return probs.log()[None], Paths(classes, lengths, log_probs)


def test_golden(toy):
    log_probs, paths = toy
    scores = score_paths(log_probs, paths, end_idx=1)
    assert scores.exp().tolist() == [pytest.approx([.42, .189, .06])]
    values = {name: word_nll(scores, paths.log_probs, name).item() for name in REDUCTIONS}
    assert values == pytest.approx(
        {'log_sum': .40197, 'mean': 1.78231, 'weighted': 1.26761}, abs=1e-5)
    for name in REDUCTIONS:
        top = word_nll(scores[:, :1], paths.log_probs[:, :1], name)
        assert top.item() == pytest.approx(.86750, abs=1e-5)


def test_without_the_end_token(toy):
    log_probs, paths = toy
    scores = score_paths(log_probs, paths, end_idx=1, include_end=False)
    assert scores.exp().tolist() == [pytest.approx([.7, .7 * .3, .1])]
    unfinished = Paths(torch.tensor([[[0, 0, 2]]]), torch.tensor([[3]]), torch.zeros(1, 1))
    for end_idx, include_end in ((1, True), (1, False), (None, False)):
        score = score_paths(log_probs, unfinished, end_idx, include_end)
        assert score.exp().item() == pytest.approx(.7 * .1 * .05)


@few
@given(seed=st.integers(0, 10**6), words=st.integers(1, 4), number=st.integers(1, 5))
def test_bounds(seed, words, number):
    torch.manual_seed(seed)
    ours, theirs = -10 * torch.rand(2, words, number, dtype=torch.float64)
    log_sum, mean, weighted = (word_nll(ours, theirs, name) for name in REDUCTIONS)
    best = -ours.amax(1)
    assert (log_sum <= best + 1e-9).all()
    assert (best <= mean + 1e-9).all() and (best <= weighted + 1e-9).all()
    assert torch.allclose(log_sum, -ours.exp().sum(1).log())
    if number == 1:
        assert torch.allclose(log_sum, mean) and torch.allclose(mean, weighted)


@pytest.mark.parametrize('reduction', REDUCTIONS)
@pytest.mark.parametrize('dtype', [torch.float32, torch.float64])
def test_hypotheses_that_do_not_exist_do_not_count(reduction, dtype):
    ours = torch.tensor([[-1., -2., -3.], [-4., -5., -6.]]).to(dtype).requires_grad_()
    theirs = torch.tensor([[-.5, -1.5, nothing], [nothing] * 3], dtype=torch.float64)
    result = word_nll(ours, theirs, reduction)
    expected = word_nll(ours[:1, :2], theirs[:1, :2], reduction)
    assert result.dtype == dtype
    assert result.tolist() == [pytest.approx(expected.item()), 0]
    result.sum().backward()
    assert (ours.grad[0, :2] < 0).all() and ours.grad[0, 2] == 0 and (ours.grad[1] == 0).all()


def test_unknown_reduction():
    with pytest.raises(ValueError, match="reduction='sum' is unknown"):
        word_nll(torch.zeros(1, 1), torch.zeros(1, 1), 'sum')


@few
@given(steps=st.integers(1, 4), classes=st.integers(2, 3), seed=st.integers(0, 10**6))
def test_labels_have_the_mass_of_all_their_paths(steps, classes, seed):
    torch.manual_seed(seed)
    log_probs, blank = random_words(2, steps, classes), seed % classes
    spellings = all_spellings(log_probs[0].exp(), blank)
    texts = [text for text, found in spellings.items() if found.mass]
    indexes, lengths = pad(texts, fill=blank)
    labels = ReadLabels(indexes.expand(2, -1, -1), lengths.expand(2, -1), torch.zeros(1))
    frames = torch.tensor([steps, steps + 5])  # more than there are
    scores = score_labels(log_probs, labels, frames, blank).exp()
    for word, rows in enumerate(log_probs):
        masses = all_spellings(rows.exp(), blank)
        assert scores[word].tolist() == pytest.approx([masses[text].mass for text in texts])
    assert torch.allclose(scores.sum(1), torch.ones(2, dtype=torch.float64))
    few_frames = torch.tensor([1, 1])
    cut = all_spellings(log_probs[1, :1].exp(), blank)
    possible = [number for number, text in enumerate(texts) if text in cut]
    scores = score_labels(log_probs, labels, few_frames, blank)[1, possible].exp()
    assert scores.tolist() == pytest.approx([cut[texts[number]].mass for number in possible])


def test_the_empty_label():
    log_probs = random_words(2, 4, 3).requires_grad_()
    empty = ReadLabels(torch.zeros(2, 1, 0, dtype=torch.long), torch.zeros(2, 1).long(),
                       torch.zeros(2, 1))
    score = score_labels(log_probs, empty, torch.tensor([4, 2]), 0)
    expected = torch.stack([log_probs[0, :, :1].sum(0), log_probs[1, :2, :1].sum(0)])
    assert torch.allclose(score, expected)
