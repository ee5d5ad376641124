import multiprocessing
import pickle

import lmdb_files
import pytest

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
@pytest.mark.timeout(120)
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
