import json
import os

import lmdb_files
import pytest

from mmocr_kd.datasets.words import lmdb_writer, open_lmdb
from mmocr_kd.datasets.words.lmdb_writer import LmdbWriter


@pytest.fixture(autouse=True)
def small_batches(monkeypatch):
    monkeypatch.setattr(lmdb_writer, '_BATCH', 4)


def value(number):
    return b'%d' % number * 50


def content(path):
    with open_lmdb(path).begin() as transaction:
        return {bytes(key).decode(): bytes(item) for key, item in transaction.cursor()}


def write(path, count, stop=None, **settings):
    """Append records up to ``count``; stop with an error before record ``stop``."""
    with LmdbWriter(path, settings) as writer:
        for number in range(writer.done + 1, count + 1):
            if number == stop:
                raise KeyboardInterrupt
            writer.add(dict(image=value(number), label=b'%d' % number))


def test_records_are_counted_from_one_and_settings_are_kept(tmp_path):
    write(tmp_path / 'a', 6, seed=3)
    found = content(tmp_path / 'a')
    assert found.pop('num-samples') == b'6' and json.loads(found.pop('made-with')) == {'seed': 3}
    assert found == {key: item for number in range(1, 7) for key, item in (
        (f'image-{number:09d}', value(number)), (f'label-{number:09d}', b'%d' % number))}
    assert os.listdir(tmp_path) == ['a'] and os.listdir(tmp_path / 'a') == ['data.mdb']


@pytest.mark.parametrize('stop', [1, 3, 4, 5, 9, 10])
def test_an_interrupted_file_is_continued(tmp_path, stop):
    with pytest.raises(KeyboardInterrupt):
        write(tmp_path / 'a', 10, stop)
    assert os.listdir(tmp_path) == ['a.part']
    with LmdbWriter(tmp_path / 'a', {}) as writer:
        assert writer.done == (stop - 1) // 4 * 4  # whole batches
        for number in range(writer.done + 1, 11):
            writer.add(dict(image=value(number), label=b'%d' % number))
    write(tmp_path / 'b', 10)
    assert content(tmp_path / 'a') == content(tmp_path / 'b')


def test_a_file_that_is_there_is_not_overwritten(tmp_path):
    path = lmdb_files.words(tmp_path / 'a')
    with pytest.raises(FileExistsError, match='delete it'):
        LmdbWriter(path, {})
    assert content(path)['num-samples'] == b'6'


def test_other_settings_are_not_mixed_in(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        write(tmp_path / 'a', 10, 6, seed=1)
    with pytest.raises(FileExistsError, match='"seed": 1.*"seed": 2'):
        write(tmp_path / 'a', 10, seed=2)
    write(tmp_path / 'a', 10, seed=1)
    assert content(tmp_path / 'a')['num-samples'] == b'10'


def test_a_full_map_grows(tmp_path, monkeypatch):
    opened = lmdb_writer.lmdb.open
    with monkeypatch.context() as patch:
        patch.setattr(lmdb_writer.lmdb, 'open', lambda path, map_size: opened(path, 1 << 15))
        write(tmp_path / 'a', 400)
    assert content(tmp_path / 'a')['image-000000400'] == value(400)
