"""Labels of other tools, as these tools write them."""
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mmocr.datasets import OCRDataset

from mmocr_kd.datasets.label_files import (
    KINDS,
    LabelledPhoto,
    Text,
    read_labels,
    write_labels,
)

QUAD = [10., 20., 50., 20., 50., 40., 10., 40.]
NUMBERS = st.integers(0, 9999).map(lambda value: value / 10)
TEXTS = st.builds(
    Text, st.lists(NUMBERS, min_size=6, max_size=16).map(lambda values: values[:len(values) // 2
                                                                                 * 2]),
    st.none() | st.text(st.characters(exclude_categories=['Cs']), min_size=1), st.booleans())
SIDES = st.integers(1, 2000)
PHOTOS = st.builds(
    LabelledPhoto, st.from_regex(r'[a-z]{1,5}(/[a-zé ]{1,5})?\.jpg', fullmatch=True),
    st.tuples(SIDES, SIDES), st.lists(TEXTS, max_size=4))


def read(tmp_path, content, kind=None):
    path = tmp_path / 'labels'
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding='utf-8')
    return read_labels(str(path), kind)


@pytest.mark.parametrize('kind', KINDS)
@given(photos=st.lists(PHOTOS, min_size=1, max_size=4))
def test_what_was_written_is_read(tmp_path_factory, kind, photos):
    found = read(tmp_path_factory.mktemp('labels'), write_labels(photos, kind))
    assert [photo.path for photo in found] == [photo.path for photo in photos]
    for photo, wanted in zip(found, photos):
        assert len(photo.texts) == len(wanted.texts)
        has_size = kind != 'paddleocr' and (kind != 'label-studio' or photo.texts)
        assert photo.size == (wanted.size if has_size else None)
        for text, other in zip(photo.texts, wanted.texts):
            np.testing.assert_allclose(text.polygon, other.polygon, atol=.02)
            assert text.ignore == (other.ignore or (kind == 'paddleocr' and other.text in
                                                    ('###', '*')))
            if kind != 'paddleocr':
                assert text.text == other.text


def test_paddleocr(tmp_path):
    lines = ('train/a b.jpg\t[{"transcription": "Ausgang", "points": [[10, 20], [50, 20], '
             '[50, 40], [10, 40]], "difficult": false}, {"transcription": "###", "points": '
             '[[1, 2], [3, 2], [3, 4], [1, 4]]}]\r\n\r\ntrain/b.jpg\t[]\r\n')
    first, second = read(tmp_path, lines)
    assert first == LabelledPhoto('train/a b.jpg', None, [
        Text(QUAD, 'Ausgang'), Text([1, 2, 3, 2, 3, 4, 1, 4], None, True)])
    assert second.texts == []
    with pytest.raises(ValueError, match='line 2: expected "<photo><tab><JSON>"'):
        read(tmp_path, 'a.jpg\t[]\nb.jpg []')


def test_coco_and_those_who_write_texts_into_it(tmp_path):
    photo, = read(tmp_path, dict(
        images=[dict(id=7, file_name='a.jpg', width=100, height=80)], categories=[], annotations=[
            dict(image_id=7, bbox=[10, 20, 40, 20], segmentation=[], attributes=dict(text='CVAT')),
            dict(image_id=7, bbox=[10, 20, 40, 20], segmentation=[QUAD], utf8_string='COCO-Text'),
            dict(image_id=7, bbox=[10, 20, 40, 20], segmentation=dict(counts='x'), iscrowd=1)]))
    assert photo == LabelledPhoto('a.jpg', (100, 80), [
        Text(QUAD, 'CVAT'), Text(QUAD, 'COCO-Text'), Text(QUAD, None, True)])
    with pytest.raises(ValueError, match='annotation 0 is of image_id=8'):
        read(tmp_path, dict(images=[], annotations=[dict(image_id=8, bbox=[1, 1, 1, 1])]))


def region(kind, value, id='x', **fields):
    return dict(id=id, type=kind, value=value, original_width=200, original_height=100, **fields)


def test_label_studio_exports(tmp_path):
    """Regions in percent; a rectangle is turned around its top left, in pixels."""
    result = [
        region('rectangle', dict(x=5, y=20, width=20, height=20, rotation=0)),
        region('textarea', dict(x=5, y=20, width=20, height=20, text=['EXIT', 'B'])),
        region('rectangle', dict(x=50, y=20, width=20, height=10, rotation=90), id='y'),
        region('polygonlabels', dict(points=[[5, 20], [25, 20], [25, 40]],
                                     polygonlabels=['Ignored']), id='z'),
        region('choices', dict(choices=['blurred']), id='w')]
    task = dict(data=dict(ocr='/data/upload/3/0a1b2c3d-photo%201.jpg'),
                annotations=[dict(was_cancelled=True, result=[]), dict(result=result)])
    local = dict(data=dict(image='/data/local-files/?d=street/b.jpg'), annotations=[],
                 predictions=[dict(result=result[:1])])
    first, second = read(tmp_path, [task, local])
    assert first.path == 'photo 1.jpg' and first.size == (200, 100)
    assert first.texts[0] == Text(QUAD, 'EXIT B')
    # 40 pixels to the right become 40 downwards, 10 downwards 10 to the left.
    assert first.texts[1] == Text([100, 20, 100, 60, 90, 60, 90, 20], None)
    assert first.texts[2] == Text([10, 20, 50, 20, 50, 40], None, True) and len(first.texts) == 3
    assert second == LabelledPhoto('street/b.jpg', (200, 100), [Text(QUAD, None)])


def test_mmocr_reads_what_is_written(tmp_path):
    (tmp_path / 'labels.json').write_text(write_labels(
        [LabelledPhoto('a.jpg', (100, 80), [Text(QUAD, 'EXIT'), Text(QUAD, None, True)])], 'mmocr'))
    dataset = OCRDataset(ann_file=str(tmp_path / 'labels.json'), pipeline=[])
    first, second = dataset[0]['instances']
    assert first['bbox'] == [10, 20, 50, 40] and first['text'] == 'EXIT' and not first['ignore']
    assert second['ignore'] and 'text' not in second


@pytest.mark.parametrize('content', ['', 'hello', '{"a": 1}', '[1]', '[{"a": 1}]'])
def test_other_files_are_refused(tmp_path, content):
    with pytest.raises(ValueError, match='paddleocr, coco, label-studio'):
        read(tmp_path, content)


@pytest.mark.parametrize('kind, content', [
    ('mmocr', {'data_list': [{}]}), ('coco', {'images': [{}]}), ('coco', {'images': 3}),
    ('label-studio', [{'data': {'x': 1}}]), ('paddleocr', 'a\t[1]')])
def test_broken_files_are_named(tmp_path, kind, content):
    with pytest.raises(ValueError, match=f'labels. cannot be read as labels of {kind}'):
        read(tmp_path, content, kind)


def test_sizes_are_needed():
    for kind in set(KINDS) - {'paddleocr'}:
        with pytest.raises(ValueError, match='a.jpg. is not in the file'):
            write_labels([LabelledPhoto('a.jpg', None, [Text(QUAD)])], kind)
