"""Words that were cut out of photos are recognised, and others are not."""
import cv2
import numpy as np
import pytest
from mmocr.registry import DATASETS
from tiny_photos import photos, words, write_words

from mmocr_kd.datasets.source_photos import plain, shared_photos, thumbnails, words_on_photos


def build(seed, **fields):
    return DATASETS.build(photos(seed, **fields))


@pytest.mark.parametrize('scale, quality', [(1, None), (2, None), (2, 50), (.7, 90)])
def test_words_of_these_photos_and_of_others(scale, quality):
    same, same_texts = words(photos(1), scale, quality)
    others, texts = words(photos(2), scale, quality)
    assert len(same) > 4 and len(others) > 4
    surely = words_on_photos([*same, *others], build(1))
    assert surely[:len(same)].mean() > .5 and not surely[len(same):].any()
    assert words_on_photos(same, build(1), same_texts).all()
    assert not words_on_photos(others, build(1), texts).any()


def test_texts_only_add_what_says_the_same():
    crops, texts = words(photos(1))
    noise = np.random.default_rng(0)
    hazy = [np.clip(crop + noise.normal(0, 60, crop.shape), 0, 255).astype(np.uint8)
            for crop in crops]
    said = words_on_photos(hazy, build(1), [f'"{text.lower()}"' for text in texts])
    other = words_on_photos(hazy, build(1), ['another'] * len(hazy))
    np.testing.assert_array_equal(other, words_on_photos(hazy, build(1)))
    assert said.sum() > other.sum()


def test_nothing_lies_on_nothing():
    crops, texts = words(photos(1))
    assert words_on_photos([], build(1), []).shape == (0, )
    blank = [np.zeros((8, 20), np.uint8)] * len(crops)
    assert not words_on_photos(blank, build(1), texts).any()


def test_thumbnails_correlate():
    image = np.random.default_rng(0).integers(0, 256, (40, 90), dtype=np.uint8)
    image = cv2.GaussianBlur(image, (0, 0), 3)
    in_colour = cv2.cvtColor(image, cv2.COLOR_GRAY2BGR)
    vectors = thumbnails([image, 255 - image, image // 2, in_colour, np.full((5, 5), 7, np.uint8)])
    np.testing.assert_allclose(vectors @ vectors[0], [1, -1, 1, 1, 0], atol=.02)


def test_photos_are_recognised_whatever_their_names():
    pairs = shared_photos(build(1), build(1, count=1))
    assert pairs and len({name for _, name in pairs}) == 1
    assert shared_photos(build(1), build(2)) == []


def test_words_are_left_out_of_a_training(tmp_path):
    cfg = write_words(tmp_path / 'words.lmdb', photos(1), photos(2))
    dataset = DATASETS.build(dict(cfg, not_on=[dict(photos(1), pipeline=None)]))
    known, others = (words(photos(seed))[1] for seed in (1, 2))
    left = [dataset.get_data_info(i)['instances'][0]['text'] for i in range(len(dataset))]
    assert left == others
    assert dataset[0]['record'] == len(known) + 1
    with pytest.raises(ValueError, match='Nothing is left: is it the right not_on'):
        DATASETS.build(dict(write_words(tmp_path / 'known.lmdb', photos(1)), not_on=[photos(1)]))


def test_words_on_photos_and_the_others_are_all(tmp_path):
    """Whatever decides what is alike, no word is in both parts."""
    cfg = write_words(tmp_path / 'words.lmdb', photos(1), photos(2), photos(3))
    some = [photos(1), photos(3)]
    on, others = (DATASETS.build(dict(cfg, **{field: some})) for field in ('on', 'not_on'))
    records = [[part.get_data_info(i)['record'] for i in range(len(part))] for part in (on, others)]
    first, second, third = (len(words(photos(seed))[1]) for seed in (1, 2, 3))
    assert records[1] == [*range(first + 1, first + second + 1)]
    assert sorted(records[0] + records[1]) == [*range(1, first + second + third + 1)]
    left = DATASETS.build(dict(cfg, on=some, not_on=[photos(3)]))
    assert len(left) == first
    with pytest.raises(ValueError, match='Nothing is left: is it the right on'):
        DATASETS.build(dict(write_words(tmp_path / 'other.lmdb', photos(2)), on=[photos(1)]))


def test_plain_texts():
    assert plain('"Joe\'s-24H!"') == 'joes24h'
