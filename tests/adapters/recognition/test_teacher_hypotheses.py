"""Readings of any teacher in the characters of a student."""
import math

import pytest
import tiny_parseq
import tiny_recog
import torch
from mmengine.logging import MMLogger
from mmocr.registry import MODELS

from mmocr_kd.adapters.recognition import Speller, hypotheses
from mmocr_kd.distill import RecordingError


def decoder(tmp_path, characters, **loss):
    path = tmp_path / 'characters.txt'
    path.write_text('\n'.join(characters))
    return MODELS.build({
        'type': 'CRNNDecoder', 'in_channels': 4, 'rnn_flag': False,
        'dictionary': {'type': 'Dictionary', 'dict_file': str(path), 'with_padding': True},
        'module_loss': {'type': 'CTCModuleLoss', **loss}})


def spelt(told):
    """Texts with their probabilities, and what the indexes say."""
    words = []
    for texts, log_probs in zip(told.texts, told.log_probs):
        words.append({text: math.exp(p) for text, p in zip(texts, log_probs.tolist())
                      if p > -math.inf})
    return words


def test_what_the_student_can_spell_is_kept_as_it_is(tmp_path):
    student = decoder(tmp_path, 'abcABC')
    told = Speller(student)([[('aB', math.log(.6)), ('c', math.log(.3))], [], [('', 0.)]])
    assert told.texts == [['aB', 'c'], ['', ''], ['', '']]
    assert told.indexes.tolist() == [[[0, 4], [2, 0]], [[0, 0], [0, 0]], [[0, 0], [0, 0]]]
    assert told.lengths.tolist() == [[2, 1], [0, 0], [0, 0]]
    assert told.log_probs.exp().tolist() == [pytest.approx([.6, .3]), [0, 0], [1, 0]]
    assert told.kept.tolist() == [1, 0, 1]
    for texts, rows, lengths in zip(told.texts, told.indexes, told.lengths):
        for text, row, length in zip(texts, rows, lengths):
            assert student.dictionary.str2idx(text) == row[:length].tolist()


@pytest.mark.parametrize('characters, text, normalize, expected', [
    ('ab1', 'Ab1', 'NFKC', 'ab1'),           # only lower case
    ('AB', 'ab', 'NFKC', 'AB'),              # only upper case
    ('abAB', 'aB', 'NFKC', 'aB'),            # both: nothing changes
    ('ab', 'ＡＢ', 'NFKC', 'ab'),             # full width
    ('ab', 'ＡＢ', None, None),
    ('abＡＢ', 'ＡＢ', 'NFKC', 'ＡＢ'),         # which the student has
    ('fi', 'ﬁ', 'NFKC', 'fi'),               # a ligature
    ('fi', 'ﬁ', 'NFC', None),
    ('é', 'É', 'NFC', 'é'),
    ('ab', 'a b', 'NFKC', None),             # a space is a character, too
    ('ab', 'a漢', 'NFKC', None),
    ('i', 'İ', 'NFKC', None),                # its lower case is two characters
])
def test_other_spellings(tmp_path, characters, text, normalize, expected):
    speller = Speller(decoder(tmp_path, characters), normalize)
    (word, ) = spelt(speller([[(text, 0.)]]))
    assert list(word) == ([] if expected is None else [expected])
    assert speller.seen['changed'] == (expected not in (None, text))
    assert speller.seen['lacking'] == (expected is None)


@pytest.mark.parametrize('case, expected', [('lower', 'ab'), ('upper', 'AB')])
def test_letter_case_of_the_students_labels_counts(tmp_path, case, expected):
    student = decoder(tmp_path, 'abAB', letter_case=case)
    assert list(spelt(Speller(student)([[('aB', 0.)]]))[0]) == [expected]


def test_probabilities_of_what_becomes_equal_are_added(tmp_path):
    speller = Speller(decoder(tmp_path, 'ab'))
    readings = [[('Ab', math.log(.4)), ('b', math.log(.3)), ('ab', math.log(.2)),
                 ('a?', math.log(.1))]]
    told = speller(readings)
    assert spelt(told) == [{'ab': pytest.approx(.6), 'b': pytest.approx(.3)}]
    assert told.kept.tolist() == [pytest.approx(.9)]


def test_scales_of_probabilities_do_not_matter(tmp_path):
    """Whoever writes readings may give scores that sum to more than 1, or hardly anything."""
    for shift in (-500., 50.):
        told = Speller(decoder(tmp_path, 'ab'))([[('a', shift), ('?', shift)]])
        assert told.kept.tolist() == [pytest.approx(.5, abs=1e-5)]


def test_losses_are_counted_and_logged_with_examples(tmp_path, monkeypatch):
    speller, lines = Speller(decoder(tmp_path, 'ab')), []
    monkeypatch.setattr(MMLogger.get_current_instance(), 'log',
                        lambda level, message, *args: lines.append(message))
    for _ in range(99):
        speller([[('a', 0.)]])
    assert not lines
    speller([[('A', -1.), ('b?', -2.)]])
    (line, ) = lines
    for part in ('101 readings of 100 words', "differently 1 ('A' as 'a')", 'left out 1',
                 "'?' (1)"):
        assert part in line
    for _ in range(99):
        speller([[('漢', 0.)]])
    assert len(lines) == 1
    speller([[('漢', 0.)]])
    assert "'漢' (100)" in lines[1] and '100 words have nothing left' in lines[1]


@pytest.mark.parametrize('make, longest', [
    (lambda folder: tiny_parseq.decoder(folder), 8),
    (lambda folder: MODELS.build(tiny_recog.abinet_cfg()).decoder, 25),
])
def test_readings_longer_than_the_decoder_are_left_out(tmp_path, make, longest):
    speller = Speller(make(tmp_path))
    told = speller([[('a' * (longest + 1), -.5), ('a' * longest, -1.)]])
    assert list(spelt(told)[0]) == ['a' * longest]
    assert speller.seen['too long'] == 1
    assert told.kept.item() == pytest.approx(1 / (1 + math.exp(.5)))


def test_no_words_at_all(tmp_path):
    told = Speller(decoder(tmp_path, 'ab'))([])
    assert told.indexes.shape == (0, 1, 1) and told.log_probs.shape == (0, 1)


def test_no_network_has_hypotheses():
    with pytest.raises(RecordingError, match='Linear has no module that puts hypotheses out'):
        hypotheses(torch.nn.Linear(1, 1))
