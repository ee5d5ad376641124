import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmocr_kd.evaluation.text_rules import (
    PROTOCOLS,
    SPECIAL_CHARACTERS,
    dictionary_word,
    reads_right,
    target_text,
)


@pytest.mark.parametrize('text, word', [
    ('HOTEL', 'HOTEL'), ("McDonald's", 'McDonald'), ("MUM'S", 'MUM'), ('-sale-', 'sale'),
    ('"Open!"', 'Open'), ('(to-day)', 'to-day'), ('Café', 'Café'), ('Ωμέγα', 'Ωμέγα'),
    ('no', None), ("it's", None), ('24h', None), ('2024', None), ('a.b.c', None),
    ('two words', None), ('&c.', None), ('a×b', None), ('3÷x', None), ('#tag', None), ('', None),
    ('...', None), ('日本語', None), ('abc\n', 'abc'), ('αβγ\u0387', None), ('«mot»', None)])
def test_words_of_a_dictionary(text, word):
    assert dictionary_word(text) == word


def test_words_may_be_shorter():
    assert dictionary_word('no.', min_length=2) == 'no'
    assert dictionary_word('no!', special_characters='.', min_length=2) is None


def test_the_possessive_goes_whatever_is_special():
    assert dictionary_word("Joe's", special_characters='') == 'Joe'


@pytest.mark.parametrize('reading, right', [
    ('"Hi!"', True), ('hi!"', False), ('"HI!', True), ('Hi!"', False), ('hi!', True), ('hi', False),
    ('', False), ('"Hi!""', False)])
def test_one_special_character_at_each_end_may_be_missing(reading, right):
    target = '"Hi!"'
    right = right or reading.upper() == 'HI!"'  # the one at the start alone
    assert reads_right(target, reading, 'e2e', SPECIAL_CHARACTERS) == right


def test_none_inside_and_none_added():
    assert not reads_right('a.b', 'ab', 'e2e', SPECIAL_CHARACTERS)
    assert not reads_right('ab', 'ab.', 'e2e', SPECIAL_CHARACTERS)
    assert reads_right('ab.', 'AB', 'e2e', SPECIAL_CHARACTERS)
    assert not reads_right('ab.', 'ab', 'e2e', '')
    assert not reads_right('ab.', 'ab', 'word_spotting', SPECIAL_CHARACTERS)


def test_a_target_of_one_special_character():
    assert reads_right('!', '!', 'e2e', SPECIAL_CHARACTERS)
    assert reads_right('!', '', 'e2e', SPECIAL_CHARACTERS)
    assert not reads_right('!', '?', 'e2e', SPECIAL_CHARACTERS)


@pytest.mark.parametrize('protocol', PROTOCOLS)
@pytest.mark.parametrize('text', ['###', ''])
def test_nobody_cares_what_cannot_be_read(protocol, text):
    assert target_text(text, protocol, SPECIAL_CHARACTERS, 3) is None


def test_targets_of_both_protocols():
    assert target_text("Joe's", 'e2e', SPECIAL_CHARACTERS, 3) == "Joe's"
    assert target_text("Joe's", 'word_spotting', SPECIAL_CHARACTERS, 3) == 'Joe'


@given(st.text(alphabet="aB-'s.!9 é", max_size=7))
def test_every_target_is_read_right_by_itself(text):
    for protocol in PROTOCOLS:
        target = target_text(text, protocol, SPECIAL_CHARACTERS, 3)
        if target is not None:
            assert reads_right(target, target.lower(), protocol, SPECIAL_CHARACTERS)
            assert not reads_right(target, target + 'x', protocol, SPECIAL_CHARACTERS)
