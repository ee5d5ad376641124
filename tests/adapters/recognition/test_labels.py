import pytest
import tiny_recog
import torch
from mmocr.registry import MODELS

from mmocr_kd.adapters.recognition import labels_of, prepare_targets, require_same_dictionary


@pytest.fixture(scope='module')
def attention():
    return MODELS.build(tiny_recog.abinet_cfg()).decoder


@pytest.fixture(scope='module')
def ctc():
    return MODELS.build(tiny_recog.crnn_cfg()).decoder


def labels(decoder, words, steps, **fields):
    samples = [tiny_recog.sample(word, valid_ratio=.5) for word in words]
    prepare_targets(decoder, samples)
    return labels_of(decoder, samples, torch.zeros(len(words), steps, 37), **fields)


def test_words_end_with_the_end_token(attention):
    found = labels(attention, ['ab', ''], 26)
    a, b, end = 10, 11, attention.dictionary.end_idx
    assert found.indexes[0, :4].tolist() == [a, b, end, end]
    assert found.lengths.tolist() == [3, 1] and found.end_idx == end
    assert found.not_read == () and not found.is_ctc and found.frames is None


def test_long_words_are_cut_and_steps_that_were_never_trained_do_not_count(attention):
    assert labels(attention, ['a' * 25, 'a' * 40], 26).lengths.tolist() == [26, 26]
    assert labels(attention, ['a' * 25, 'ab'], 26, valid_steps=25).lengths.tolist() == [25, 3]
    assert (labels(attention, ['a' * 40], 26).indexes == 10).all()


def test_ctc_has_a_blank_and_frames(ctc):
    found = labels(ctc, ['abc', ''], 25)
    assert found.indexes.tolist() == [[10, 11, 12], [36, 36, 36]]
    assert found.lengths.tolist() == [3, 0] and found.frames.tolist() == [13, 13]
    assert found.is_ctc and found.end_idx is None and found.blank_idx == 36


def test_more_frames_than_there_are_cannot_be_valid(ctc):
    samples = [tiny_recog.sample('ab', valid_ratio=ratio) for ratio in (.99, 1., 1.3)]
    prepare_targets(ctc, samples)
    assert labels_of(ctc, samples, torch.zeros(3, 25, 37)).frames.tolist() == [25, 25, 25]


def test_dictionaries_are_compared_class_by_class(attention, ctc):
    require_same_dictionary(ctc, ctc)
    with pytest.raises(ValueError, match='different dictionaries'):
        require_same_dictionary(attention, ctc)
    shorter = MODELS.build(tiny_recog.abinet_cfg()).decoder
    shorter.max_seq_len = 20
    with pytest.raises(ValueError, match='max_seq_len=26, the teacher 20'):
        require_same_dictionary(attention, shorter)


def test_decoder_without_a_loss_cannot_encode(attention):
    bare = MODELS.build(tiny_recog.abinet_cfg()).decoder
    bare.module_loss = None
    with pytest.raises(ValueError, match='no module_loss'):
        prepare_targets(bare, [tiny_recog.sample('ab')])
