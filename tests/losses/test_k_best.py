import math
from itertools import product

import golden
import pytest
import torch
from best_first import best_first_paths
from hypothesis import given, settings
from hypothesis import strategies as st

from mmocr_kd.losses import Paths, k_best_paths, path_distribution


def table(words=1, steps=4, classes=4, seed=0, spread=2.):
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(words, steps, classes, generator=generator, dtype=torch.float64)
    return (spread * logits).log_softmax(-1)


def score(log_prob, length, length_norm):
    return {'div': log_prob - math.log(length), 'none': log_prob,
            'mean_log': log_prob / length}[length_norm]


def enumerate_paths(log_probs, branch, end_idx, not_read, length_norm):
    """All paths of one word, best first: (score, log-probability, classes)."""
    allowed = []
    for row in log_probs.tolist():
        classes = sorted((c for c in range(len(row)) if c not in not_read),
                         key=lambda c: -row[c])
        allowed.append(classes[:branch])  # None: all
    found = {}
    for classes in product(*allowed):
        if end_idx in classes:
            classes = classes[:classes.index(end_idx) + 1]
        log_prob = sum(log_probs[t, c].item() for t, c in enumerate(classes))
        found[classes] = (score(log_prob, len(classes), length_norm), log_prob, classes)
    return sorted(found.values(), reverse=True)


def read(paths, word):
    """Paths of one word as lists; what is impossible left out."""
    real = paths.log_probs[word] > -math.inf
    lengths = paths.lengths[word][real].tolist()
    return [tuple(classes[:length]) for classes, length in
            zip(paths.classes[word][real].tolist(), lengths)]


CASES = dict(
    seed=st.integers(0, 10**6), steps=st.integers(1, 5), classes=st.integers(1, 4),
    num_paths=st.integers(1, 30), branch=st.none() | st.integers(1, 5),
    end_idx=st.sampled_from([None, 0, 1, 3]), excluded=st.booleans(),
    length_norm=st.sampled_from(['div', 'none', 'mean_log']))


@settings(max_examples=150, deadline=None)
@given(**CASES)
def test_equals_exhaustive_enumeration(seed, steps, classes, num_paths, branch, end_idx,
                                       length_norm, excluded):
    end_idx = end_idx if end_idx is None or end_idx < classes else 0
    not_read = (2, ) if excluded and classes > 2 and end_idx != 2 else ()
    log_probs = table(2, steps, classes, seed)
    paths = k_best_paths(log_probs, num_paths, branch, end_idx, not_read, length_norm)
    distribution = path_distribution(paths, classes, torch.float64)
    for word, rows in enumerate(log_probs):
        expected = enumerate_paths(rows, branch, end_idx, not_read, length_norm)[:num_paths]
        assert read(paths, word) == [classes for _, _, classes in expected]
        found = paths.log_probs[word, :len(expected)]
        assert torch.allclose(found, torch.tensor([p for _, p, _ in expected]).double())
        q = torch.zeros(steps, classes, dtype=torch.float64)
        for _, log_prob, taken in expected:
            for step in range(steps):
                q[step, taken[step] if step < len(taken) else end_idx] += math.exp(log_prob)
        assert torch.allclose(distribution[word], q / q.sum(1, keepdim=True))


@pytest.mark.parametrize('num_paths', [1, 3, 5])
def test_any_class_may_be_taken_and_any_step_may_end_the_word(num_paths):
    # Where the end is not among the best two classes, it may still end a likely word.
    log_probs = table(50, 4, 6, spread=1.)
    paths = k_best_paths(log_probs, num_paths, None, 1, (), 'none')
    differing = 0
    for word, rows in enumerate(log_probs):
        expected = enumerate_paths(rows, None, 1, (), 'none')[:num_paths]
        assert read(paths, word) == [classes for _, _, classes in expected]
        narrow = k_best_paths(rows[None], num_paths, 2, 1, (), 'none')
        differing += read(narrow, 0) != read(paths, word)
    assert differing > 10


