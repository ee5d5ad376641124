import importlib.util

import numpy as np
import pytest
from PIL import Image

from mmocr_kd.datasets.embedded import assets
from mmocr_kd.datasets.embedded.assets import FACES, PHOTOS, load_font, load_photo, package_folder

ALL = [photo for photos in PHOTOS.values() for photo in photos]


@pytest.mark.parametrize('photo', ALL, ids=lambda photo: photo.path)
def test_every_photo_ships_with_its_wheel(photo):
    image = load_photo(photo)
    assert image.dtype == np.uint8 and image.ndim == 3 and image.shape[2] == 3
    assert min(image.shape[:2]) >= 250
    assert image.std() > 3
    assert load_photo(photo) is image and not image.flags.writeable


def test_no_photo_serves_two_splits():
    files = {split: {photo[:2] for photo in photos} for split, photos in PHOTOS.items()}
    assert set(files) == {'train', 'val', 'test'}
    assert not files['train'] & files['val'] and not files['train'] & files['test']
    assert not files['val'] & files['test']


def test_boxes_lie_within_their_photos():
    for photo in ALL:
        with Image.open(package_folder(photo.package) / photo.path) as file:
            left, top, right, bottom = photo.box or (0, 0, *file.size)
            assert 0 <= left < right <= file.width and 0 <= top < bottom <= file.height


def test_photos_are_bgr():
    sky = load_photo(next(photo for photo in ALL if 'rocket' in photo.path))[:50].mean((0, 1))
    assert sky[0] > 1.5 * sky[2]


@pytest.mark.parametrize('face', FACES)
def test_every_face_has_every_printable_character(face):
    font = load_font(face, 40)
    missing = font.getmask('\u0378').getbbox(), bytes(font.getmask('\u0378'))
    for code in range(33, 127):
        mask = font.getmask(chr(code))
        assert mask.getbbox() is not None, chr(code)
        assert (mask.getbbox(), bytes(mask)) != missing, chr(code)


def test_a_missing_package_is_an_error_that_says_how_to_get_it(monkeypatch):
    monkeypatch.setattr(importlib.util, 'find_spec', lambda name: None)
    with pytest.raises(ImportError, match=r"pip install 'mmocr_kd\[embedded\]'") as caught:
        package_folder('skimage')
    assert 'skimage' in str(caught.value)


def test_a_wheel_without_the_file_is_an_error():
    with pytest.raises(ImportError, match='nothing.png is missing') as caught:
        load_photo(assets.Photo('skimage', 'data/nothing.png'))
    assert 'mmocr_kd[embedded]' in str(caught.value)
