"""Labels find their photos, wherever the other tool thinks they are."""
import json
import re

import cv2
import numpy as np
import pytest
from click.testing import CliRunner

from mmocr_kd.cli import main

POINTS = [[10, 20], [50, 20], [50, 40], [10, 40]]


@pytest.fixture
def photos(tmp_path):
    for name, size in (('a.jpg', (80, 100)), ('one/b.jpg', (60, 90)), ('two/b.jpg', (50, 70))):
        (tmp_path / 'photos' / name).parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(tmp_path / 'photos' / name), np.zeros((*size, 3), np.uint8))
    return tmp_path / 'photos'


def paddle(folder, *paths):
    (folder / 'Label.txt').write_text(''.join(
        f'{path}\t' + json.dumps([dict(transcription='EXIT', points=POINTS)]) + '\n'
        for path in paths))
    return folder / 'Label.txt'


def convert(*arguments):
    return CliRunner().invoke(main, ['convert-labels', *map(str, arguments)])


def test_paths_and_sizes_are_those_of_the_photos(tmp_path, photos):
    labels = paddle(tmp_path, 'C:\\work\\a.jpg', '/elsewhere/two/b.jpg', 'gone.jpg')
    done = convert(labels, tmp_path / 'new' / 'labels.json', '--images', photos)
    assert done.exit_code == 0, done.output
    assert '2 texts on 2 photos, for mmocr' in done.output
    first, second = json.loads((tmp_path / 'new/labels.json').read_text())['data_list']
    assert (first['img_path'], first['width'], first['height']) == ('a.jpg', 100, 80)
    assert (second['img_path'], second['width'], second['height']) == ('two/b.jpg', 70, 50)


@pytest.mark.parametrize('path, message', [
    ('b.jpg', 'may be any of .*one/b.jpg.*two/b.jpg'), ('c.jpg', 'none of the 1 photos')])
def test_what_cannot_be_found_is_named(tmp_path, photos, path, message):
    done = convert(paddle(tmp_path, path), tmp_path / 'out.json', '--images', photos)
    assert done.exit_code == 1 and not (tmp_path / 'out.json').exists()
    assert re.search(message, done.output), done.output


def test_pseudo_labels_go_to_label_studio_and_back(tmp_path, photos):
    mmocr, studio = tmp_path / 'mmocr.json', tmp_path / 'studio.json'
    convert(paddle(tmp_path, 'a.jpg'), mmocr, '--images', photos)
    assert convert(mmocr, studio, '--to', 'label-studio').exit_code == 0
    assert convert(studio, tmp_path / 'again.json').exit_code == 0
    assert json.loads((tmp_path / 'again.json').read_text()) == json.loads(mmocr.read_text())