@pytest.mark.parametrize('end_idx', [None, 0, 4])
def test_one_branch_is_the_greedy_path(end_idx):
    log_probs = table(50, 6, 5)
    paths = k_best_paths(log_probs, 1, 1, end_idx, (3, ))
    allowed = log_probs.clone()
    allowed[..., 3] = -math.inf
    for word, best in enumerate(allowed.argmax(-1).tolist()):
        end = best.index(end_idx) if end_idx in best else 5
        assert read(paths, word) == [tuple(best[:end + 1])]
        expected = log_probs[word, range(end + 1), best[:end + 1]].sum()
        assert torch.isclose(paths.log_probs[word, 0], expected)


@settings(max_examples=100, deadline=None)
@given(**CASES)
def test_among_equals_scores_are_right_and_no_path_comes_twice(
        seed, steps, classes, num_paths, branch, end_idx, length_norm, excluded):
    end_idx = end_idx if end_idx is None or end_idx < classes else 0
    log_probs = table(1, steps, classes, seed, spread=1.).mul(2).round().log_softmax(-1)
    paths = k_best_paths(log_probs, num_paths, branch, end_idx, (), length_norm)
    found = read(paths, 0)
    assert len(set(found)) == len(found)
    # Among equals any may be among the best: scores count, where cutting branches is no choice.
    scores = [score(sum(log_probs[0, t, c].item() for t, c in enumerate(path)), len(path),
                    length_norm) for path in found]
    if end_idx is None or branch is None or branch >= classes:
        expected = enumerate_paths(log_probs[0], branch, end_idx, (), length_norm)[:num_paths]
        assert scores == pytest.approx([s for s, _, _ in expected])
    assert scores == pytest.approx(sorted(scores, reverse=True))
    again = k_best_paths(torch.cat([table(3, steps, classes), log_probs]), num_paths, branch,
                         end_idx, (), length_norm)
    assert read(again, 3) == found


@pytest.mark.parametrize('length_norm', ['div', 'none'])
@pytest.mark.parametrize('margin', [9., 5.])
@pytest.mark.parametrize('num_paths', [6, 17])
def test_equals_best_first_search_on_long_words(length_norm, margin, num_paths):
    generator = torch.Generator().manual_seed(1)
    lengths = torch.randint(1, 12, (16, 1), generator=generator)
    classes = torch.randint(0, 36, (16, 26), generator=generator)
    classes[torch.arange(26) >= lengths] = 36
    logits = torch.randn(16, 26, 38, generator=generator, dtype=torch.float64)
    logits += margin * torch.nn.functional.one_hot(classes, 38)
    log_probs = logits.log_softmax(-1)
    paths = k_best_paths(log_probs, num_paths, 3, 36, (37, ), length_norm)
    for word, probs in enumerate(log_probs.exp()):
        expected = best_first_paths(probs, num_paths, 3, 36, (37, ), length_norm == 'div')
        assert read(paths, word) == [path.classes for path in expected]
        assert paths.log_probs[word].exp().tolist() == pytest.approx([p.prob for p in expected])


@pytest.mark.parametrize('end_idx', [0, 36])
def test_golden(end_idx):
    _, teacher, _ = golden.words(end_idx)
    paths = k_best_paths((teacher.logits[0] / 4).log_softmax(-1), 6, 3, end_idx)
    assert paths.lengths[:, 0].tolist() == [4, 7, 11]
    assert paths.log_probs[:, 0].exp().tolist() == pytest.approx(
        [.217713807806551, .06299505040484057, .018380043790926975], abs=1e-9)
    peaks = path_distribution(paths, 37, torch.float64).amax(-1)
    assert peaks[0, :4].tolist() == pytest.approx([.97238, .987181, .945585, 1], abs=1e-6)
    assert peaks[1, :7].tolist() == pytest.approx([.984064, 1, .947607, 1, 1, .94739, 1], abs=1e-6)


def test_the_official_limit_of_the_search_only_harms_the_third_golden_word():
    _, teacher, _ = golden.words()
    log_probs = (teacher.logits[0] / 4).log_softmax(-1)
    exact = path_distribution(k_best_paths(log_probs, 6, 3, 0), 37, torch.float64)
    for word, expected in enumerate([0, 0, .052]):
        found = best_first_paths(log_probs[word].exp(), 6, 3, 0, max_expansions=100)
        classes = torch.zeros(1, len(found), 26, dtype=torch.long)
        for row, path in zip(classes[0], found):
            row[:len(path.classes)] = torch.tensor(path.classes)
        probs = torch.tensor([[path.prob for path in found]], dtype=torch.float64)
        limited = path_distribution(Paths(classes, classes.sum(-1), probs.log()), 37, torch.float64)
        assert (limited[0] - exact[word]).abs().max().item() == pytest.approx(expected, abs=5e-4)


