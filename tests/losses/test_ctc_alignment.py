import pytest
import torch
from ctc_paths import all_spellings, pad, random_words
from hypothesis import given, settings
from hypothesis import strategies as st

from mmocr_kd.losses import align_labels, character_vectors, occupancy

few = settings(max_examples=25, deadline=None)
small = st.tuples(st.integers(1, 4), st.integers(2, 4), st.integers(0, 3), st.integers(0, 2**31))


def spelled_word(size):
    """One word, all labels it may read: log-probs, labels, lengths, frames, blank and the truth."""
    steps, classes, blank, seed = size
    torch.manual_seed(seed)
    blank %= classes
    word = random_words(1, steps, classes)
    truth = all_spellings(word[0].exp(), blank)
    labels, lengths = pad(list(truth))
    frames = torch.full_like(lengths, steps)
    return (word.expand(len(truth), -1, -1), labels, lengths, frames, blank), truth


def random_labels(n, classes, longest):
    lengths = torch.randint(0, longest + 1, (n, ))
    return torch.randint(0, classes, (n, longest)), lengths


@few
@given(small)
def test_occupancy_equals_enumeration(size):
    args, truth = spelled_word(size)
    gamma, log_likelihood = occupancy(*args)
    for n, spelling in enumerate(truth.values()):
        assert log_likelihood[n].exp().item() == pytest.approx(spelling.mass, rel=1e-9)
        torch.testing.assert_close(gamma[n], spelling.classes / spelling.mass)


@few
@given(small)
def test_soft_alignment_equals_enumeration(size):
    args, truth = spelled_word(size)
    weights, alignable = align_labels(*args)
    assert alignable.all()
    for n, spelling in enumerate(truth.values()):
        expected = spelling.characters / spelling.characters.sum(1, keepdim=True)
        length = len(expected)
        torch.testing.assert_close(weights[n, :length], expected)
        assert (weights[n, length:] == 0).all()


@few
@given(small)
def test_hard_alignment_is_the_best_path(size):
    args, truth = spelled_word(size)
    weights, alignable = align_labels(*args, hard=True)
    assert alignable.all()
    for n, spelling in enumerate(truth.values()):
        for i in range(weights.shape[1]):
            owned = torch.tensor([owner == i for owner in spelling.owners], dtype=weights.dtype)
            torch.testing.assert_close(weights[n, i], owned / owned.sum().clamp(min=1))


@pytest.mark.parametrize('blank', [0, 4, 9])
def test_log_likelihood_equals_torch(blank):
    log_probs = random_words(64, 12, 10)
    labels, lengths = random_labels(64, 9, 7)
    labels[labels >= blank] += 1
    frames = torch.randint(1, 13, (64, ))
    log_likelihood = occupancy(log_probs, labels, lengths, frames, blank)[1]
    loss = torch.nn.functional.ctc_loss(
        log_probs.transpose(0, 1), labels, frames, lengths, blank, reduction='none')
    assert loss.isinf().any() and loss.isfinite().any()
    torch.testing.assert_close(log_likelihood, -loss, rtol=1e-12, atol=1e-12)


def test_occupancy_is_the_gradient_of_the_log_likelihood():
    logits = torch.randn(8, 9, 5, dtype=torch.float64, requires_grad=True)
    labels, lengths = random_labels(8, 4, 4)
    frames = torch.full((8, ), 9)
    log_probs = logits.log_softmax(2)
    torch.nn.functional.ctc_loss(
        log_probs.transpose(0, 1), labels, frames, lengths, 4, reduction='sum').backward()
    gamma = occupancy(log_probs, labels, lengths, frames, 4)[0]
    torch.testing.assert_close(logits.grad, log_probs.detach().exp() - gamma)


@pytest.mark.parametrize('hard', [False, True])
def test_repeated_characters_need_a_blank_between(hard):
    label, length = torch.tensor([[0, 0]]), torch.tensor([2])
    log_probs = random_words(1, 3, 3)
    weights, alignable = align_labels(log_probs, label, length, torch.tensor([3]), 2, hard)
    assert alignable.item()
    torch.testing.assert_close(weights[0], weights.new_tensor([[1, 0, 0], [0, 0, 1]]))
    weights, alignable = align_labels(log_probs, label, length, torch.tensor([2]), 2, hard)
    assert not alignable.item() and (weights == 0).all()


@pytest.mark.parametrize('hard', [False, True])
def test_word_with_exactly_enough_frames_is_aligned(hard):
    labels, lengths = pad([(0, 1, 1, 2), (0, 1, 1, 2)])
    frames = torch.tensor([5, 4])
    weights, alignable = align_labels(random_words(2, 7, 4), labels, lengths, frames, 3, hard)
    assert alignable.tolist() == [True, False]
    assert (weights[0] * torch.arange(7)).sum(1).tolist() == pytest.approx([0, 1, 3, 4])
    assert (weights[1] == 0).all()


