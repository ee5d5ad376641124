import cv2
import numpy as np
import pytest
from mmocr.registry import DATA_PARSERS


@pytest.fixture
def parse(tmp_path):
    image, note = tmp_path / 'PAL00003.jpg', tmp_path / 'PAL00003.txt'
    cv2.imwrite(str(image), np.zeros((60, 80, 3), np.uint8))

    def parse(content, **fields):
        note.write_bytes(content if isinstance(content, bytes) else content.encode())
        parser = DATA_PARSERS.build(
            dict(type='QuadTxtAnnParser', split='train', nproc=1, **fields))
        return parser.parse_file(str(image), str(note))[1]

    return parse


def test_texts_hold_commas_and_marks_are_ignored(parse):
    assert parse('1,2,30,2,30,12,1,12,中国, 科学院,\n5,5,9,5,9,9,5,9,###\n') == [
        dict(poly=[1, 2, 30, 2, 30, 12, 1, 12], ignore=False, text='中国, 科学院,'),
        dict(poly=[5, 5, 9, 5, 9, 9, 5, 9], ignore=True, text='###')]


def test_gbk_files_give_the_same_texts(parse):
    line = '1,2,30,2,30,12,1,12,中国科学院\r\n'
    assert parse(line.encode('gbk')) == parse(line.encode('utf-8-sig')) == parse(line)


def test_corners_in_any_order_become_clockwise(parse):
    expected = [1, 2, 30, 2, 30, 12, 1, 12]
    for corners in ('1,2,30,2,30,12,1,12', '1,2,1,12,30,12,30,2', '1,2,30,12,30,2,1,12'):
        assert parse(corners + ',a')[0]['poly'] == expected


def test_db_archive_marks_difficult_lines_with_1(parse):
    instances = parse('1,2,30,2,30,12,1,12,0\n1,2,30,2,30,12,1,12,1\n', ignore=['1', '###'])
    assert [instance['ignore'] for instance in instances] == [False, True]


def test_a_missing_text_and_decimals_are_fine(parse):
    assert parse('1.5,2,30,2,30,12,1,12') == [
        dict(poly=[1.5, 2, 30, 2, 30, 12, 1, 12], ignore=False, text='')]


@pytest.mark.parametrize('line', [
    '1,2,3,4,5,6,7', '1,2,30,2,30,12,1,b,a', 'x', '1 2 3 4 5 6 7 8 a'])
def test_a_malformed_line_is_named(parse, line):
    with pytest.raises(ValueError) as caught:
        parse(f'1,2,30,2,30,12,1,12,a\n{line}\n')
    assert 'PAL00003.txt, line 2' in str(caught.value) and line in str(caught.value)


def test_a_quad_without_area_is_left_out(parse):
    with pytest.warns(UserWarning, match='PAL00003.txt, line 1'):
        assert parse('1,2,1,2,1,2,1,2,a\n') == []


QUAD = '1,2,30,2,30,12,1,12'


@pytest.mark.parametrize('behind', [
    '5,20,5,9,5,1,hello', '5,20,hello', '5,20,5,9', '5,20,5', ' 5 , 20.5 ,###', '-5,20,a,b'])
def test_polygons_of_more_points_are_refused(parse, behind):
    with pytest.raises(ValueError, match='line 1.*more than four points.*check_columns=False'):
        parse(f'{QUAD},{behind}')
    assert parse(f'{QUAD},{behind}', check_columns=False)[0]['text'] == behind.strip()


@pytest.mark.parametrize('text', [
    '1', '2026', '1,250', '12,000,000', '0571-88,20', '13800138000,13900139000', '5, please', ',',
    '1,a', 'a,1,2', '#,##'])
def test_texts_with_numbers_and_commas_are_texts(parse, text):
    assert parse(f'{QUAD},{text}') == [dict(poly=[1, 2, 30, 2, 30, 12, 1, 12], ignore=False,
                                            text=text)]


def test_a_language_column_does_not_hide_the_mark(parse):
    for mark in ('###', ' ###'):
        with pytest.raises(ValueError, match=r"columns=\['language', 'text'\]"):
            parse(f'{QUAD},Latin,{mark}')
    columns = dict(columns=['language', 'text'])
    assert [(word['text'], word['ignore']) for word in parse(
        f'{QUAD},Latin,a,b\n{QUAD},None,###\n{QUAD},Latin,', **columns)] == [
            ('a,b', False), ('###', True), ('', False)]
    assert parse(f'{QUAD},###,0', columns=['text', 'difficult'])[0]['ignore']
    with pytest.raises(ValueError, match='x4,y4,language,text'):
        parse(f'{QUAD},Latin', **columns)


@pytest.mark.parametrize('columns', ['text', [], ['language'], ['text', 'text']])
def test_bad_columns_are_named(parse, columns):
    with pytest.raises(ValueError, match='columns='):
        parse('', columns=columns)


@pytest.mark.parametrize('content', ['', '\ufeff', '\r\n\r\n', ' \n'])
def test_an_empty_file_is_an_image_without_text(parse, content):
    assert parse(content) == []


def test_byte_order_marks_and_windows_line_ends_do_not_matter(parse):
    assert parse(f'\ufeff{QUAD},a\r\n{QUAD},###\r\n') == parse(f'{QUAD},a\n{QUAD},###')
