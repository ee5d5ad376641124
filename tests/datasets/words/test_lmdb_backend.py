import lmdb_files
import numpy as np
import pytest
from mmengine import fileio
from mmocr.registry import DATASETS

from mmocr_kd.datasets.words import LmdbError
from mmocr_kd.datasets.words.backend import record_path


@pytest.fixture
def path(tmp_path):
    return lmdb_files.words(tmp_path / 'words.lmdb')


def test_records_are_files(path):
    assert fileio.get(record_path(path, 'image-000000002')) == lmdb_files.png(lmdb_files.image(2))
    assert fileio.get_text(record_path(path, 'label-000000002')) == 'Two'


def test_a_pipeline_for_files_reads_the_same_images(path):
    embedded = {'type': 'EmbeddedTextRecogDataset', 'num_images': 1}
    words = {'type': 'CheckedRecogLMDBDataset', 'ann_file': str(path)}
    both = DATASETS.build({
        'type': 'ConcatDataset', 'datasets': [words, embedded],
        'pipeline': [{'type': 'LoadImageFromFile'},
                     {'type': 'LoadOCRAnnotations', 'with_text': True}]})
    assert both[1]['gt_texts'] == ['Two'] and both[6]['img'].ndim == 3
    np.testing.assert_array_equal(both[1]['img'], lmdb_files.image(2))


def test_what_is_missing_is_named(path):
    with pytest.raises(FileNotFoundError, match="words.lmdb' has no key 'image-000000099'"):
        fileio.get(record_path(path, 'image-000000099'))
    with pytest.raises(LmdbError, match='nothing'):
        fileio.get(record_path(path.with_name('nothing'), 'label-000000001'))
