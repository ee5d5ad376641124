from functools import lru_cache

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rapidfuzz.distance import Levenshtein

from mmocr_kd.evaluation.edit_distance import weighted_distances

WORDS = st.lists(st.text(alphabet='ABC', max_size=5), min_size=1, max_size=4)
CONFIDENCES = st.lists(st.floats(0, 1), min_size=1, max_size=5)


def by_recursion(text, confidences, word):
    """Cheapest way to edit, straight from the definition."""

    def gap(i):
        return np.mean(confidences[max(i - 1, 0):i + 1])

    @lru_cache(None)
    def cheapest(i, j):
        if not i and not j:
            return 0
        ways = []
        if i:
            ways.append(cheapest(i - 1, j) + confidences[i - 1])
        if j:
            ways.append(cheapest(i, j - 1) + gap(i))
        if i and j:
            ways.append(cheapest(i - 1, j - 1) + confidences[i - 1] * (text[i - 1] != word[j - 1]))
        return min(ways)

    return cheapest(len(text), len(word))


@given(CONFIDENCES, WORDS, st.data())
def test_equal_to_the_definition(confidences, words, data):
    text = data.draw(st.text(alphabet='ABC', min_size=len(confidences), max_size=len(confidences)))
    expected = [by_recursion(text, confidences, word) for word in words]
    np.testing.assert_allclose(weighted_distances(text, confidences, words), expected, atol=2e-9)


@given(st.text(min_size=1, max_size=6), WORDS)
def test_sure_characters_make_it_levenshteins(text, words):
    expected = [Levenshtein.distance(text, word) for word in words]
    np.testing.assert_allclose(weighted_distances(text, [1] * len(text), words), expected)


def test_by_hand():
    distances = weighted_distances('HOTFL', [.9, .9, .8, .2, .6], ['HOTEL', 'HOTL', 'HOTFLS'])
    np.testing.assert_allclose(distances, [.2, .2, .6])
    distances = weighted_distances('AB', [.5, .1], ['AXB', 'XAB', ''])
    np.testing.assert_allclose(distances, [.2, .5, .6])  # AXB: B is replaced, and inserted


def test_an_unsure_character_decides():
    words = ['BAT', 'CAR']
    assert weighted_distances('CAT', [.3, 1, .9], words).argmin() == 0
    assert weighted_distances('CAT', [.9, 1, .3], words).argmin() == 1
    assert weighted_distances('CAT', [.9, 1, .3], []).shape == (0,)


@pytest.mark.parametrize('character', ['é', '漢', '\U0001f600'])
def test_any_alphabet(character):
    assert weighted_distances(character, [.7], [character, 'x']).tolist() == [0, .7]
