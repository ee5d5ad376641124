import multiprocessing
import pickle
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import lmdb
import lmdb_files
import pytest
from mmocr.registry import DATASETS

from mmocr_kd.datasets.words import LmdbError, open_lmdb

WORKERS = pytest.mark.parametrize('method', [
    'fork', pytest.param('spawn', marks=pytest.mark.slow)])


@pytest.fixture
def path(tmp_path):
    return lmdb_files.words(tmp_path / 'words.lmdb')


def read(file, key=b'label-000000001'):
    with file.begin() as transaction:
        return bytes(transaction.get(key))


def send(file, connection):
    connection.send(read(file))


def test_a_process_opens_a_file_once(path, tmp_path):
    file = open_lmdb(path)
    (tmp_path / 'link').symlink_to(path)
    assert open_lmdb(str(path)) is open_lmdb(tmp_path / 'link') is file
    assert pickle.loads(pickle.dumps(file)) is file
    assert read(file) == b'one'


def test_a_closed_file_opens_again(path):
    file = open_lmdb(path)
    assert read(file) == b'one'
    file.close()
    assert read(file) == b'one'


def test_a_released_file_is_forgotten(path):
    """Otherwise a file that was written anew could not be read in the same process."""
    assert read(open_lmdb(path)) == b'one'
    lmdb_files.words(path, ['other'])
    assert read(open_lmdb(path)) == b'other'


@WORKERS
def test_other_processes_read_what_was_open(path, method):
    file = open_lmdb(path)
    read(file)
    context = multiprocessing.get_context(method)
    here, there = context.Pipe(duplex=False)
    process = context.Process(target=send, args=(file, there))
    process.start()
    assert here.poll(100) and here.recv() == b'one'
    process.join()
    assert read(file) == b'one'


def in_threads(job, number=16):
    """What a job returns in threads that start it at once."""
    start = threading.Barrier(number)

    def run(_):
        start.wait()
        return job()

    with ThreadPoolExecutor(number) as pool:
        return list(pool.map(run, range(number)))


def test_threads_open_a_file_once(path, monkeypatch):
    opened = lmdb.open

    def slowly(*args, **fields):
        time.sleep(0.05)  # long enough for all threads to find the file not yet open
        return opened(*args, **fields)

    monkeypatch.setattr(lmdb, 'open', slowly)
    files = in_threads(lambda: open_lmdb(path))
    assert len({id(file) for file in files}) == 1
    assert in_threads(lambda: read(open_lmdb(path))) == [b'one'] * 16


def test_two_data_sets_are_read_by_threads(path):
    datasets = [DATASETS.build(dict(type='CheckedRecogLMDBDataset', ann_file=str(path)))
                for _ in range(2)]
    datasets[0].close()
    images = in_threads(lambda: [dataset[i]['img'].sum() for dataset in datasets
                                 for i in range(6)])
    assert images == [[lmdb_files.image(i).sum() for i in range(1, 7)] * 2] * 16


def test_a_fork_while_another_thread_opens_does_not_hang(path, monkeypatch):
    file, opened, opening = open_lmdb(path), lmdb.open, threading.Event()

    def slowly(*args, **fields):
        opening.set()
        time.sleep(0.5)
        return opened(*args, **fields)

    monkeypatch.setattr(lmdb, 'open', slowly)
    with ThreadPoolExecutor(1) as pool:
        reading = pool.submit(read, file)
        opening.wait()
        context = multiprocessing.get_context('fork')
        here, there = context.Pipe(duplex=False)
        process = context.Process(target=send, args=(file, there))
        process.start()
        assert here.poll(300) and here.recv() == b'one'
        process.join()
        assert reading.result() == b'one'


def test_a_file_that_mmocr_has_open_is_explained(path):
    theirs = DATASETS.build(dict(type='RecogLMDBDataset', ann_file=str(path)))
    with pytest.raises(LmdbError, match='words.lmdb.*RecogLMDBDataset.*CheckedRecogLMDBDataset'):
        read(open_lmdb(path))
    theirs.close()
    assert read(open_lmdb(path)) == b'one'


def test_a_file_that_we_closed_can_be_opened_by_mmocr(path):
    ours = DATASETS.build(dict(type='CheckedRecogLMDBDataset', ann_file=str(path)))
    ours.close()
    assert len(DATASETS.build(dict(type='RecogLMDBDataset', ann_file=str(path)))) == 6


def test_the_file_itself_may_be_named(path):
    assert read(open_lmdb(path / 'data.mdb')) == b'one'


@pytest.mark.parametrize('left', [0, 100, 4096, 8192, -4096])
def test_a_truncated_file_is_an_error_not_a_crash(path, left):
    data = path / 'data.mdb'
    content = data.read_bytes()
    data.write_bytes(content[:left])
    with pytest.raises(LmdbError, match='words.lmdb'):
        open_lmdb(path).begin()


@pytest.mark.parametrize('content', [None, b'', b'junk' * 5000])
def test_what_is_no_lmdb_file_is_named(tmp_path, content):
    path = tmp_path / 'other.lmdb'
    path.mkdir()
    if content is not None:
        (path / 'data.mdb').write_bytes(content)
    with pytest.raises(LmdbError, match='other.lmdb'):
        open_lmdb(path).begin()
    with pytest.raises(LmdbError, match='nothing'):
        open_lmdb(tmp_path / 'nothing').begin()
