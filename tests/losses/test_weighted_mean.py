"""Words that count more than others: one mean for all losses of recognisers."""
import dataclasses
import math

import golden
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from mmocr.registry import MODELS

from mmocr_kd.losses import Hypotheses, Labels, Reading, weighted_mean

CONFIGS = {
    'visual': {'type': 'VisualFocusLoss'},
    'visual of tokens': {'type': 'VisualFocusLoss', 'mask': 'none'},
    'semantic': {'type': 'SemanticContrastiveLoss', 'in_channels': 6, 'hidden_channels': 3,
                 'out_channels': 5},
    'logits': {'type': 'SoftLogitsLoss'},
    'hard': {'type': 'HardLabelLoss'},
    'sequence': {'type': 'SequenceKDLoss', 'search': 'greedy', 'topk': 1},
    'sequence of frames': {'type': 'SequenceKDLoss', 'search': 'ctc'},
    'nbest': {'type': 'NBestLoss'},
}
CTC = [name for name in CONFIGS if name not in ('sequence', )]
STEPS = [name for name in CONFIGS if name not in ('sequence of frames', )]
CASES = [(name, False) for name in STEPS] + [(name, True) for name in CTC]
WORDS = 3


def build(name):
    torch.manual_seed(0)
    return MODELS.build(CONFIGS[name]).double()


def reading(seed):
    torch.manual_seed(seed)
    logits, glimpses, visual = (torch.randn(WORDS, *shape, dtype=torch.float64, requires_grad=True)
                                for shape in ((4, 9), (4, 6), (3, 4, 8)))
    return Reading((logits, ), (glimpses, ), visual, torch.rand(WORDS, 4, 4, 8).double(),
                   lambda guesses: logits[:, 0].log_softmax(1)[:, :guesses.log_probs.shape[1]])


def labels(ctc):
    indexes, lengths = torch.tensor([[3, 4], [5, 0], [2, 2]]), torch.tensor([2, 1, 2])
    if ctc:
        return Labels(indexes, lengths, None, 8, frames=torch.tensor([4, 3, 4]))
    return Labels(indexes, lengths, golden.labels([3, 4], 4).end_idx)


def guesses():
    texts = [['a', 'b']] * WORDS
    one = torch.ones(WORDS, 2, dtype=torch.long)
    return Hypotheses(texts, one[..., None], one, torch.rand(WORDS, 2).log(), torch.ones(WORDS))


def at(value, rows):
    """Some of the words of a reading, labels or hypotheses."""
    if isinstance(value, torch.Tensor):
        return value[rows]
    if isinstance(value, tuple):
        return tuple(at(part, rows) for part in value)
    if callable(value):
        return lambda guesses: value(guesses)[rows]
    if isinstance(value, list):
        return [value[row] for row in rows]
    if dataclasses.is_dataclass(value):
        return dataclasses.replace(value, **{
            field.name: at(getattr(value, field.name), rows) for field in dataclasses.fields(value)
            if not isinstance(getattr(value, field.name), (int, bool, type(None)))
            and field.name != 'not_read'})
    return value


def loss(name, ctc, weights=None, rows=None):
    ours, theirs, truth = reading(1), reading(2), labels(ctc)
    if name == 'nbest':
        torch.manual_seed(3)
        theirs = guesses()
    if weights is not None:
        truth = dataclasses.replace(truth, weights=torch.tensor(weights))
    if rows is not None:
        ours, theirs, truth = (at(each, rows) for each in (ours, theirs, truth))
    found = build(name)(ours, theirs, truth)
    value, = (value for key, value in found.items() if 'loss' in key)
    return value


@pytest.mark.parametrize('name, ctc', CASES)
def test_equal_weights_change_nothing(name, ctc):
    plain = loss(name, ctc)
    for weight in (1., .25, 7.):
        torch.testing.assert_close(loss(name, ctc, [weight] * WORDS), plain)


@pytest.mark.parametrize('name, ctc', CASES)
@pytest.mark.parametrize('kept', [[0, 2], [1]])
def test_a_word_without_weight_is_as_one_that_is_not_there(name, ctc, kept):
    weights = [float(row in kept) for row in range(WORDS)]
    torch.testing.assert_close(loss(name, ctc, weights), loss(name, ctc, rows=kept))


@pytest.mark.parametrize('name, ctc', [case for case in CASES if case[0] != 'semantic'])
def test_a_word_of_double_weight_is_as_two_of_them(name, ctc):
    """Of the semantic loss the second one would be a negative of the first."""
    torch.testing.assert_close(loss(name, ctc, [1., 2., 1.]), loss(name, ctc, rows=[0, 1, 1, 2]))


@pytest.mark.parametrize('name, ctc', CASES)
def test_no_weight_at_all_is_no_loss_and_no_gradient(name, ctc):
    torch.manual_seed(0)
    value = loss(name, ctc, [0.] * WORDS)
    assert value == 0
    value.backward()  # there is a graph


weighted = st.tuples(st.floats(-9, 9), st.just(0.) | st.floats(.01, 9))
values = st.lists(weighted, min_size=1, max_size=6)


@settings(max_examples=60)
@given(values, st.integers(1, 3))
def test_is_the_weighted_mean(pairs, parts):
    numbers, weights = zip(*pairs)
    columns = torch.tensor(numbers, dtype=torch.float64)[:, None].expand(-1, parts)
    found = weighted_mean(columns, torch.tensor(weights, dtype=torch.float64))
    expected = sum(n * w for n, w in pairs) / sum(weights) if any(weights) else 0.
    assert found.item() == pytest.approx(expected, abs=1e-9)


def test_what_weighs_nothing_may_be_infinite():
    numbers = torch.tensor([2., math.inf, -math.inf], requires_grad=True)
    found = weighted_mean(numbers, torch.tensor([.5, 0., 0.]))
    found.backward()
    assert found == 2 and numbers.grad.tolist() == [1., 0., 0.]


def test_half_precision_weights_do_not_widen_the_loss():
    found = weighted_mean(torch.ones(2, dtype=torch.float64), torch.ones(2))
    assert found.dtype == torch.float64
