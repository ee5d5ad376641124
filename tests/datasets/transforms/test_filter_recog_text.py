import string

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mmengine.dataset import BaseDataset
from mmocr.models.common import Dictionary
from mmocr.registry import TRANSFORMS

LOWER = string.digits + string.ascii_lowercase


@pytest.fixture(scope='session')
def dictionary(tmp_path_factory):
    path = tmp_path_factory.mktemp('dict') / 'lower.txt'
    path.write_text('\n'.join(LOWER))
    return {'type': 'Dictionary', 'dict_file': str(path), 'with_start': True, 'with_end': True,
            'same_start_end': True}


def build(**fields):
    return TRANSFORMS.build({'type': 'FilterRecogText', **fields})


def filtered(text, **fields):
    results = build(**fields).transform({'gt_texts': [text], 'img_path': 'a.png'})
    return results and results['gt_texts'][0]


@pytest.mark.parametrize('text, oov, expected', [
    ('its', 'drop', 'its'), ("it's", 'drop', None), ("it's", 'remove', 'its'),
    ("it's", 'null', 'it0s'), ("'s'", 'null', '0s0'), ("''", 'remove', None),
])
def test_policies_for_unknown_characters(text, oov, expected):
    null = {'null_char': '0'} if oov == 'null' else {}
    assert filtered(text, charset=LOWER, oov=oov, **null) == expected


def test_unknown_characters_can_be_an_error():
    with pytest.raises(ValueError, match=r"""label "it's" of 'a.png'.*\["'"\]"""):
        filtered("it's", charset=LOWER, oov='error')


def test_nothing_is_unknown_without_a_charset():
    assert filtered("É's ", oov='error') == "É's "


@pytest.mark.parametrize('case, expected', [('unchanged', None), ('lower', 'two'), ('upper', None)])
def test_case_is_changed_before_the_charset_is_asked(case, expected):
    assert filtered('Two', charset=LOWER, letter_case=case) == expected


@pytest.mark.parametrize('length, limit, kept', [(25, 25, True), (26, 25, False), (99, None, True)])
def test_long_words_are_dropped(length, limit, kept):
    assert (filtered('a' * length, max_length=limit) is not None) == kept


def test_length_is_that_after_removal():
    assert filtered('a-' * 25, charset=LOWER, oov='remove') == 'a' * 25


@pytest.mark.parametrize('empty, expected', [('drop', None), ('keep', '')])
def test_policies_for_empty_labels(empty, expected):
    assert filtered('', empty=empty) == expected
    assert filtered('--', charset=LOWER, oov='remove', empty=empty) == expected


@settings(max_examples=30, deadline=None)
@given(st.text(max_size=40), st.sampled_from(['drop', 'remove', 'null']))
def test_mmocrs_dictionary_never_raises_afterwards(dictionary, text, oov):
    null = {'null_char': '0'} if oov == 'null' else {}
    text = filtered(text, dictionary=dictionary, letter_case='lower', oov=oov, **null)
    if text is not None:
        assert 0 < len(text) <= 25
        known = Dictionary(**{k: v for k, v in dictionary.items() if k != 'type'})
        assert len(known.str2idx(text)) == len(text)


def test_the_official_policy_supervises_an_end_inside_the_word(dictionary):
    fields = {**dictionary, 'start_end_token': '\0'}
    text = filtered("it's", dictionary=fields, oov='null', null_char='\0')
    known = Dictionary(**{k: v for k, v in fields.items() if k != 'type'})
    assert known.str2idx(text) == [LOWER.index('i'), LOWER.index('t'), known.end_idx,
                                   LOWER.index('s')]


def test_training_draws_another_sample_and_testing_does_not():
    class Words(BaseDataset):
        def load_data_list(self):
            return [{'gt_texts': [text]} for text in ('', 'one')]

    pipeline = [build().transform]
    assert Words(pipeline=pipeline)[0]['gt_texts'] == ['one']
    with pytest.raises(Exception, match='None'):
        Words(pipeline=pipeline, test_mode=True)[0]


@pytest.mark.parametrize('fields, words', [
    (dict(oov='skip'), "oov='skip'"), (dict(letter_case='title'), "letter_case='title'"),
    (dict(empty='error'), "empty='error'"), (dict(oov='null'), 'null_char=None'),
    (dict(oov='null', null_char='##'), "null_char='##'"),
    (dict(oov='null', null_char='#', charset='abc'), "null_char='#'")])
def test_bad_fields_are_named(fields, words):
    with pytest.raises(ValueError, match=words):
        build(**fields)


def test_two_charsets_are_one_too_many(dictionary):
    with pytest.raises(TypeError, match='dictionary or charset'):
        build(dictionary=dictionary, charset='abc')


def test_missing_texts_are_explained():
    with pytest.raises(KeyError, match='LoadOCRAnnotations'):
        build().transform({'instances': [dict(text='a')]})
