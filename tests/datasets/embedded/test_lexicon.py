from collections import Counter
from pathlib import Path

import mmocr
import numpy as np

from mmocr_kd.datasets.embedded.lexicon import WORDS, draw_word

DICTIONARY = Path(mmocr.__file__).parent / '.mim/dicts/english_digits_symbols.txt'


def draw_many(count=5000):
    rng = np.random.default_rng(0)
    return [draw_word(rng) for _ in range(count)]


def test_words_are_distinct_lower_case_english():
    assert len(WORDS) > 500
    assert len(set(WORDS)) == len(WORDS)
    assert all(word.isascii() and word.isalpha() and word.islower() for word in WORDS)


def test_recognisers_know_every_character():
    known = set(DICTIONARY.read_text().splitlines())
    assert set(''.join(draw_many())) <= known


def test_lengths_cases_and_kinds_vary():
    words = draw_many()
    assert {len(word) for word in words} >= set(range(1, 12))
    assert max(map(len, words)) <= 16
    kinds = Counter()
    for word in words:
        kinds['upper'] += word.isalpha() and word.isupper()
        kinds['title'] += word.istitle() and word.isalpha() and len(word) > 1
        kinds['lower'] += word.isalpha() and word.islower()
        kinds['number'] += word.isdigit()
        kinds['price'] += word.startswith('$')
        kinds['other'] += not word.isalnum()
    assert min(kinds.values()) > 0.03 * len(words), kinds
