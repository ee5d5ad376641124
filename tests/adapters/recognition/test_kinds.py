"""Frames and characters are told apart, whatever the dictionary."""
import copy

import pytest
import tiny_parseq
import tiny_recog
import torch
from mmocr.registry import MODELS

from mmocr_kd.adapters.recognition import (
    is_autoregressive,
    is_ctc,
    labels_of,
    prepare_targets,
    require_comparable,
)

DICTIONARY = {'with_start': True, 'with_end': True, 'same_start_end': True, 'with_padding': True}


def with_one_dictionary(cfg):
    cfg = copy.deepcopy(cfg)
    cfg['decoder']['dictionary'].update(DICTIONARY)
    cfg['decoder']['max_seq_len'] = 26
    return cfg


@pytest.fixture(scope='module')
def frames():
    return MODELS.build(with_one_dictionary(tiny_recog.crnn_cfg())).decoder


@pytest.fixture(scope='module')
def characters():
    return MODELS.build(with_one_dictionary(tiny_recog.abinet_cfg())).decoder


def test_the_dictionary_does_not_make_frames_of_characters(frames, characters):
    assert is_ctc(frames) and not is_ctc(characters)
    samples = [tiny_recog.sample('ab')]
    prepare_targets(frames, samples)
    labels = labels_of(frames, samples, torch.zeros(1, 13, 38))
    assert labels.is_ctc and labels.indexes.tolist() == [[10, 11]]
    assert labels.blank_idx == frames.dictionary.padding_idx


def test_frames_and_characters_are_not_compared(frames, characters):
    require_comparable(frames, frames)
    require_comparable(characters, characters)
    with pytest.raises(ValueError, match=(
            r"student's CRNNDecoder \(CTC, one step per frame\) and the teacher's ABIFuser \(one "
            r'step per character\) cannot be compared.*a teacher that reads frames too \(CRNN')):
        require_comparable(frames, characters)
    with pytest.raises(ValueError, match=r"student's ABIFuser.*teacher's CRNNDecoder.*reads char"):
        require_comparable(characters, frames)


def test_a_distiller_refuses_them_before_it_trains(tmp_path):
    teacher = tiny_recog.checkpoint(tmp_path / 'teacher.pth', with_one_dictionary(
        tiny_recog.abinet_cfg(low_res=False)))
    model = MODELS.build({'type': 'LowResRecognizerDistiller', 'teacher': teacher,
                          'student': with_one_dictionary(tiny_recog.crnn_cfg()),
                          'losses': {'logits': {'type': 'SoftLogitsLoss'}}})
    with pytest.raises(ValueError, match='cannot be compared step by step'):
        model.init_weights()


def test_parallel_decoders_and_parseq_see_no_padding(characters, frames, tmp_path):
    parseq = MODELS.build(tiny_parseq.recognizer_cfg(tmp_path)).decoder
    assert not any(map(is_autoregressive, (characters, frames, parseq)))
