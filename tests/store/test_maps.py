"""Stores of maps: what comes back, what is refused, what survives."""
import errno
import json
import multiprocessing
import os
import resource
import signal
import time
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmocr_kd.datasets.embedded.backend import image_path
from mmocr_kd.datasets.embedded.spec import SceneSpec
from mmocr_kd.store import (
    CorruptEntryError,
    ForeignStoreError,
    MapStore,
    MissingEntryError,
    StaleEntryError,
    StoreError,
    decode_maps,
    encode_maps,
)

IDENTITY = dict(teacher=dict(type='T', weights='ab'), preprocessing=dict(long_side=960))
COMMAND = 'mmocr-kd cache config.py'


def make_photo(path, seed=0, size=(12, 16)):
    image = np.random.default_rng(seed).integers(0, 256, (*size, 3), dtype=np.uint8)
    cv2.imwrite(str(path), image)
    return str(path)


def make_maps(seed=0):
    draw = np.random.default_rng(seed)
    return dict(text=draw.integers(0, 256, (9, 11), dtype=np.uint8),
                neck=draw.standard_normal((3, 2, 4)).astype(np.float16))


def same(maps, others):
    return maps.keys() == others.keys() and all(
        np.array_equal(maps[name], others[name]) and maps[name].dtype == others[name].dtype
        for name in maps)


@pytest.fixture
def photo(tmp_path):
    return make_photo(tmp_path / 'photo.png')


@pytest.fixture
def store(tmp_path):
    return MapStore.create(tmp_path / 'store', IDENTITY, COMMAND, mmocr_kd='0.5')


def entry_of(store):
    return next(store.folder.rglob('*.maps'))


def test_what_is_written_comes_back(store, photo):
    size = store.write(photo, make_maps())
    assert size == entry_of(store).stat().st_size
    again = MapStore(store.folder, IDENTITY)
    assert same(again.read(photo), make_maps())
    assert again.has(photo)
    assert again.manifest['mmocr_kd'] == '0.5'
    again.check([photo])


@settings(deadline=None, max_examples=25)
@given(st.integers(1, 40), st.integers(1, 40), st.integers(0, 2**32 - 1))
def test_encoding_loses_nothing(height, width, seed):
    draw = np.random.default_rng(seed)
    maps = dict(text=draw.integers(0, 256, (height, width), dtype=np.uint8),
                a=draw.standard_normal((2, height, width)).astype(np.float16))
    assert same(decode_maps(encode_maps('x', maps)), maps)


@settings(deadline=None, max_examples=40)
@given(st.data())
def test_any_other_byte_and_any_missing_end_are_noticed(data):
    entry = encode_maps('photo.png', make_maps())
    place = data.draw(st.integers(0, len(entry) - 1))
    flipped = bytearray(entry)
    flipped[place] ^= 1 << data.draw(st.integers(0, 7))
    for damaged in (bytes(flipped), entry[:place]):
        with pytest.raises(ValueError, match='digest'):
            decode_maps(damaged)


@pytest.mark.parametrize('array', [np.zeros((2, 2), np.float32), np.zeros((1, 2, 2), np.uint8),
                                   np.zeros((2, 2), np.float16)])
def test_what_no_map_is_is_refused(store, photo, array):
    with pytest.raises(TypeError, match="'text' is .*expected uint8"):
        store.write(photo, dict(text=array))
    assert not store.has(photo)


def test_an_image_is_known_by_its_content(store, photo, tmp_path):
    store.write(photo, make_maps())
    moved = tmp_path / 'elsewhere.png'
    os.rename(photo, moved)
    assert same(MapStore(store.folder).read(str(moved)), make_maps())


def test_an_image_without_entry_is_named_with_the_command(store, photo, tmp_path):
    store.write(photo, make_maps())
    other = make_photo(tmp_path / 'other.png', 1)
    with pytest.raises(MissingEntryError, match=f'(?s)other.png.*is not in.*{COMMAND}') as error:
        store.read(other)
    assert not isinstance(error.value, StaleEntryError)
    with pytest.raises(MissingEntryError, match='other.png.*as 1 of 2 images'):
        store.check([photo, other])


def test_an_image_that_changed_is_stale(store, photo):
    store.write(photo, make_maps())
    make_photo(photo, 5, (13, 16))
    for reader in (store, MapStore(store.folder)):
        with pytest.raises(StaleEntryError, match=f'(?s)photo.png.*changed.*{COMMAND}'):
            reader.read(photo)
        with pytest.raises(StaleEntryError, match='photo.png'):
            reader.check([photo])


def test_an_image_that_was_only_touched_is_not(store, photo):
    store.write(photo, make_maps())
    os.utime(photo, (1, 1))
    assert same(MapStore(store.folder).read(photo), make_maps())


def test_an_unchanged_file_is_not_read_again(store, photo, monkeypatch):
    store.write(photo, make_maps())
    again = MapStore(store.folder)
    monkeypatch.setattr('mmocr_kd.store.images.content_of', None)
    assert same(again.read(photo), make_maps())


def test_rendered_images_are_taken_at_their_word_until_one_changed(store, monkeypatch):
    names = [image_path(SceneSpec(image_size=(64, 64), text_height=(8, 20)), i) for i in range(3)]
    for i, name in enumerate(names):
        store.write(name, make_maps(i))
    again = MapStore(store.folder)
    again.check(names)
    assert same(again.read(names[2]), make_maps(2))
    monkeypatch.setattr('mmocr_kd.store.images.content_of', lambda name: 'another renderer')
    with pytest.raises(StaleEntryError, match='embedded://.*as 3 of 3 images'):
        again.check(names)


