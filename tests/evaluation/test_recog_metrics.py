import string

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mmengine.structures import LabelData
from mmocr.registry import METRICS
from mmocr.structures import TextRecogDataSample

LATIN = set(string.digits + string.ascii_lowercase)
NAMES = pytest.mark.parametrize('name', ['CheckedWordMetric', 'CheckedCharMetric'])


def sample(label, reading):
    """As MMEngine hands it to metrics; None leaves a field out."""
    made = TextRecogDataSample(metainfo=dict(img_path='imgs/a.png'))
    for field, item in (('gt_text', label), ('pred_text', reading)):
        if item is not None:
            setattr(made, field, LabelData(item=item))
    return made.to_dict()


def score(name, pairs, **fields):
    metric = METRICS.build(dict(type=name, **fields))
    metric.process([], [sample(*pair) for pair in pairs])
    return metric.compute_metrics(metric.results)


def word_score(pairs, **fields):
    return score('CheckedWordMetric', pairs, **fields)['word_acc_ignore_case_symbol']


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(*[st.text('aB3^-_ É', max_size=4)] * 2), min_size=1, max_size=6))
def test_words_are_compared_by_digits_and_latin_letters(pairs):
    """The official code's rule, by brute force."""
    def kept(text):
        return [char for char in text.lower() if char in LATIN]

    right = sum(kept(label) == kept(reading) for label, reading in pairs)
    assert word_score(pairs) == pytest.approx(right / len(pairs), abs=1e-4)


def test_a_caret_is_a_symbol_here_and_a_letter_in_mmocr():
    assert word_score([('a^b', 'ab')]) == 1
    assert score('WordMetric', [('a^b', 'ab')])['word_acc_ignore_case_symbol'] == 0
    assert score('CheckedCharMetric', [('a^b', 'ab')]) == score('CharMetric', [('ab', 'ab')])


def test_other_modes_are_mmocrs():
    pairs = [('Ab', 'Ab'), ('Ab', 'ab'), ('A-b', 'ab')]
    modes = ['exact', 'ignore_case', 'ignore_case_symbol']
    assert score('CheckedWordMetric', pairs, mode=modes) == score('WordMetric', pairs, mode=modes)


def test_chinese_counts_and_what_counts_can_be_set(log):
    assert word_score([('中文', '中国')]) == 0 and not log
    assert word_score([('книга', 'стол')], valid_symbol='[^а-я]') == 0 and not log


def test_alphabets_of_which_nothing_counts_are_told_once(log):
    word_score([('-', '-'), ('кни-га', 'стол'), ('книга', 'книга')])
    assert len(log) == 1 and "'кни-га'" in log[0] and 'valid_symbol' in log[0]


@NAMES
def test_a_missing_label_is_explained(name):
    with pytest.raises(ValueError, match="'imgs/a.png' has no gt_text.*LoadOCRAnnotations"):
        score(name, [(None, 'a')])
    with pytest.raises(ValueError, match="'imgs/a.png' has no pred_text"):
        score(name, [('a', None)])


@NAMES
def test_numbers_are_read_as_text(name):
    assert score(name, [(123, '123')]) == score(name, [('123', '123')])
    with pytest.raises(ValueError, match="'imgs/a.png' has the text 1.5"):
        score(name, [(1.5, '1.5')])
