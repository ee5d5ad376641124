import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmocr_kd.measure import ImageRating, RatingsFile, ScaleRatings

SCALES, THRESHOLDS = [.5, 1.], [.3, .6]
WANTED = dict(config='dbnet.py', checkpoint='dbnet.pth', identity='1f', split='val', scales=SCALES,
              thresholds=THRESHOLDS, protocol='detection')
COSTS = dict(size=[64, 96], macs=[30, 120], ms=[2., 5.])
IMAGES = [ImageRating('a.png', 3, [[1, 1], [3, 2]], [[0, 0], [2, 0]], 20.),
          ImageRating('b.png', 2, [[2, 1], [2, 2]], [[1, 0], [1, 0]], None),
          ImageRating('c.png', 0, [[0, 0], [0, 0]], [[1, 0], [0, 0]], 31.5)]


def written(folder, images=IMAGES, **changed):
    path = folder / 'some' / 'ratings.jsonl'
    with RatingsFile(path, WANTED | changed, lambda: COSTS) as file:
        for image in images:
            file.write(image)
    return path


def test_arrays_are_those_of_the_best_threshold_at_full_resolution(tmp_path):
    ratings = ScaleRatings.load(written(tmp_path))
    # hmean at 1.0: 2*5 / (5 + 8) at .3, 2*4 / (5 + 4) at .6
    assert ratings.hits.tolist() == [[1, 2], [1, 2], [0, 0]]
    assert ratings.false_alarms.tolist() == [[0, 0], [0, 0], [0, 0]]
    assert ratings.misses.tolist() == [[2, 1], [1, 0], [0, 0]]
    assert ratings.words.tolist() == [3, 2, 0]
    np.testing.assert_array_equal(ratings.heights, [20, np.nan, 31.5])
    assert ratings.index == {'a.png': 0, 'b.png': 1, 'c.png': 2}
    assert ratings.scales.tolist() == SCALES and ratings.costs.tolist() == [.25, 1]
    assert ratings.ms.tolist() == [2, 5] and ratings.header.config == 'dbnet.py'


def test_another_threshold_is_another_view_of_the_same_file(tmp_path):
    ratings = ScaleRatings.load(written(tmp_path), threshold=.3)
    assert ratings.hits.tolist() == [[1, 3], [2, 2], [0, 0]]
    assert ratings.errors(.5).tolist() == [[2, 1], [.5, .5], [.5, 0]]
    assert ratings.errors(0).tolist() == ratings.misses.tolist()
    with pytest.raises(ValueError, match=r'threshold=0.4 was not rated: use one of \[0.3, 0.6\]'):
        ScaleRatings.load(written(tmp_path), threshold=.4)


def test_of_equally_good_thresholds_the_lowest(tmp_path):
    same = [ImageRating('a.png', 2, [[1, 1]] * 2, [[0, 0]] * 2, None)]
    path = written(tmp_path, same)
    lower = ScaleRatings.load(path)
    assert lower._column == 0
    assert ScaleRatings(lower.header, []).hits.shape == (0, 2)


def test_going_on_keeps_what_is_there_and_measures_nothing(tmp_path):
    path = written(tmp_path, IMAGES[:2])
    with RatingsFile(path, WANTED, lambda: pytest.fail('measured again')) as file:
        assert file.done == {'a.png', 'b.png'}
        file.write(IMAGES[2])
        assert 'c.png' in file.done
    assert [image.img_path for image in ScaleRatings.load(path).images] == ['a.png', 'b.png',
                                                                            'c.png']


@given(st.data())
def test_cut_anywhere_the_same_command_mends_it(tmp_path_factory, data):
    path = written(tmp_path_factory.mktemp('ratings'))
    whole = path.read_bytes()
    end = data.draw(st.integers(0, len(whole)))
    path.write_bytes(whole[:end])
    if end == 0 or whole[end - 1:end] != b'\n':
        with pytest.raises(ValueError, match='again'):
            ScaleRatings.load(path)
    with RatingsFile(path, WANTED, lambda: COSTS) as file:
        for image in IMAGES:
            if image.img_path not in file.done:
                file.write(image)
    assert path.read_bytes() == whole


@pytest.mark.parametrize('field, value', [
    ('split', 'test'), ('protocol', 'e2e'), ('scales', [.25, 1.]), ('thresholds', [.3, .5]),
    ('identity', '2e')])
def test_of_something_else_nothing_is_appended(tmp_path, field, value):
    path = written(tmp_path)
    before = path.read_bytes()
    with pytest.raises(ValueError, match=f'has ratings with {field}=.* give another --out'):
        RatingsFile(path, WANTED | {field: value}, lambda: COSTS)
    assert path.read_bytes() == before


@pytest.mark.parametrize('content', [
    '', '{"a": 1}\n', 'text', 'text\n', '[1]\n', '{"version": 1}\n'])
def test_other_files_are_refused_and_left_alone(tmp_path, content):
    path = tmp_path / 'other'
    path.write_text(content)
    with pytest.raises(ValueError, match='rate-scales'):
        ScaleRatings.load(path)
    if content:
        with pytest.raises(ValueError, match='is no file of ratings'):
            RatingsFile(path, WANTED, lambda: COSTS)
        assert path.read_text() == content


def test_another_version(tmp_path):
    path = written(tmp_path)
    path.write_text(path.read_text().replace('"version": 1', '"version": 7'))
    with pytest.raises(ValueError, match='has another version than 1'):
        ScaleRatings.load(path)


@pytest.mark.parametrize('changes', [
    {'hits': [[1, 1]]}, {'hits': [[1], [1]]}, {'hits': [[1, 1], [9, 1]]}, {'false_alarms': 3},
    {'false_alarms': [[0, 0], [0, -1]]}, {'more': 1}, {'words': None}])
def test_damaged_lines_are_named(tmp_path, changes):
    path = written(tmp_path)
    lines = path.read_text().splitlines()
    lines[2] = json.dumps(json.loads(lines[2]) | changes)
    path.write_text('\n'.join(lines) + '\n')
    with pytest.raises(ValueError, match='is damaged in line 3: expected .* of 2 scales'):
        ScaleRatings.load(path)


def test_two_writers_at_a_time(tmp_path):
    path = written(tmp_path)
    with RatingsFile(path, WANTED, lambda: COSTS):
        with pytest.raises(ValueError, match='is being written by another process'):
            RatingsFile(path, WANTED, lambda: COSTS)
    with RatingsFile(path, WANTED, lambda: COSTS) as file:
        assert len(file.done) == 3


def test_what_fails_while_measuring_leaves_no_header(tmp_path):
    def fail():
        raise RuntimeError('no GPU')

    with pytest.raises(RuntimeError, match='no GPU'):
        RatingsFile(tmp_path / 'new.jsonl', WANTED, fail)
    with RatingsFile(tmp_path / 'new.jsonl', WANTED, lambda: COSTS) as file:
        assert file.done == set()
