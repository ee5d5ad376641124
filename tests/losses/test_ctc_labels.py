from collections import defaultdict

import pytest
import torch
from ctc_paths import all_spellings, random_words, spell
from hypothesis import given, settings
from hypothesis import strategies as st

from mmocr_kd.losses import best_labels, label_distribution, occupancy

few = settings(max_examples=25, deadline=None)
small = st.tuples(st.integers(1, 4), st.integers(2, 4), st.integers(0, 3), st.integers(0, 2**31))
all_of = dict(beam_width=400, branch=9)


def small_word(size):
    steps, classes, blank, seed = size
    torch.manual_seed(seed)
    return random_words(1, steps, classes), torch.tensor([steps]), blank % classes


def texts(labels, n):
    """The labels found for word n, as tuples of classes."""
    return [tuple(row[:length].tolist()) for row, length, mass in zip(
        labels.indexes[n], labels.lengths[n], labels.log_probs[n]) if mass.isfinite()]


def slow_search(log_probs, blank, width, branch):
    """Prefix beam search of one word (T, C) with dictionaries: prefix -> masses of its paths."""
    beam = {(): (1., 0.)}
    for row in log_probs:
        scores = row.exp().tolist()
        ranked = sorted((c for c in range(len(scores)) if c != blank), key=lambda c: -scores[c])
        grown = defaultdict(lambda: [0., 0.])
        for prefix, (in_blank, in_character) in beam.items():
            mass = in_blank + in_character
            grown[prefix][0] += mass * scores[blank]
            if prefix:
                grown[prefix][1] += in_character * scores[prefix[-1]]
            for rank, c in enumerate(ranked):
                # A prefix in the beam receives from its parent however improbable the class is.
                if rank < branch or (*prefix, c) in beam:
                    repeats = prefix[-1:] == (c, )
                    grown[(*prefix, c)][1] += (in_blank if repeats else mass) * scores[c]
        best = sorted(grown, key=lambda prefix: -sum(grown[prefix]))[:width]
        beam = {prefix: tuple(grown[prefix]) for prefix in best if sum(grown[prefix])}
    return {prefix: sum(masses) for prefix, masses in beam.items()}


@pytest.fixture
def toy():
    """Classes a, b and blank; masses and rows are known."""
    frames = [[.6, .3, .1], [.2, .5, .3], [.3, .3, .4]]
    return torch.tensor([frames], dtype=torch.float64).log(), torch.tensor([3]), 2


def test_toy_labels(toy):
    labels = best_labels(*toy, num_labels=3)
    assert texts(labels, 0) == [(0, 1), (1, ), (0, )]
    assert labels.log_probs[0].exp().tolist() == pytest.approx([.306, .185, .179], abs=1e-12)


def test_toy_distribution(toy):
    q, log_mass = label_distribution(*toy, num_labels=3)
    expected = [[.6806, .2104, .1090], [.2090, .5224, .2687], [.0761, .3806, .5433]]
    torch.testing.assert_close(q[0], q.new_tensor(expected), atol=6e-5, rtol=0)
    assert log_mass.exp().item() == pytest.approx(.306, abs=1e-12)


def test_toy_with_all_labels_gives_the_frames_back(toy):
    q, _ = label_distribution(*toy, num_labels=9)
    torch.testing.assert_close(q, toy[0].exp(), rtol=0, atol=1e-12)


@few
@given(small)
def test_all_labels_give_the_frames_back(size):
    word = small_word(size)
    count = len(all_spellings(word[0][0].exp(), word[2]))
    q, _ = label_distribution(*word, num_labels=count, **all_of)
    torch.testing.assert_close(q, word[0].exp(), rtol=0, atol=1e-12)


@few
@given(small, st.integers(1, 6))
def test_best_labels_equal_enumeration(size, num_labels):
    word = small_word(size)
    truth = all_spellings(word[0][0].exp(), word[2])
    ranked = sorted(truth, key=lambda label: -truth[label].mass)[:num_labels]
    labels = best_labels(*word, num_labels=num_labels, **all_of)
    assert texts(labels, 0) == ranked
    found = labels.log_probs[0, :len(ranked)].exp()
    assert found.tolist() == pytest.approx([truth[label].mass for label in ranked])
    assert (labels.log_probs[0, len(ranked):] == float('-inf')).all()


