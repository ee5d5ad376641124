"""What "mmocr-kd distill rec" makes of readings and labels, and what its students start from."""
import json
import string

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmengine.runner.checkpoint import CheckpointLoader
from mmocr.registry import MODELS
from mmocr.structures import TextRecogDataSample
from tiny_recog import sample

from mmocr_kd.apis.distill_photos.config_file import RecognizerRecipe
from mmocr_kd.apis.distill_photos.recognizer import readings_scored
from mmocr_kd.apis.distill_photos.words import (
    LONGEST,
    counting,
    dictionary_of,
    quads_of,
    read_words,
    spellable,
    write_words,
)
from mmocr_kd.apis.students import (
    RECOGNISERS,
    Start,
    characters_of,
    fitted,
    recogniser_start,
    shipped,
)

texts = st.lists(st.text('aAé水:\u00a0\n ', max_size=6), max_size=12)


@given(texts)
def test_the_dictionary_spells_what_occurs_more_than_once(found):
    words = [dict(text=text) for text in found]
    dictionary = dictionary_of(words)
    assert len(set(dictionary)) == len(dictionary) and all(map(str.isprintable, dictionary))
    assert set(string.printable.rstrip() + ' ') <= {*dictionary}
    for char in 'é水':
        assert (char in dictionary) == (sum(char in text for text in found) >= 2)
    learnt = spellable(words, dictionary)
    assert all({*word['text']} <= {*dictionary} for word in learnt)
    assert [word for word in words if word in learnt] == learnt


def test_what_is_too_long_is_not_learnt():
    words = [dict(text='a' * length) for length in (LONGEST, LONGEST + 1)]
    assert spellable(words, 'a') == words[:1]


def test_labels_replace_what_was_found_on_their_photos():
    def box(**fields):
        return dict(ignore=False, **fields)

    found = {'a': [box(score=.9)], 'b': [box(score=.8)]}
    labels = {'a': [box(text='yes'), box(text='###'), box()], 'c': [box(text='')]}
    quads = quads_of(found, labels)
    assert [one['ignore'] for one in quads['a']] == [False, True, True]
    assert quads['b'] == found['b'] and quads['c'][0]['ignore']
    assert quads_of(found, None) == found
    with pytest.raises(ValueError, match='not what it says'):
        quads_of(found, {'a': [box()]})


def test_readings_that_are_not_sure_do_not_count_unless_labelled(tmp_path):
    def entry(photo, **word):
        return dict(img_path=f'words/{photo}.png', photo=photo, instances=[word])

    data = [entry('a', text='ﬁne', score=.6), entry('a', text='no', score=.59),
            entry('b', text='said', read='ｓ', score=.1)]
    (tmp_path / 'words.json').write_text(json.dumps(dict(data_list=data)))
    words = read_words(tmp_path / 'words.json')
    assert words['a'][0]['text'] == 'fine' and words['b'][0]['read'] == 's'
    kept = counting(words)
    assert [[word['text'] for word in kept[name]] for name in 'ab'] == [['fine'], ['said']]
    write_words(tmp_path / 'train.json', kept['a'])
    entry, = json.loads((tmp_path / 'train.json').read_text())['data_list']
    assert entry == dict(img_path='words/a.png', instances=[dict(text='fine')])


def test_readings_of_a_file_are_scored_as_mmocr_does():
    metrics = Config.fromfile(shipped(RECOGNISERS['crnn'].recipe)).test_evaluator
    scores = readings_scored([('Stop', 'Stop'), ('stop', 'STOP!'), ('x', 'abcd')], metrics)
    assert scores == {'word_acc': pytest.approx(1 / 3, abs=1e-4), '1-N.E.D': pytest.approx(.6),
                      'word_acc_ignore_case_symbol': pytest.approx(2 / 3, abs=1e-4)}


@pytest.mark.parametrize('name', RECOGNISERS)
def test_configs_of_recognisers_train_and_read(tmp_path, name):
    (tmp_path / 'dictionary.txt').write_text('\n'.join([*'Aa 水']))
    recipe = RecognizerRecipe(name, Start({}, ''), dict(model='rapidocr'), 7, 3,
                              files=['train.json', 'unlabelled.json'], rendered=True)
    (tmp_path / 'config.py').write_text(recipe.text)
    cfg = Config.fromfile(tmp_path / 'config.py')
    loader = cfg.train_dataloader
    assert [part.type for part in loader.dataset.datasets] == [
        'OCRDataset', 'OCRDataset', 'EmbeddedTextRecogDataset']
    assert loader.sampler.groups * 3 == 25 * loader.batch_size
    assert cfg.test_dataloader.dataset.ann_file == f'{tmp_path}/held_out.json'
    assert cfg.train_cfg.max_epochs == cfg.param_scheduler[0].end == 7 and cfg.randomness.seed == 3
    init_default_scope('mmocr')
    model = MODELS.build(cfg.model)
    assert model.decoder.dictionary.num_classes == 5  # and the blank
    images = torch.randn(2, 1, 32, 256)
    losses = model(images, [sample('Aa', (32, 256)), sample('水', (32, 256))], mode='loss')
    assert losses['loss_ctc'].isfinite()
    assert model.eval()(images, [TextRecogDataSample()] * 2, mode='tensor').shape[1] >= 64


def test_start_weights_are_fitted_to_a_dictionary(tmp_path):
    """Characters that were known read as before, also in another order."""
    dictionary = dictionary_of([dict(text='水'), dict(text='水')])
    (tmp_path / 'dictionary.txt').write_text('\n'.join(dictionary))
    assert characters_of(tmp_path / 'dictionary.txt') == dictionary
    start = recogniser_start('crnn', tmp_path / 'dictionary.txt')
    state = torch.load(start.fields['load_from'], weights_only=True)['state_dict']
    assert state['decoder.decoder.1.embedding.bias'].shape == (len(dictionary) + 1, )
    known = CheckpointLoader.load_checkpoint(
        'mmocr_kd://crnn_slim-vgg_1k_scenes', 'cpu')['state_dict']
    chars = characters_of(shipped(
        'configs/textspotting/dicts/english_digits_punctuation_space.txt'))
    assert len(chars) == len(known['decoder.decoder.1.embedding.bias']) - 1
    same = fitted(known, chars, chars)
    assert all(torch.equal(same[key], known[key]) for key in known)
    old, new = (weights['decoder.decoder.1.embedding.weight'] for weights in (known, state))
    for char in 'a7Q ?':
        assert torch.equal(new[dictionary.index(char)], old[chars.index(char)])
    assert torch.equal(new[-1], old[-1]) and not new[dictionary.index('水')].any()
    assert recogniser_start('svtr-tiny', tmp_path / 'dictionary.txt').fields == {}


def test_a_capital_that_was_not_known_reads_as_its_small_letter():
    known = CheckpointLoader.load_checkpoint(
        'mmocr_kd://crnn_slim-vgg_1e_embedded-words', 'cpu')['state_dict']
    small = [*(string.digits + string.ascii_lowercase)]
    matrix = fitted(known, small, ['Q', 'q'])['decoder.decoder.1.embedding.weight']
    assert len(matrix) == 3 and torch.equal(matrix[0], matrix[1])
