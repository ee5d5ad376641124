import json
import os

import numpy as np
import pytest
from mmocr.datasets import OCRDataset

from mmocr_kd.datasets.embedded import writer
from mmocr_kd.datasets.embedded.spec import SceneSpec
from mmocr_kd.datasets.embedded.writer import TASKS, write_split

SPEC = SceneSpec('val', 2, (160, 128), (10, 40), (2, 4))
LOAD = [dict(type='LoadImageFromFile')]


def files(folder):
    return {path.relative_to(folder): path.read_bytes() for path in sorted(folder.rglob('*'))
            if path.is_file()}


@pytest.fixture(scope='module')
def written(tmp_path_factory):
    folder = tmp_path_factory.mktemp('embedded')
    write_split(folder, SPEC, 6)
    return folder


@pytest.mark.parametrize('task', TASKS)
def test_what_is_read_back_equals_what_is_rendered(task, written):
    rendered = TASKS[task](num_images=6, split='val', seed=2, image_size=(160, 128),
                           text_height=(10, 40), num_blocks=(2, 4), pipeline=LOAD)
    stored = OCRDataset(f'{task}_val.json', data_root=str(written), pipeline=LOAD)
    assert len(stored) == len(rendered) > 5
    assert {**stored.metainfo} == {**rendered.metainfo}
    for one, other in zip(stored, rendered, strict=True):
        np.testing.assert_array_equal(one['img'], other['img'])
        assert one['instances'] == other['instances']
        assert one.get('height') == other.get('height')
        assert one['img_path'].startswith(str(written))


def test_layout_is_mmocrs(written):
    top = {path.name for path in written.iterdir()}
    assert top == {'textdet_imgs', 'textrecog_imgs', 'textdet_val.json', 'textrecog_val.json',
                   'textspotting_val.json', 'embedded_val.txt'}
    spotting = json.loads((written / 'textspotting_val.json').read_text())['data_list']
    assert [sample['img_path'] for sample in spotting] == [
        f'textdet_imgs/val/{index:06d}.png' for index in range(6)]


def test_workers_write_the_same_files(written, tmp_path):
    write_split(tmp_path, SPEC, 6, workers=2)
    assert files(tmp_path) == files(written)


def test_an_interrupted_call_goes_on(written, tmp_path, monkeypatch):
    write_png, done = writer._write_png, []

    def interrupted(path, image):
        if len(done) == 7:
            raise KeyboardInterrupt
        done.append(path)
        write_png(path, image)

    monkeypatch.setattr(writer, '_write_png', interrupted)
    with pytest.raises(KeyboardInterrupt):
        write_split(tmp_path, SPEC, 6)
    assert not list(tmp_path.glob('*.json'))
    times = {path: os.stat(path).st_mtime_ns for path in done}
    monkeypatch.setattr(writer, '_write_png', write_png)
    write_split(tmp_path, SPEC, 6)
    assert files(tmp_path) == files(written)
    assert times == {path: os.stat(path).st_mtime_ns for path in done}


def test_a_crash_while_writing_leaves_no_half_file(tmp_path, monkeypatch):
    def crash(self, data):
        with open(self, 'wb') as file:
            file.write(data[:10])
        raise OSError('no space left')

    monkeypatch.setattr('pathlib.Path.write_bytes', crash)
    with pytest.raises(OSError, match='no space left'):
        write_split(tmp_path, SPEC, 2)
    assert not [path for path in files(tmp_path) if path.suffix != '.txt']


def test_two_data_sets_never_mix(written):
    before = files(written)
    with pytest.raises(FileExistsError, match='s2.*s3|holds'):
        write_split(written, SceneSpec('val', 3), 6)
    assert files(written) == before


def test_only_what_was_asked_for(tmp_path):
    assert write_split(tmp_path, SPEC, 2, tasks=['textrecog']) == [tmp_path / 'textrecog_val.json']
    assert not list(tmp_path.glob('textdet_imgs/val/*'))


@pytest.mark.parametrize('fields, error, words', [
    (dict(tasks=['kie']), ValueError, ["'kie'", 'textdet']),
    (dict(workers=0), ValueError, ['workers=0']),
    (dict(num_images=0), ValueError, ['num_images=0']),
])
def test_bad_values_write_nothing(fields, error, words, tmp_path):
    with pytest.raises(error) as caught:
        write_split(tmp_path, SPEC, **dict(dict(num_images=2), **fields))
    assert all(word in str(caught.value) for word in words)
    assert not files(tmp_path)


def test_annotations_of_another_data_set_are_left_alone(tmp_path):
    (tmp_path / 'textdet_train.json').write_text('{"real": 1}')
    with pytest.raises(FileExistsError, match='textdet_train.json exists'):
        write_split(tmp_path, SceneSpec('train'), 1, ['textdet'])
    assert [path.name for path in tmp_path.iterdir()] == ['textdet_train.json']
    assert (tmp_path / 'textdet_train.json').read_text() == '{"real": 1}'
