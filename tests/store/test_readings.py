"""Readings of words on disk: what is written is read, whatever happens to the files."""
import hashlib
import json
import math
import multiprocessing
import os

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmocr_kd.store import (
    CorruptEntryError,
    MissingEntryError,
    Posteriors,
    ReadingStore,
    StaleEntryError,
)

IDENTITY = {'teacher': 'PP-OCR'}
COMMAND = 'mmocr-kd cache words.py'
READINGS = [('Hello', -.1), ('hello', -2.5)]
readings = st.lists(st.tuples(st.text(st.characters(exclude_categories=('Cs', ))),
                              st.floats(-100, 0)), max_size=4)


@pytest.fixture
def image(tmp_path):
    def make(name='a.png', content=b'pixels'):
        (tmp_path / name).write_bytes(content)
        return str(tmp_path / name)
    return make


@pytest.fixture
def store(tmp_path):
    return ReadingStore.create(tmp_path / 'store', IDENTITY, COMMAND)


def again(store):
    return ReadingStore(store.folder, IDENTITY)


def lines(store):
    return (store.folder / 'readings' / 'readings.jsonl').read_bytes().split(b'\n')


@settings(max_examples=50)
@given(given=readings)
def test_comes_back_as_it_was(tmp_path_factory, given):
    folder = tmp_path_factory.mktemp('words')
    (folder / 'a.png').write_bytes(b'pixels')
    store = ReadingStore.create(folder / 'store', IDENTITY, COMMAND)
    size = store.write(str(folder / 'a.png'), given)
    for each in (store, again(store)):
        found = each.read(str(folder / 'a.png'))
        assert [text for text, _ in found] == [text for text, _ in given]
        assert [p for _, p in found] == pytest.approx([p for _, p in given], abs=6e-5)
    assert (store.folder / 'readings' / 'readings.jsonl').stat().st_size == size


def test_a_line_is_what_the_documentation_says(store, image):
    name = image(content=b'pixels')
    store.write(name, [('Straße', -.12345), ('', -math.inf)])
    assert json.loads(lines(store)[0]) == {
        'image': name, 'readings': [['Straße', -.1235]],
        'content': hashlib.blake2b(b'pixels', digest_size=16).hexdigest()}
    assert 'Straße' in lines(store)[0].decode()


def test_posteriors_come_back(store, image):
    told = Posteriors(np.array([[3, 70], [0, 1]], np.uint16),
                      np.array([[-.1, -3], [-9, -60000]], np.float16), 71)
    size = store.write(image(), READINGS, told)
    found = again(store).read_posteriors(image())
    np.testing.assert_array_equal(found.classes, told.classes)
    np.testing.assert_array_equal(found.log_probs, told.log_probs)
    assert found.number == 71 and store.read(image()) == READINGS
    assert size == (store.folder / 'readings' / 'readings.jsonl').stat().st_size


@pytest.mark.parametrize('change', [
    {'shape': [3, 2]}, {'number': 70}, {'classes': '?'}, {'log_probs': 'AAAA'}, None])
def test_damaged_posteriors_are_shown(store, image, change):
    told = Posteriors(np.array([[3, 70]], np.uint16), np.zeros((1, 2), np.float16), 71)
    store.write(image(), READINGS, told)
    path = store.folder / 'readings' / 'readings.jsonl'
    entry = json.loads(path.read_text())
    entry['posteriors'] = change and entry['posteriors'] | change
    path.write_text(json.dumps(entry) + '\n')
    with pytest.raises(CorruptEntryError, match='no whole "posteriors".*a.png'):
        again(store).read_posteriors(image())


def test_words_that_are_missing_or_changed_are_named_with_the_command(store, image):
    store.write(image('a.png'), READINGS)
    assert store.has(image('b.png')) and again(store).has(image('b.png'))  # the same image
    other = image('c.png', b'other pixels')
    assert not store.has(other)
    with pytest.raises(MissingEntryError, match=f'c.png.*is not in(.|\n)*{COMMAND}'):
        store.read(other)
    image('a.png', b'new pixels')
    with pytest.raises(StaleEntryError, match='a.png.*has changed since'):
        again(store).read(image('a.png', b'new pixels'))


