"""PARSeq's targets and its cross-entropy."""
import pytest
import tiny_parseq
import torch
import torch.nn.functional as F
from mmocr.registry import MODELS
from tiny_parseq import END, PAD, START, samples


@pytest.fixture
def build(tmp_path):
    def build(with_end=True, **fields):
        dictionary = tiny_parseq.dictionary(tmp_path, with_end=with_end)
        return MODELS.build({'type': 'PARSeqModuleLoss', 'dictionary': dictionary,
                             'max_seq_len': 5, **fields})
    return build


@pytest.mark.parametrize('word, indexes', [
    ('', []), ('b', [1]), ('abcde', [0, 1, 2, 3, 4]),
    ('abcdefz', [0, 1, 2, 3, 4]),  # cut, but it still ends
])
def test_targets(build, word, indexes):
    loss, (sample,) = build(), samples(word)
    assert loss.get_targets([sample]) == [sample]
    padding = [PAD] * (5 - len(indexes))
    assert sample.gt_text.indexes.tolist() == indexes
    assert sample.gt_text.padded_indexes.tolist() == [START, *indexes, END, *padding]
    assert sample.gt_text.padded_indexes.dtype == sample.gt_text.indexes.dtype == torch.long
    assert loss.dictionary.num_classes == 27  # BOS and padding are not the dictionary's


def test_targets_are_made_once(build):
    loss, (sample,) = build(), samples('ab')
    first = loss.get_targets([sample])[0].gt_text.padded_indexes
    sample.gt_text.item = 'zz'
    assert loss.get_targets([sample])[0].gt_text.padded_indexes is first


@pytest.mark.parametrize('case, word', [('lower', 'AbC'), ('unchanged', 'abc')])
def test_letter_case(build, case, word):
    loss, (sample,) = build(letter_case=case), samples(word)
    assert loss.get_targets([sample])[0].gt_text.indexes.tolist() == [0, 1, 2]


def test_unknown_characters_are_an_error(build):
    with pytest.raises(Exception, match='not in dict'):
        build().get_targets(samples('a!'))


@pytest.mark.parametrize('orders', [1, 2, 4])
def test_is_the_mean_over_all_characters_with_the_end_in_two_orders(build, orders):
    loss = build()
    batch = loss.get_targets(samples('abc', 'z'))
    logits = list(torch.randn(orders, 2, 4, 27).double())
    terms = []
    for order, scores in enumerate(logits):
        for row, word in zip(scores, ([0, 1, 2], [25])):
            targets = [*word, END] if order < 2 else word
            terms += [-F.log_softmax(row[t], 0)[c] for t, c in enumerate(targets)]
    got = loss({'logits': logits}, batch)
    assert list(got) == ['loss_ce']
    torch.testing.assert_close(got['loss_ce'], torch.stack(terms).mean())


def test_weights_orders_by_their_tokens(build):
    """The official way to put it: the mean of means, each weighted by its number of tokens."""
    loss = build()
    batch = loss.get_targets(samples('abc', 'de'))
    logits = list(torch.randn(3, 2, 4, 27).double())
    parts = [loss({'logits': [logits[0]]}, batch)['loss_ce'] * 7,
             loss({'logits': [logits[1]]}, batch)['loss_ce'] * 7]
    last = loss({'logits': [logits[2]] * 3}, batch)['loss_ce']  # 7 + 7 + 5 tokens of it
    last = last * 19 - loss({'logits': [logits[2]]}, batch)['loss_ce'] * 14
    wanted = (sum(parts) + last) / 19
    torch.testing.assert_close(loss({'logits': logits}, batch)['loss_ce'], wanted)


def test_gradient(build):
    loss = build()
    batch = loss.get_targets(samples('ab', ''))
    logits = torch.randn(3, 2, 3, 27).double().requires_grad_()
    assert torch.autograd.gradcheck(
        lambda scores: loss({'logits': list(scores)}, batch)['loss_ce'], logits)


def test_needs_an_end_token(build):
    with pytest.raises(ValueError, match='with_end=True'):
        build(with_end=False)