@few
@given(small, st.integers(1, 4))
def test_distribution_equals_enumeration(size, num_labels):
    word = small_word(size)
    truth = all_spellings(word[0][0].exp(), word[2])
    ranked = sorted(truth.values(), key=lambda spelling: -spelling.mass)[:num_labels]
    q, log_mass = label_distribution(*word, num_labels=num_labels, **all_of)
    mass = sum(spelling.mass for spelling in ranked)
    torch.testing.assert_close(q[0], sum(spelling.classes for spelling in ranked) / mass)
    assert log_mass.exp().item() == pytest.approx(ranked[0].mass)


@few
@given(st.integers(1, 6), st.integers(1, 4), st.integers(0, 2**31))
def test_narrow_search_equals_the_slow_one(width, branch, seed):
    torch.manual_seed(seed)
    log_probs = random_words(4, 9, 5, spread=1.)
    labels = best_labels(log_probs, torch.full((4, ), 9), 2, width, width, branch)
    for n in range(4):
        expected = slow_search(log_probs[n], 2, width, branch)
        assert texts(labels, n) == list(expected)
        found = labels.log_probs[n][labels.log_probs[n].isfinite()].exp()
        assert found.tolist() == pytest.approx(list(expected.values()))


def test_labels_of_a_long_word_are_distinct_sorted_and_bounded_by_their_probability():
    log_probs = random_words(16, 26, 12, spread=1.)
    frames = torch.randint(12, 27, (16, ))
    labels = best_labels(log_probs, frames, 11, num_labels=12)
    assert (labels.log_probs.diff(dim=1) <= 0).all()
    for n in range(16):
        assert len(set(texts(labels, n))) == 12
        exact = occupancy(log_probs[n].expand(12, -1, -1), labels.indexes[n], labels.lengths[n],
                          frames[n].expand(12), 11)[1]
        assert (labels.log_probs[n] <= exact + 1e-9).all()


def test_best_label_is_no_worse_than_the_best_path():
    log_probs = random_words(16, 20, 8, spread=1.5)
    frames = torch.full((16, ), 20)
    _, log_mass = label_distribution(log_probs, frames, 7, beam_width=32)
    wins = 0
    for n, path in enumerate(log_probs.argmax(2).tolist()):
        greedy = torch.tensor([spell(path, 7)[0]])
        mass = occupancy(log_probs[n:n + 1], greedy, torch.tensor([greedy.shape[1]]),
                         frames[n:n + 1], 7)[1].item()
        assert log_mass[n].item() >= mass - 1e-9
        wins += log_mass[n].item() > mass + 1e-9
    assert wins  # the sum over paths matters


def test_distribution_is_the_gradient_of_the_sequence_objective():
    logits = torch.randn(3, 6, 4, dtype=torch.float64, requires_grad=True)
    frames = torch.full((3, ), 6)
    log_probs = logits.log_softmax(2)
    labels = best_labels(log_probs, frames, 0, num_labels=5)
    losses = torch.stack([
        torch.nn.functional.ctc_loss(log_probs.transpose(0, 1), labels.indexes[:, k], frames,
                                     labels.lengths[:, k], 0, reduction='none')
        for k in range(5)])
    (-(-losses).logsumexp(0)).sum().backward()
    q, log_mass = label_distribution(log_probs, frames, 0, num_labels=5)
    torch.testing.assert_close(logits.grad, log_probs.detach().exp() - q)
    torch.testing.assert_close(log_mass, -losses.detach().amin(0))


def test_batch_equals_one_by_one_cut_to_their_frames():
    log_probs = random_words(8, 10, 6)
    frames = torch.tensor([10, 1, 4, 7, 10, 3, 2, 9])
    labels = best_labels(log_probs, frames, 3, num_labels=5)
    q, log_mass = label_distribution(log_probs, frames, 3, num_labels=5)
    for n, valid in enumerate(frames.tolist()):
        word = log_probs[n:n + 1, :valid], frames[n:n + 1], 3
        assert texts(best_labels(*word, num_labels=5), 0) == texts(labels, n)
        alone, mass = label_distribution(*word, num_labels=5)
        torch.testing.assert_close(q[n, :valid], alone[0])
        torch.testing.assert_close(log_mass[n], mass[0])
        assert (q[n, valid:] == 0).all()
        torch.testing.assert_close(alone.sum(2), torch.ones(1, valid, dtype=torch.float64))


def test_broken_frames_beyond_the_valid_ones_are_not_read(toy):
    log_probs = torch.nn.functional.pad(toy[0], (0, 0, 0, 2), value=float('nan'))
    q, log_mass = label_distribution(log_probs, *toy[1:])
    expected, expected_mass = label_distribution(*toy)
    assert torch.equal(q[:, :3], expected) and torch.equal(log_mass, expected_mass)
    assert (q[:, 3:] == 0).all()


