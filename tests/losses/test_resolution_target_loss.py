"""The choice of a resolution as a classification."""
from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from mmocr.registry import MODELS
from torch.nn import functional as F

from mmocr_kd.losses import Labels, ResolutionTargetLoss, image_errors
from mmocr_kd.losses.resolution_target_loss import ctc_word_losses

SIZES = st.tuples(st.integers(1, 4), st.integers(1, 5))


def test_registered():
    assert isinstance(MODELS.build(dict(type='ResolutionTargetLoss')), ResolutionTargetLoss)


def test_golden_value():
    """Two scales, errors 0 and T ln 3: the target is 3/4, 1/4; uniform logits cost ln 2."""
    errors = torch.tensor([[0., .05 * 1.0986122886681098]])
    assert ResolutionTargetLoss(.05)(torch.zeros(1, 2), errors)['loss_res_target'].item() == \
        pytest.approx(.6931471805599453)
    logits = torch.tensor([[3., 1.]]).log()
    assert ResolutionTargetLoss(.05, loss_weight=2.)(logits, errors)['loss_res_target'].item() == \
        pytest.approx(2 * .5623351446188083)


@given(SIZES, st.integers(0, 1000), st.floats(.01, 10), st.floats(-5, 5))
def test_least_where_the_selector_says_what_was_good(size, seed, temperature, shift):
    """Its minimum is at the target; what all scales of an image share does not matter."""
    torch.manual_seed(seed)
    errors = torch.rand(size, dtype=torch.float64)
    logits = (-errors / temperature).requires_grad_()
    loss = ResolutionTargetLoss(temperature)
    best = loss(logits, errors + shift)['loss_res_target']
    best.backward()
    assert logits.grad.abs().max() < 1e-9
    other = logits.detach() + torch.randn(size, dtype=torch.float64)
    assert loss(other, errors)['loss_res_target'] >= best - 1e-9


def test_gradient_stays_when_the_selector_is_sure_and_wrong():
    """The straight-through gradient would be 4e-9 here."""
    logits = torch.tensor([[20., 0.]], requires_grad=True)
    ResolutionTargetLoss(.01)(logits, torch.tensor([[1., 0.]]))['loss_res_target'].backward()
    assert logits.grad[0, 0].item() == pytest.approx(1, abs=1e-6)


def test_no_gradient_to_the_errors_and_half_precision():
    errors = torch.rand(2, 3, requires_grad=True)
    logits = torch.randn(2, 3, dtype=torch.bfloat16, requires_grad=True)
    loss = ResolutionTargetLoss()(logits, errors)['loss_res_target']
    loss.backward()
    assert errors.grad is None and loss.dtype == torch.float32 and logits.grad is not None


@pytest.mark.parametrize('field', [{'temperature': 0.}, {'temperature': -1.},
                                   {'loss_weight': -1.}, {'temperature': float('nan')}])
def test_impossible_fields(field):
    with pytest.raises(ValueError, match=next(iter(field))):
        ResolutionTargetLoss(**field)


def test_shapes_have_to_agree():
    with pytest.raises(ValueError, match='expected'):
        ResolutionTargetLoss()(torch.zeros(2, 3), torch.zeros(3, 2))


def test_errors_of_attention_decoders_are_means_over_words_of_means_over_characters():
    torch.manual_seed(0)
    labels = Labels(torch.randint(0, 5, (3, 4)), torch.tensor([2, 4, 1]), end_idx=4)
    candidates = torch.randn(2, 3, 4, 5)
    found = image_errors(candidates, labels, torch.tensor([0, 2, 2]), 3)
    nll = -candidates.log_softmax(-1)
    word = [[sum(nll[k, n, t, labels.indexes[n, t]] for t in range(labels.lengths[n]))
             / labels.lengths[n] for k in range(2)] for n in range(3)]
    expected = torch.tensor([word[0], [0, 0], [(word[1][k] + word[2][k]) / 2 for k in range(2)]])
    torch.testing.assert_close(found, expected)


def test_what_is_behind_a_word_does_not_matter():
    labels = Labels(torch.zeros(1, 4, dtype=torch.long), torch.tensor([2]), end_idx=4)
    candidates = torch.randn(2, 1, 4, 5)
    before = image_errors(candidates, labels, torch.tensor([0]), 1)
    candidates[:, :, 2:] = 1e3 * torch.randn(2, 1, 2, 5)
    torch.testing.assert_close(image_errors(candidates, labels, torch.tensor([0]), 1), before)


def test_ctc_needs_frames():
    labels = Labels(torch.zeros(1, 1, dtype=torch.long), torch.tensor([1]), blank_idx=4)
    with pytest.raises(ValueError, match='frames'):
        image_errors(torch.randn(1, 1, 3, 5), labels, torch.tensor([0]), 1)


def test_ctc_words_one_at_a_time():
    """Over their lengths; more frames than there are count as all, an empty label as one."""
    log_probs = torch.randn(3, 6, 5, dtype=torch.float64).log_softmax(-1)
    indexes, lengths = torch.tensor([[1, 2, 3], [4, 0, 0], [0, 0, 0]]), torch.tensor([3, 1, 0])
    frames = torch.tensor([6, 9, 4])
    labels = Labels(indexes, lengths, blank_idx=0, frames=frames)
    found = ctc_word_losses(log_probs, labels).tolist()
    for n, (length, count) in enumerate(zip([3, 1, 0], [6, 6, 4])):
        whole = F.ctc_loss(log_probs[n, :count], indexes[n, :length], torch.tensor(count),
                           torch.tensor(length), reduction='sum')
        assert found[n] == pytest.approx(whole.item() / max(length, 1))
    with pytest.raises(ValueError, match='labels.frames'):
        ctc_word_losses(log_probs, replace(labels, frames=None))