@pytest.mark.parametrize('hard', [False, True])
@pytest.mark.parametrize('width', [0, 3])
def test_empty_label_has_no_weights_and_only_blanks(width, hard):
    log_probs = random_words(1, 4, 3)
    labels, lengths = pad([()], width)
    frames = torch.tensor([3])
    weights, alignable = align_labels(log_probs, labels, lengths, frames, 1, hard)
    assert alignable.item() and weights.shape == (1, width, 4) and (weights == 0).all()
    gamma, log_likelihood = occupancy(log_probs, labels, lengths, frames, 1)
    assert log_likelihood.item() == pytest.approx(log_probs[0, :3, 1].sum().item())
    torch.testing.assert_close(gamma[0, :3, 1], torch.ones(3, dtype=torch.float64))
    assert gamma.sum().item() == pytest.approx(3)


def test_word_without_frames_reads_nothing_but_the_empty_label():
    labels, lengths = pad([(), (0, )])
    gamma, log_likelihood = occupancy(
        random_words(2, 3, 2), labels, lengths, torch.tensor([0, 0]), 1)
    assert log_likelihood.tolist() == [0, float('-inf')]
    assert (gamma == 0).all()


@pytest.mark.parametrize('hard', [False, True])
def test_invalid_frames_and_padding_have_no_influence(hard):
    log_probs = random_words(6, 9, 5)
    labels, lengths = pad([(0, 1), (2, 2), (3, ), (), (1, 0, 1), (0, 1, 2, 3)])
    frames = torch.tensor([4, 5, 1, 2, 9, 3])
    weights, alignable = align_labels(log_probs, labels, lengths, frames, 4, hard)
    gamma, log_likelihood = occupancy(log_probs, labels, lengths, frames, 4)
    assert alignable.tolist() == [True] * 5 + [False]
    for n, valid in enumerate(frames.tolist()):
        word = log_probs[n:n + 1, :valid]
        label = labels[n:n + 1, :lengths[n]], lengths[n:n + 1]
        alone = align_labels(word, *label, frames[n:n + 1], 4, hard)[0]
        torch.testing.assert_close(weights[n, :lengths[n], :valid], alone[0])
        assert (weights[n, lengths[n]:] == 0).all() and (weights[n, :, valid:] == 0).all()
        alone, likelihood = occupancy(word, *label, frames[n:n + 1], 4)
        torch.testing.assert_close(gamma[n, :valid], alone[0])
        torch.testing.assert_close(log_likelihood[n], likelihood[0])
        assert (gamma[n, valid:] == 0).all()


def test_rows_of_gamma_sum_to_one_up_to_the_last_frame():
    log_probs = random_words(32, 26, 11)
    labels, lengths = random_labels(32, 10, 8)
    frames = torch.randint(16, 27, (32, ))
    sums = occupancy(log_probs, labels, lengths, frames, 10)[0].sum(2)
    expected = (torch.arange(26) < frames[:, None]).double()
    torch.testing.assert_close(sums, expected)


@pytest.mark.parametrize('hard', [False, True])
def test_broken_frames_beyond_the_valid_ones_are_not_read(hard):
    log_probs = random_words(1, 6, 3)
    log_probs[:, 4:] = float('nan')
    labels, lengths, frames = torch.tensor([[0, 1]]), torch.tensor([2]), torch.tensor([4])
    weights, alignable = align_labels(log_probs, labels, lengths, frames, 2, hard)
    assert alignable.item()
    torch.testing.assert_close(weights.sum(2), torch.ones(1, 2, dtype=torch.float64))


@pytest.mark.parametrize('hard', [False, True])
def test_impossible_classes_make_a_label_impossible_and_nothing_else(hard):
    log_probs = torch.tensor([[0.5, 0., 0.5]] * 4).log().expand(2, -1, -1)
    labels, lengths = pad([(0, ), (1, )])
    frames = torch.tensor([4, 4])
    weights, alignable = align_labels(log_probs, labels, lengths, frames, 2, hard)
    assert alignable.tolist() == [True, False]
    assert weights[0].sum().item() == pytest.approx(1) and (weights[1] == 0).all()
    gamma, log_likelihood = occupancy(log_probs, labels, lengths, frames, 2)
    # 'a' in 4 frames: one run of 1..4 of them, 4 + 3 + 2 + 1 paths of 16.
    assert log_likelihood[0].exp().item() == pytest.approx(10 / 16)
    assert log_likelihood[1].item() == float('-inf') and (gamma[1] == 0).all()