def test_the_last_line_of_a_word_counts(store, image):
    for text in ('one', 'two'):
        store.write(image(), [(text, -.1)])
        assert store.read(image()) == again(store).read(image()) == [(text, -.1)]


@pytest.mark.parametrize('kept', [0, 1, 20, -1])
def test_a_writer_that_was_killed_costs_its_line_only(store, image, kept):
    names = [image(f'{number}.png', bytes([number])) for number in range(3)]
    for name in names[:2]:
        store.write(name, READINGS)
    path = store.folder / 'readings' / 'readings.jsonl'
    first, second, _ = lines(store)
    path.write_bytes(first + b'\n' + second[:kept])
    found = again(store)
    assert [found.has(name) for name in names] == [True, False, False]
    if kept:
        with pytest.raises(MissingEntryError, match=r'1 lines are cut off.*readings.jsonl:2'):
            found.read(names[1])
    for name in (names[2], names[1]):
        found.write(name, [('more', -.1)])
    for each in (found, again(store)):
        assert each.read(names[0]) == READINGS
        assert each.read(names[1]) == each.read(names[2]) == [('more', -.1)]


def test_other_engines_may_leave_the_content_out(store, image):
    folder = store.folder / 'readings'
    folder.mkdir()
    (folder / 'tesseract.jsonl').write_text(
        f'\n{{"image": "{image()}", "readings": [["Hallo", -1], ["Hello", -0.5]]}}\n')
    assert store.read(image()) == [('Hallo', -1.), ('Hello', -.5)]
    store.write(image(), READINGS)  # which is surer
    assert again(store).read(image()) == READINGS


@pytest.mark.parametrize('written', [
    '[["text"]]', '[[3, -1]]', '[["text", "-1"]]', '"text"', '[["text", NaN]]', 'null'])
def test_lines_of_another_form_are_shown(store, image, written):
    (store.folder / 'readings').mkdir()
    (store.folder / 'readings' / 'mine.jsonl').write_text(
        f'{{"image": "{image()}", "readings": {written}}}\n')
    with pytest.raises(CorruptEntryError, match=r'mine.jsonl.*a.png.*expected "readings"'):
        store.read(image())


def test_what_is_no_probability_is_not_written(store, image):
    for wrong in (math.nan, math.inf):
        with pytest.raises(ValueError, match='no log-probability'):
            store.write(image(), [('a', wrong)])
    assert not store.has(image())


def test_a_full_disk_loses_nothing(store, image, monkeypatch):
    names = [image(f'{number}.png', bytes([number])) for number in range(2)]
    store.write(names[0], READINGS)
    write = os.write
    monkeypatch.setattr(os, 'write', lambda handle, data: write(handle, data[:9]))
    with pytest.raises(OSError, match='no room'):
        store.write(names[1], READINGS)
    monkeypatch.undo()
    store = again(store)
    assert store.has(names[0]) and not store.has(names[1])
    store.write(names[1], READINGS)
    assert again(store).read(names[0]) == again(store).read(names[1]) == READINGS


def _fill(folder, names):
    store = ReadingStore(folder, IDENTITY)
    for name in names:
        store.write(name, [(name, -.1)] * 5)


def test_several_writers_share_a_file(store, image):
    names = [image(f'{number}.png', bytes([number])) for number in range(60)]
    context = multiprocessing.get_context('fork')
    writers = [context.Process(target=_fill, args=(store.folder, names[start::3]))
               for start in range(3)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
        assert writer.exitcode == 0
    found = again(store)
    found.check(names)
    assert all(found.read(name)[0][0] == name for name in names)
    assert len(lines(store)) == 61
