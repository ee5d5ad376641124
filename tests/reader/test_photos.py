"""Photos as files."""
import cv2
import numpy as np
import pytest
from PIL import Image

from mmocr_kd.reader import Text
from mmocr_kd.reader.photos import draw, find, load, save_drawing


@pytest.fixture
def photo(tmp_path):
    image = np.zeros((20, 40, 3), np.uint8)
    image[:10, :, 2] = 255  # the upper half is red
    cv2.imwrite(str(tmp_path / 'photo.png'), image)
    return tmp_path / 'photo.png'


def test_finds_files_folders_and_patterns(photo, tmp_path):
    deep = tmp_path / 'deep/er'
    deep.mkdir(parents=True)
    for name in ('b.JPG', 'a.jpeg', 'notes.txt'):
        (deep / name).write_bytes(b'')
    inside = [str(deep / 'a.jpeg'), str(deep / 'b.JPG')]
    assert list(find([str(photo), str(tmp_path / 'deep')])) == [str(photo), *inside]
    assert list(find([str(tmp_path / '**/*.jp*g')])) == inside[:1]
    absent = ['gone.png', str(tmp_path / '*.gif')]
    assert list(find(absent)) == absent


def test_a_file_may_be_named_like_a_pattern(photo):
    odd = photo.rename(photo.with_name('photo[1].png'))
    assert list(find([str(odd)])) == [str(odd)]


@pytest.mark.parametrize('orientation, shape', [(1, (20, 40)), (3, (20, 40)), (6, (40, 20)),
                                                (8, (40, 20))])
def test_turns_photos_as_exif_says(photo, orientation, shape):
    exif = Image.Exif()
    exif[0x0112] = orientation
    turned = photo.with_suffix('.jpg')
    Image.open(photo).save(turned, exif=exif, quality=95)
    seen = load(str(turned))
    assert seen.shape[:2] == shape
    red = {1: seen[2:8], 3: seen[12:18], 6: seen[:, 12:18], 8: seen[:, 2:8]}[orientation]
    assert red[..., 2].min() > 200 and red[..., :2].max() < 60


@pytest.mark.parametrize('content, words', [
    (None, 'No such file'), (b'', 'no image'), (b'text', 'no image'),
    (b'\x89PNG\r\n\x1a\n', 'no image')])
def test_what_is_no_image_is_said_to_be_none(tmp_path, content, words):
    path = tmp_path / 'odd.png'
    if content is not None:
        path.write_bytes(content)
    with pytest.raises((OSError, ValueError), match=words):
        load(str(path))


def test_a_folder_without_photos(tmp_path):
    with pytest.raises(OSError, match='holds no photos'):
        load(*find([str(tmp_path)]))


def test_a_photo_with_alpha_or_16_bits_is_read_as_others(tmp_path):
    for name, image in (('alpha.png', np.full((4, 5, 4), 99, np.uint8)),
                        ('deep.png', np.full((4, 5), 99 * 257, np.uint16))):
        cv2.imwrite(str(tmp_path / name), image)
        np.testing.assert_array_equal(load(str(tmp_path / name)), np.full((4, 5, 3), 99))


def test_drawings_replace_nothing(photo, tmp_path):
    text = Text(np.array([[2, 2], [30, 2], [30, 15], [2, 15]], float), .9, 'Grün', .8)
    before = load(str(photo))
    drawing = draw(before, [text, Text(text='whole', text_score=.5)])
    assert (drawing != before).any() and (before == load(str(photo))).all()
    names = [save_drawing(drawing, str(photo), str(tmp_path)) for _ in range(2)]
    assert names == [str(tmp_path / 'photo.read.jpg'), str(tmp_path / 'photo.read-2.jpg')]
    assert load(names[1]).shape == before.shape
