import warnings

import numpy as np
import pytest
from PIL import Image

from mmocr_kd.datasets.preparers.annotation_file import check_image, read_lines, to_numbers


@pytest.mark.parametrize('content', [
    b'1 2\n3 4\n', b'1 2\r\n3 4\r\n', b'1 2\r3 4', b'\xef\xbb\xbf1 2\n3 4',
    b'\n\n 1 2\t\n\n3 4\n\n'])
def test_line_ends_byte_order_marks_and_blank_lines_do_not_matter(content, tmp_path):
    path = tmp_path / 'a.gt'
    path.write_bytes(content)
    assert [line.text for line in read_lines(path)] == ['1 2', '3 4']


def test_places_name_the_file_and_count_blank_lines(tmp_path):
    path = tmp_path / 'a.gt'
    path.write_bytes(b'\r\n1\r\n\r\n2')
    assert [line.place for line in read_lines(path)] == [f'{path}, line 2', f'{path}, line 4']


def test_unicode_line_separators_within_a_text_do_not_split_it(tmp_path):
    path = tmp_path / 'a.txt'
    path.write_text('1,a\u2028b\x0bc\n', encoding='utf-8')
    assert [line.text for line in read_lines(path)] == ['1,a\u2028b\x0bc']


@pytest.mark.parametrize('encoding', ['utf-8', 'utf-8-sig', 'gbk', 'gb18030'])
def test_encodings_are_tried_in_turn(encoding, tmp_path):
    path = tmp_path / 'a.txt'
    path.write_text('1,中国科学院\n', encoding=encoding)
    assert [line.text for line in read_lines(path, ('utf-8-sig', 'gb18030'))] == ['1,中国科学院']


def test_no_encoding_fits(tmp_path):
    path = tmp_path / 'a.txt'
    path.write_bytes(b'\xff\xff')
    with pytest.raises(ValueError, match=r'a\.txt.*utf-8-sig'):
        list(read_lines(path))


@pytest.mark.parametrize('values', [['1', 'x'], ['nan'], ['inf'], ['']])
def test_what_is_no_number_is_named(values, tmp_path):
    path = tmp_path / 'a.gt'
    path.write_text(' '.join(['0', *values]))
    line = next(read_lines(path))
    with pytest.raises(ValueError, match=r"a\.gt, line 1: expected 'x y'"):
        to_numbers(line, values, 'x y')


def test_images_are_checked(tmp_path):
    good, broken = tmp_path / 'good.jpg', tmp_path / 'broken.jpg'
    Image.fromarray(np.zeros((4, 4, 3), np.uint8)).save(good)
    broken.write_bytes(b'no image')
    with warnings.catch_warnings():
        warnings.simplefilter('error')
        check_image(good)
    with pytest.raises(ValueError, match=r'broken\.jpg is no readable image'):
        check_image(broken)
    with pytest.raises(FileNotFoundError):
        check_image(tmp_path / 'missing.jpg')


@pytest.mark.parametrize('kind', ['jpg', 'png', 'bmp', 'gif', 'webp', 'tif'])
@pytest.mark.parametrize('share', [0, 0.5, 0.95])
def test_images_that_are_cut_off_are_named(kind, share, tmp_path):
    path = tmp_path / f'cut.{kind}'
    noise = np.random.default_rng(0).integers(0, 255, (60, 90, 3), dtype=np.uint8)
    Image.fromarray(noise).save(path)
    path.write_bytes(path.read_bytes()[:int(share * path.stat().st_size)])
    with pytest.raises(ValueError, match=rf'cut\.{kind} is no readable image, or is cut off'):
        check_image(path)


def test_rotated_storage_is_pointed_out(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(np.zeros((4, 8, 3), np.uint8)).save(tmp_path / 'a.jpg', exif=exif)
    with pytest.warns(UserWarning, match=r'a\.jpg has EXIF orientation 6'):
        check_image(tmp_path / 'a.jpg')
