import lmdb_files
import numpy as np
import pytest
from mmocr.registry import DATASETS

from mmocr_kd.datasets.words import lmdb_writer
from mmocr_kd.datasets.words.write_words import write_words

PIPELINE = [dict(type='SynthesizeLR', scale=1),
            dict(type='PairedResize', lr_scale=(32, 8), hr_scale=(64, 16)),
            dict(type='TextDegradation', prob=0.5, seed_by_image=True)]


def build(kind, path, **fields):
    return DATASETS.build(dict(type=kind, ann_file=str(path), test_mode=True, **fields))


@pytest.fixture
def pairs(tmp_path):
    words = lmdb_files.words(tmp_path / 'words')
    return build('CheckedRecogLMDBDataset', words, pipeline=PIPELINE)


def test_pairs_read_back_as_they_were_made(pairs, tmp_path):
    written = build('TextZoomDataset', write_words(pairs, tmp_path / 'out', 'textzoom', {}))
    assert len(written) == len(pairs) == 6
    for index in (5, 0, 3):
        for key in ('img', 'hr_img'):
            np.testing.assert_array_equal(written[index][key], pairs[index][key])
        assert written[index]['instances'] == pairs[index]['instances']


def test_small_images_alone_read_back(pairs, tmp_path, capsys):
    path = write_words(pairs, tmp_path / 'out', 'words', {})
    written = build('CheckedRecogLMDBDataset', path)
    np.testing.assert_array_equal(written[2]['img'], pairs[2]['img'])
    assert written[2]['img_shape'] == (8, 32) and '6/6' in capsys.readouterr().out


def test_grey_words_stay_grey(tmp_path):
    words = build('CheckedRecogLMDBDataset', lmdb_files.words(tmp_path / 'words'),
                  img_color_type='grayscale', pipeline=PIPELINE)
    path = write_words(words, tmp_path / 'out', 'textzoom', {})
    written = build('TextZoomDataset', path, img_color_type='grayscale')
    np.testing.assert_array_equal(written[4]['hr_img'], words[4]['hr_img'])


def test_an_interrupted_call_goes_on(pairs, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(lmdb_writer, '_BATCH', 2)
    read = type(pairs).__getitem__

    def stopping(self, index):
        if index == 5:
            raise KeyboardInterrupt
        return read(self, index)

    monkeypatch.setattr(type(pairs), '__getitem__', stopping)
    with pytest.raises(KeyboardInterrupt):
        write_words(pairs, tmp_path / 'out', 'textzoom', {})
    monkeypatch.setattr(type(pairs), '__getitem__', read)
    capsys.readouterr()
    written = build('TextZoomDataset', write_words(pairs, tmp_path / 'out', 'textzoom', {}))
    assert '5/6' in (said := capsys.readouterr().out) and '4/6' not in said
    np.testing.assert_array_equal(written[5]['img'], pairs[5]['img'])


def test_unknown_layouts_are_named(pairs, tmp_path):
    with pytest.raises(ValueError, match="layout='json'"):
        write_words(pairs, tmp_path / 'out', 'json', {})
