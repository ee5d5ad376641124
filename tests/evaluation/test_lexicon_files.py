import pytest

from mmocr_kd.evaluation.lexicon_files import read_lexicon, read_pairs, read_words


@pytest.mark.parametrize('content', [
    'Hotel\nCAFÉ\n', '\ufeffHotel\r\nCAFÉ\r\n', '\n  Hotel \n\nCAFÉ'])
def test_words_line_by_line(tmp_path, content):
    path = tmp_path / 'voc_img_1.txt'
    path.write_bytes(content.encode())
    assert read_words(path) == ['Hotel', 'CAFÉ']


def test_a_word_may_hold_a_space_where_others_do_not(tmp_path):
    path = tmp_path / 'weak_voc_new.txt'
    path.write_text('Hotel\nNew York\n')
    assert read_words(path) == ['Hotel', 'New York']


@pytest.mark.parametrize('content, message', [
    (b'', 'has no word'), (b' \n\r\n', 'has no word'), (b'\xff\xfeH\x00', r'not UTF-8 \(byte 0\)'),
    (b'hotel\t12\n', r"line 'hotel\\t12': expected one word per line"),
    (b'a\x00b\n', 'control characters'),
    (b"DONT Don't\nSTOP stop\n", 'several words in each line.*belongs into "pairs"')])
def test_what_is_no_list(tmp_path, content, message):
    path = tmp_path / 'words.txt'
    path.write_bytes(content)
    with pytest.raises(ValueError, match=message) as error:
        read_words(path)
    assert str(path) in str(error.value)


@pytest.mark.parametrize('name', ['missing.txt', '.'])
def test_a_missing_file_is_named(tmp_path, name):
    with pytest.raises(FileNotFoundError, match='is missing: download the lexicons'):
        read_words(tmp_path / name)


def test_pairs(tmp_path):
    path = tmp_path / 'pair_voc_img_1.txt'
    path.write_text("dont Don't\nSTOP stop!\nNY New York\nSTOP Stop\n")
    assert read_pairs(path) == {'DONT': "Don't", 'STOP': 'Stop', 'NY': 'New York'}
    path.write_text('STOP\n')
    with pytest.raises(ValueError, match="the line 'STOP': expected a word, a space"):
        read_pairs(path)


def test_words_and_pairs_must_belong_together(tmp_path):
    words, pairs = tmp_path / 'words.txt', tmp_path / 'pairs.txt'
    words.write_text('Stop\nDONT\n')
    pairs.write_text('STOP stop!\n')
    with pytest.raises(ValueError, match="no pair for 1 words .* the first is 'DONT'"):
        read_lexicon(words, pairs)
    pairs.write_text("STOP stop!\nDONT Don't\n")
    assert read_lexicon(words, pairs).written == ['stop!', "Don't"]
    assert read_lexicon(words).written == ['Stop', 'DONT']