def test_word_without_frames_is_empty_for_certain():
    log_probs, frames = random_words(2, 3, 4), torch.tensor([0, 0])
    labels = best_labels(log_probs, frames, 3, num_labels=2)
    assert texts(labels, 0) == texts(labels, 1) == [()]
    assert labels.indexes.shape == (2, 2, 0) and (labels.lengths == 0).all()
    q, log_mass = label_distribution(log_probs, frames, 3)
    assert (q == 0).all() and log_mass.tolist() == [0, 0]


def test_too_few_labels_leave_blank_rows_and_weigh_nothing(toy):
    labels = best_labels(*toy, num_labels=12)
    assert len(texts(labels, 0)) == 9
    assert (labels.lengths[0, 9:] == 0).all() and (labels.indexes[0, 9:] == 2).all()
    torch.testing.assert_close(label_distribution(*toy, num_labels=12)[0], toy[0].exp())


def test_many_labels_widen_the_search(toy):
    q, _ = label_distribution(*toy, num_labels=40)
    torch.testing.assert_close(q, toy[0].exp())


def test_dictionary_of_a_blank_alone_reads_the_empty_label():
    log_probs = torch.zeros(1, 3, 1, dtype=torch.float64)
    q, log_mass = label_distribution(log_probs, torch.tensor([3]), 0)
    assert torch.equal(q, torch.ones_like(q)) and log_mass.item() == 0


def test_certain_teacher_gives_its_path():
    path = torch.tensor([[0, 0, 3, 0, 1, 3, 3, 2]])
    certain = torch.nn.functional.one_hot(path, 4).double()
    q, log_mass = label_distribution(certain.log(), torch.tensor([8]), 3)
    assert torch.equal(q, certain) and log_mass.item() == 0
    labels = best_labels(certain.log(), torch.tensor([8]), 3, num_labels=2)
    assert texts(labels, 0) == [(0, 0, 1, 2)]


def test_long_and_improbable_words_stay_finite():
    log_probs = random_words(2, 400, 20, spread=40)
    q, log_mass = label_distribution(log_probs, torch.full((2, ), 400), 0)
    assert q.isfinite().all() and log_mass.isfinite().all()
    torch.testing.assert_close(q.sum(2), torch.ones(2, 400, dtype=torch.float64))


@pytest.mark.parametrize(('dtype', 'tolerance'), [(torch.float32, 1e-4), (torch.float16, .05)])
def test_lower_precision_gives_nearly_the_same(dtype, tolerance):
    log_probs, frames = random_words(8, 20, 8, spread=3.), torch.full((8, ), 20)
    q, log_mass = label_distribution(log_probs.to(dtype), frames, 7)
    assert q.dtype == log_mass.dtype == torch.float32
    expected, expected_mass = label_distribution(log_probs, frames, 7)
    torch.testing.assert_close(q.double(), expected, atol=tolerance, rtol=0)
    torch.testing.assert_close(log_mass.double(), expected_mass, atol=tolerance, rtol=0)


def test_targets_carry_no_gradient(toy):
    log_probs = toy[0].requires_grad_()
    q, log_mass = label_distribution(log_probs, *toy[1:])
    assert not q.requires_grad and not log_mass.requires_grad
    assert not best_labels(log_probs, *toy[1:], num_labels=2).log_probs.requires_grad


@pytest.mark.parametrize(('field', 'value', 'message'), [
    ('log_probs', torch.zeros(5, 3), r'log_probs has shape \(5, 3\)'),
    ('frames', torch.ones(3), r'frames \(3,\), expected \(N, T, C\) and \(N,\)'),
    ('blank_idx', 3, 'blank_idx=3 is no class: there are 3'),
    ('num_labels', 0, 'num_labels=0 must be in 1..beam_width=4'),
    ('num_labels', 5, 'num_labels=5 must be in 1..beam_width=4'),
    ('branch', 0, 'branch=0 must be >= 1')])
@pytest.mark.parametrize('function', [best_labels, label_distribution])
def test_arguments_out_of_range_are_refused(function, field, value, message):
    good = dict(log_probs=torch.zeros(2, 5, 3), frames=torch.ones(2), blank_idx=2, num_labels=2,
                beam_width=4, branch=2)
    with pytest.raises(ValueError, match=message):
        function(**{**good, field: value})
