import pytest

from mmocr_kd.evaluation.lexicon_corrector import LexiconCorrector


@pytest.fixture
def folder(tmp_path):
    (tmp_path / 'voc_img_1.txt').write_text('HOTEL\nMOTEL\n')
    (tmp_path / 'voc_img_2.txt').write_text('CAFE\n')
    (tmp_path / 'pair_img_1.txt').write_text('HOTEL Hotel!\nMOTEL Motel\n')
    (tmp_path / 'all.txt').write_text('HOTEL\nMOTEL\nCAFE\n')
    return tmp_path


def test_each_image_has_its_own_list(folder):
    strong = LexiconCorrector(f'{folder}/voc_{{stem}}.txt')
    assert strong.correct('set/img_1.jpg', ['hote', 'cafe']) == ['HOTEL', 'HOTEL']
    assert strong.correct('other/img_2.png', ['hote']) == ['CAFE']
    assert strong.correct('set/img_1.jpg', ['otel']) == ['HOTEL']
    assert strong.per_image


def test_names_with_suffix(folder):
    (folder / 'img_1.jpg.txt').write_text('BAR\n')
    assert LexiconCorrector(f'{folder}/{{name}}.txt').correct('a/img_1.jpg', ['x']) == ['BAR']


def test_pairs_for_each_image(folder):
    strong = LexiconCorrector(f'{folder}/voc_{{stem}}.txt', pairs=f'{folder}/pair_{{stem}}.txt')
    assert strong.correct('img_1.jpg', ['HOTEL']) == ['Hotel!']


def test_one_list_for_all_is_read_once(folder):
    weak = LexiconCorrector(f'{folder}/all.txt')
    (folder / 'all.txt').unlink()
    assert weak.correct('a.jpg', ['cate']) == weak.correct('b.jpg', ['cate']) == ['CAFE']


@pytest.mark.parametrize('too_far, left', [('drop', None), ('keep', 'bar')])
def test_what_is_too_far(folder, too_far, left):
    weak = LexiconCorrector(f'{folder}/all.txt', max_distance=1.5, too_far=too_far)
    assert weak.correct('a.jpg', ['cafes', 'bar', '']) == ['CAFE', left, '']
    exact = LexiconCorrector(f'{folder}/all.txt', max_distance=0, too_far=too_far)
    assert exact.correct('a.jpg', ['cafe', 'bar']) == ['CAFE', left]


def test_weights_decide(folder):
    weak = LexiconCorrector(f'{folder}/all.txt', weighted=True, max_distance=.3)
    sure, unsure = [1.] * 5, [.2, 1, 1, 1, 1]
    assert weak.correct('a', ['NOTEL', 'NOTEL'], [unsure, sure]) == ['HOTEL', None]


def test_weights_that_do_not_fit(folder):
    weak = LexiconCorrector(f'{folder}/all.txt', weighted=True)
    with pytest.raises(ValueError, match=r'weighted=True needs pred_instances.char_scores'):
        weak.correct('a', ['bar'])
    with pytest.raises(ValueError, match=r"\[1\] are 1 confidences for the 3 characters of 'bar'"):
        weak.correct('a', ['bar'], [[1]])
    assert weak.correct('a', []) == []


def test_a_missing_list_for_all_is_found_at_once(tmp_path):
    with pytest.raises(FileNotFoundError, match='nowhere.txt is missing'):
        LexiconCorrector(f'{tmp_path}/nowhere.txt')


def test_a_missing_list_for_an_image_is_named(folder):
    strong = LexiconCorrector(f'{folder}/voc_{{stem}}.txt')
    with pytest.raises(FileNotFoundError, match='voc_img_3.txt is missing'):
        strong.correct('img_3.jpg', ['bar'])


@pytest.mark.parametrize('fields, message', [
    ({'too_far': 'lose'}, "too_far='lose' is unknown"),
    ({'max_distance': -1}, 'max_distance=-1 must be >= 0'),
    ({'max_distance': float('nan')}, 'max_distance=nan')])
def test_impossible_fields(folder, fields, message):
    with pytest.raises(ValueError, match=message):
        LexiconCorrector(f'{folder}/all.txt', **fields)
