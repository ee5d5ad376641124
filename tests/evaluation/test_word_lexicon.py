import string

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from rapidfuzz.distance import Levenshtein

from mmocr_kd.evaluation.edit_distance import weighted_distances
from mmocr_kd.evaluation.lexicon import Lexicon

TEXTS = st.text(alphabet='aAbB', min_size=1, max_size=5)


@given(TEXTS, st.lists(TEXTS, min_size=1, max_size=6))
def test_the_first_of_the_nearest(text, words):
    distances = [Levenshtein.distance(text.upper(), word.upper()) for word in words]
    best = min(distances)
    assert Lexicon(words).nearest(text) == (words[distances.index(best)], best)


@given(TEXTS, st.lists(TEXTS, min_size=1, max_size=6), st.data())
def test_weighted_among_the_plainly_near(text, words, data):
    weights = data.draw(st.lists(st.floats(.1, 1), min_size=len(text), max_size=len(text)))
    lexicon = Lexicon(words)
    plain = [Levenshtein.distance(text.upper(), word.upper()) for word in words]
    near = [word for word, distance in zip(words, plain) if distance <= min(plain) + 2]
    weighed = weighted_distances(text.upper(), weights, [word.upper() for word in near])
    word, distance = lexicon.nearest(text, weights)
    assert distance == weighed.min() and word == near[int(np.argmin(weighed))]


def test_words_two_edits_farther_than_the_nearest_are_weighed_and_no_others():
    sure_of_the_first = [1., .1, .1, .1, .1]
    words = ['Xbcde', 'aWXYe', 'aWXYZ']  # one, three and four edits away
    assert Lexicon(words[:2]).nearest('abcde', sure_of_the_first) == ('aWXYe', .3)
    assert Lexicon(words[::2]).nearest('abcde', sure_of_the_first) == ('Xbcde', 1)


def test_of_equal_words_the_first():
    assert Lexicon(['Stop', 'STOP']).nearest('stop') == ('Stop', 0)
    assert Lexicon(['Stop', 'STOP']).nearest('shop') == ('Stop', 1)


def test_words_are_replaced_by_how_they_are_written():
    lexicon = Lexicon(['DONT', 'STOP'], ["Don't", 'stop!'])
    assert lexicon.nearest('dont') == ("Don't", 0)
    assert lexicon.nearest('SHOP') == ('stop!', 1) and len(lexicon) == 2


def test_a_list_as_long_as_icdars_generic_one():
    rng = np.random.default_rng(0)
    letters = np.array(list(string.ascii_uppercase))
    words = [''.join(rng.choice(letters, 8)) for _ in range(9000)]
    lexicon = Lexicon(words)
    assert lexicon.nearest(words[8000][:7].lower() + '?') == (words[8000], 1)
    assert lexicon.nearest(words[8000][:7] + '?', [1.] * 7 + [.1]) == (words[8000], .1)