def test_the_papers_example():
    letters = 'AEHOPS'
    words = torch.tensor([[letters.index(letter) for letter in word]
                          for word in ('SHAPE', 'SAAPE', 'SHOPE')])
    probs = torch.tensor([[.5, .05, .2]], dtype=torch.float64)
    paths = Paths(words[None], torch.full((1, 3), 5), probs.log())
    third = path_distribution(paths, 6, torch.float64)[0, 2]
    assert third[letters.index('A')].item() == pytest.approx(.55 / .75)
    assert third[letters.index('O')].item() == pytest.approx(.20 / .75)


def test_rows_sum_to_one_and_end_where_all_paths_have_ended():
    log_probs = table(8, 12, 20)
    paths = k_best_paths(log_probs, 6, 3, 7)
    distribution = path_distribution(paths, 20, torch.float32)
    assert torch.allclose(distribution.sum(-1), torch.ones(8, 12))
    for word in range(8):
        after = distribution[word, paths.lengths[word].max():]
        assert torch.allclose(after[:, 7], torch.ones(len(after)))


def test_an_unsure_teacher_reads_to_the_last_step():
    flat = torch.full((2, 60, 97), -math.log(97))
    paths = k_best_paths(flat, 6, 3, end_idx=96)
    assert (paths.lengths == 60).all()
    assert paths.log_probs.tolist() == [[pytest.approx(-60 * math.log(97), rel=1e-6)] * 6] * 2
    distribution = path_distribution(paths, 97, torch.float32)
    assert torch.allclose(distribution.sum(-1), torch.ones(2, 60))


def test_impossible_classes_are_never_read():
    log_probs = torch.tensor([[[0., -math.inf, -math.inf], [-math.inf, 0., -math.inf]]])
    paths = k_best_paths(log_probs, 4, 3, end_idx=1)
    assert paths.log_probs[0, 0] == 0 and (paths.log_probs[0, 1:] == -math.inf).all()
    assert path_distribution(paths, 3, torch.float64).tolist() == [[[1, 0, 0], [0, 1, 0]]]


def test_gradients_do_not_enter_the_search():
    log_probs = table(2).requires_grad_()
    assert not k_best_paths(log_probs, 6, 3, 0).log_probs.requires_grad


def test_unknown_length_norm():
    with pytest.raises(ValueError, match="length_norm='mean'"):
        k_best_paths(table(), 6, 3, 0, length_norm='mean')


@pytest.mark.parametrize('branch', [1, 3, None])
def test_the_table_is_left_alone(branch):
    log_probs = table(2)
    before = log_probs.clone()
    k_best_paths(log_probs, 6, branch, 0, (1, ))
    assert log_probs.equal(before)


@settings(max_examples=150, deadline=None)
@given(**CASES, longest=st.integers(1, 6), other=st.integers(1, 6))
def test_paths_end_with_the_label_as_with_the_last_step(
        seed, steps, classes, num_paths, branch, end_idx, length_norm, excluded, longest, other):
    end_idx = 0 if end_idx is None or end_idx >= classes else end_idx
    not_read = (2, ) if excluded and classes > 2 and end_idx != 2 else ()
    log_probs = table(2, steps, classes, seed)
    lengths = torch.tensor([longest, other])
    paths = k_best_paths(log_probs, num_paths, branch, end_idx, not_read, length_norm, lengths)
    for word, length in enumerate(lengths.tolist()):
        expected = enumerate_paths(log_probs[word, :length], branch, end_idx, not_read,
                                   length_norm)[:num_paths]
        assert read(paths, word) == [classes for _, _, classes in expected]
        found = paths.log_probs[word, :len(expected)]
        assert torch.allclose(found, torch.tensor([p for _, p, _ in expected]).double())
        assert (paths.classes[word, :len(expected), length:] == end_idx).all()


def test_ending_early_needs_an_end_token():
    with pytest.raises(ValueError, match='max_lengths without an end_idx'):
        k_best_paths(table(), 6, 3, max_lengths=torch.tensor([2]))