def test_another_teachers_store_is_refused_with_what_differs(store):
    foreign = dict(IDENTITY, teacher=dict(type='T', weights='cd'))
    says = f"(?s)otherwise:\\n  teacher.weights: 'ab' made it, 'cd' is wanted\\nName.*&& {COMMAND}"
    for opened in (lambda: MapStore(store.folder, foreign),
                   lambda: MapStore.create(store.folder, foreign, COMMAND)):
        with pytest.raises(ForeignStoreError, match=says):
            opened()
    assert MapStore.create(store.folder, IDENTITY, 'other command').command == COMMAND


def test_a_folder_without_manifest_is_no_store(tmp_path):
    with pytest.raises(StoreError, match='has no manifest.json: fill one by'):
        MapStore(tmp_path)


@pytest.mark.parametrize('text, kind, says', [
    ('{"format": 1', StoreError, 'is no JSON'),
    ('{"format": 7, "command": "make it"}', ForeignStoreError, 'format 7.*reads 1.*make it')])
def test_another_manifest_is_told(store, text, kind, says):
    (store.folder / 'manifest.json').write_text(text)
    with pytest.raises(kind, match=says):
        MapStore(store.folder)


@pytest.mark.parametrize('damage', [lambda data: data[:-1], lambda data: b'', lambda data:
                                    data[:200] + bytes([data[200] ^ 8]) + data[201:]])
def test_a_damaged_entry_is_named_and_mended_by_writing(store, photo, damage):
    store.write(photo, make_maps())
    path = entry_of(store)
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(CorruptEntryError, match=f'(?s)photo.png.*damaged.*{COMMAND}'):
        store.read(photo)
    store.write(photo, make_maps())
    assert same(store.read(photo), make_maps())


def test_file_systems_without_links_do(tmp_path, monkeypatch):
    def refuse(*_):
        raise PermissionError('no links here')

    monkeypatch.setattr(os, 'link', refuse)
    for _ in range(2):
        MapStore.create(tmp_path, IDENTITY, COMMAND)
    with pytest.raises(ForeignStoreError):
        MapStore.create(tmp_path, {}, COMMAND)
    assert os.listdir(tmp_path) == ['manifest.json']


def test_torn_and_alien_lines_of_the_index_cost_time_only(store, photo):
    store.write(photo, make_maps())
    index = store.folder / 'images.jsonl'
    index.write_bytes(index.read_bytes()[:-9] + b'\n[1]\n{"image": 3}\nnonsense')
    assert same(MapStore(store.folder).read(photo), make_maps())


def _write_on_a_full_disk(folder, photo):
    """Files of this process may have 4,000 bytes."""
    store = MapStore(folder, IDENTITY)
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4000, resource.RLIM_INFINITY))
    noise = np.random.default_rng(0).integers(0, 256, (99, 99), dtype=np.uint8)
    try:
        store.write(photo, dict(text=noise))
    except OSError as error:
        os._exit(error.errno)


def test_a_full_disk_loses_nothing(store, photo, tmp_path):
    store.write(photo, make_maps())
    other = make_photo(tmp_path / 'other.png', 1)
    writer = multiprocessing.get_context('fork').Process(
        target=_write_on_a_full_disk, args=(store.folder, other))
    writer.start()
    writer.join()
    assert writer.exitcode == errno.EFBIG
    again = MapStore(store.folder, IDENTITY)
    assert same(again.read(photo), make_maps())
    assert not again.has(other)
    assert not list(store.folder.rglob('*.unfinished'))


def _write_all(folder, photos, turn):
    store = MapStore.create(folder, IDENTITY, COMMAND)
    for i in range(len(photos)):
        seed = (i + turn) % len(photos)
        store.write(photos[seed], make_maps(seed))


def test_writers_at_the_same_time_do_no_harm(tmp_path):
    photos = [make_photo(tmp_path / f'{i}.png', i) for i in range(6)]
    context = multiprocessing.get_context('fork')
    writers = [context.Process(target=_write_all, args=(tmp_path / 'store', photos, turn))
               for turn in range(3)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert [writer.exitcode for writer in writers] == [0, 0, 0]
    store = MapStore(tmp_path / 'store', IDENTITY)
    assert all(same(store.read(photo), make_maps(i)) for i, photo in enumerate(photos))
    assert len(list(store.folder.rglob('*.maps'))) == 6
    lines = (store.folder / 'images.jsonl').read_text().splitlines()
    assert {json.loads(line)['image'] for line in lines} == set(photos)


def _write_for_ever(folder, photo):
    store = MapStore.create(folder, IDENTITY, COMMAND)
    while True:
        store.write(photo, make_maps())


def test_a_killed_writer_leaves_whole_entries_and_its_rests_go(tmp_path, photo):
    folder = tmp_path / 'store'
    for _ in range(4):
        writer = multiprocessing.get_context('fork').Process(
            target=_write_for_ever, args=(folder, photo))
        writer.start()
        while not list(Path(folder).rglob('*.maps')):
            time.sleep(.001)
        time.sleep(.005)
        os.kill(writer.pid, signal.SIGKILL)
        writer.join()
        assert same(MapStore(folder, IDENTITY).read(photo), make_maps())
    left = entry_of(MapStore(folder)).with_suffix('.unfinished')
    left.write_bytes(b'of a writer killed long ago')
    os.utime(left, (1, 1))
    fresh = left.with_name('b.unfinished')
    fresh.write_bytes(b'of one at work')
    MapStore.create(folder, IDENTITY, COMMAND)
    assert not left.exists()
    assert fresh.exists()
