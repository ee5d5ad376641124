"""Which texts a recogniser can be trained on."""
import pytest
from mmocr.registry import MODELS
from tiny_recog import crnn_cfg
from tiny_spotter import sample

from mmocr_kd.models.spotters.words import TrainableTexts


def _decoder(letter_case='lower', with_unknown=False, loss=True):
    cfg = crnn_cfg()['decoder']
    cfg['dictionary']['with_unknown'] = with_unknown
    cfg['module_loss']['letter_case'] = letter_case
    if not loss:
        cfg['module_loss'] = None
    return MODELS.build(cfg)


@pytest.mark.parametrize('text, fields, accepted', [
    ('abc1', {}, True),
    ('ABC', {}, True),
    ('a-b', {}, False),
    ('é', {}, False),
    ('', {}, False),
    ('abcd', {'max_length': 4}, True),
    ('abcde', {'max_length': 4}, False),
])
def test_accepts_what_the_dictionary_has(text, fields, accepted):
    assert TrainableTexts(_decoder(), **fields)(text, sample()) is accepted


def test_letter_case_counts():
    assert not TrainableTexts(_decoder('unchanged'))('ABC', sample())
    assert not TrainableTexts(_decoder('upper'))('abc', sample())


def test_dictionaries_with_an_unknown_token_take_anything():
    assert TrainableTexts(_decoder(with_unknown=True), unknown='error')('a-é', sample())


def test_can_stop_at_strange_characters():
    with pytest.raises(ValueError, match=r"tiny\.png: the text 'a-é' has \['-', 'é'\]"):
        TrainableTexts(_decoder(), unknown='error')('a-é', sample())


@pytest.mark.parametrize('loss, fields, match', [
    (True, {'unknown': 'skip'}, "unknown='skip'"),
    (True, {'max_length': 0}, 'max_length=0'),
    (False, {}, 'module_loss'),
])
def test_bad_fields(loss, fields, match):
    with pytest.raises(ValueError, match=match):
        TrainableTexts(_decoder(loss=loss), **fields)