def test_long_and_improbable_words_stay_finite():
    log_probs = random_words(4, 300, 20, spread=60)
    labels, lengths = random_labels(4, 19, 100)
    frames = torch.full((4, ), 300)
    gamma, log_likelihood = occupancy(log_probs, labels, lengths, frames, 19)
    assert (log_likelihood < -1000).all() and log_likelihood.isfinite().all()
    torch.testing.assert_close(gamma.sum(2), torch.ones(4, 300, dtype=torch.float64))
    soft = align_labels(log_probs, labels, lengths, frames, 19)[0]
    torch.testing.assert_close(soft.sum((1, 2)), lengths.double())


@pytest.mark.parametrize(('dtype', 'out', 'tolerance'), [
    (torch.float32, torch.float32, 1e-4), (torch.float16, torch.float32, 2e-2),
    (torch.bfloat16, torch.float32, 1e-1)])
@pytest.mark.parametrize('hard', [False, True])
def test_lower_precision_gives_nearly_the_same(dtype, out, tolerance, hard):
    log_probs = random_words(16, 26, 8)
    labels, lengths = random_labels(16, 7, 6)
    args = labels, lengths, torch.full((16, ), 26), 7
    weights = align_labels(log_probs.to(dtype), *args, hard)[0]
    assert weights.dtype == out
    if not hard:  # a path may flip, a mean may not
        expected = align_labels(log_probs, *args)[0]
        torch.testing.assert_close(weights.double(), expected, atol=tolerance, rtol=0)
    assert occupancy(log_probs.to(dtype), *args)[1].dtype == out


def test_alignment_carries_no_gradient_and_vectors_do():
    log_probs = random_words(3, 6, 4).requires_grad_()
    labels, lengths = pad([(0, 1), (2, ), (0, 0, 0, 0)])
    args = log_probs, labels, lengths, torch.tensor([6, 4, 6]), 3
    assert not any(tensor.requires_grad for tensor in (*align_labels(*args), *occupancy(*args)))
    weights, alignable = align_labels(*args)
    assert alignable.tolist() == [True, True, False]
    features = torch.randn(3, 6, 2, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: character_vectors(x, weights), features)


def test_character_vector_is_the_weighted_mean_of_its_frames():
    labels, lengths = pad([(0, 1), (2, )])
    weights = align_labels(random_words(2, 5, 4), labels, lengths, torch.tensor([5, 3]), 3)[0]
    features = torch.randn(2, 5, 3)
    vectors = character_vectors(features, weights)
    assert vectors.dtype == torch.float32
    for n, i in [(0, 0), (0, 1), (1, 0)]:
        mean = sum(weights[n, i, t].float() * features[n, t] for t in range(5))
        torch.testing.assert_close(vectors[n, i], mean)
    assert (vectors[1, 1] == 0).all()
    with torch.autocast('cpu', dtype=torch.bfloat16):
        assert torch.equal(character_vectors(features, weights), vectors)


good = dict(log_probs=torch.zeros(2, 5, 3), labels=torch.zeros(2, 1, dtype=torch.long),
            lengths=torch.ones(2), frames=torch.ones(2), blank_idx=2)


@pytest.mark.parametrize(('field', 'value', 'message'), [
    ('log_probs', torch.zeros(5, 3), r'log_probs has shape \(5, 3\), expected \(N, T, C\)'),
    ('labels', torch.zeros(2).long(), r'labels has shape \(2,\), expected \(2, L\)'),
    ('labels', torch.zeros(3, 1).long(), r'labels has shape \(3, 1\), expected \(2, L\)'),
    ('lengths', torch.ones(3), r'lengths has shape \(3,\), expected \(2,\)'),
    ('frames', torch.ones(2, 1), r'frames has shape \(2, 1\), expected \(2,\)'),
    ('blank_idx', 3, 'blank_idx=3 is no class: there are 3'),
    ('blank_idx', -1, 'blank_idx=-1 is no class')])
@pytest.mark.parametrize('function', [align_labels, occupancy])
def test_arguments_that_do_not_fit_are_refused(function, field, value, message):
    with pytest.raises(ValueError, match=message):
        function(**{**good, field: value})


@pytest.mark.parametrize('hard', [False, True])
def test_alignment_stays_on_the_device_of_its_arguments(hard):
    # Meta tensors have no values: anything made on another device, or read by Python, raises.
    log_probs, labels = torch.zeros(2, 6, 5, device='meta'), torch.zeros(2, 3, device='meta').long()
    numbers = torch.zeros(2, device='meta').long()
    weights, _ = align_labels(log_probs, labels, numbers, numbers, 4, hard)
    assert weights.is_meta and weights.shape == (2, 3, 6)
    gamma, _ = occupancy(log_probs, labels, numbers, numbers, 4)
    assert gamma.is_meta and gamma.shape == (2, 6, 5)
