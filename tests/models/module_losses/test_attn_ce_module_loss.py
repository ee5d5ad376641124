"""Targets and cross-entropy of the attention decoder."""
import math

import pytest
import torch
import torch.nn.functional as F
from mmocr.registry import MODELS
from tiny_mask_rcnn import dictionary_cfg
from tiny_parseq import samples

GO, END = 0, 1


@pytest.fixture
def build(tmp_path):
    def build(**fields):
        return MODELS.build({'type': 'AttnCEModuleLoss', 'dictionary': dictionary_cfg(tmp_path),
                             'max_seq_len': 5, **fields})
    return build


@pytest.mark.parametrize('word, indexes', [
    ('', []), ('b', [3]), ('abcde', [2, 3, 4, 5, 6]),
    ('abcdefz', [2, 3, 4, 5, 6]),  # cut, but it still ends
])
def test_targets(build, word, indexes):
    sample, = build().get_targets(samples(word))
    assert sample.gt_text.indexes.tolist() == indexes
    padded = [GO, *indexes, END, *[GO] * (5 - len(indexes))]
    assert sample.gt_text.padded_indexes.tolist() == padded
    assert sample.gt_text.padded_indexes.dtype == sample.gt_text.indexes.dtype == torch.long


def test_targets_are_made_once(build):
    loss, (sample, ) = build(), samples('ab')
    first = loss.get_targets([sample])[0].gt_text.padded_indexes
    sample.gt_text.item = 'zz'
    assert loss.get_targets([sample])[0].gt_text.padded_indexes is first


def test_letter_case(build):
    lower, = build(letter_case='lower').get_targets(samples('Ab'))
    assert lower.gt_text.indexes.tolist() == [2, 3]
    with pytest.raises(Exception, match='not in dict'):
        build().get_targets(samples('Ab'))


def test_certain_logits_of_the_targets_cost_nothing(build):
    """Step t is compared with character t, not with the one before or after."""
    loss, batch = build(), samples('hello', 'a', '')
    targets = torch.stack([s.gt_text.padded_indexes for s in loss.get_targets(batch)])[:, 1:]
    logits = 50. * F.one_hot(targets, 28)
    assert loss(logits, batch)['loss_ce'] < 1e-6
    for shift in (1, -1):
        assert loss(logits.roll(shift, dims=1), batch)['loss_ce'] > 5


def test_mean_over_characters_and_ends_only(build):
    loss, batch = build(), samples('abc', 'z')
    logits = torch.randn(2, 6, 28)
    loss.get_targets(batch)
    picked = [logits.log_softmax(-1)[n, t, c]
              for n, word in enumerate([[2, 3, 4, END], [27, END]]) for t, c in enumerate(word)]
    value = loss(logits, batch)['loss_ce']
    torch.testing.assert_close(value, -torch.stack(picked).mean())
    logits[0, 4:], logits[1, 2:] = 1e3, -1e3
    torch.testing.assert_close(loss(logits, batch)['loss_ce'], value)


def test_uniform_logits(build):
    loss, batch = build(), samples('abc', '')
    loss.get_targets(batch)
    assert loss(torch.zeros(2, 6, 28), batch)['loss_ce'] == pytest.approx(math.log(28))


@pytest.mark.parametrize('lacks', ['with_start', 'with_end', 'with_padding'])
def test_dictionaries_without_a_token(build, tmp_path, lacks):
    tokens = {'with_start': True, 'with_end': True, 'with_padding': True}
    own = {**dictionary_cfg(tmp_path), 'type': 'Dictionary', **tokens}
    build(dictionary=own)
    with pytest.raises(ValueError, match='needs a dictionary with a start token, an end token'):
        build(dictionary={**own, lacks: False})
