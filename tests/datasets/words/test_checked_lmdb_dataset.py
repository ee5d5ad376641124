import copy

import lmdb_files
import numpy as np
import pytest
from lmdb_files import TEXTS
from mmocr.registry import DATASETS
from torch.utils.data import DataLoader

from mmocr_kd.datasets import EmbeddedTextRecogDataset
from mmocr_kd.datasets.words import BrokenRecordError, LmdbError


def build(path, **fields):
    return DATASETS.build({'type': 'CheckedRecogLMDBDataset', 'ann_file': str(path), **fields})


def texts(dataset):
    return [dataset[i]['instances'][0]['text'] for i in range(len(dataset))]


def test_samples_have_all_that_packing_needs(tmp_path):
    dataset = build(lmdb_files.words(tmp_path / 'a'))
    assert texts(dataset) == list(TEXTS)
    for number, sample in enumerate(dataset, 1):  # keys count from 1
        np.testing.assert_array_equal(sample['img'], lmdb_files.image(number))
        assert sample['img_shape'] == sample['ori_shape'] == (24, 40)
        assert sample['img_path'] == f'lmdb://{tmp_path}/a/image-{number:09d}'
        if number == len(TEXTS):
            break


def test_real_pipelines_pack_them(tmp_path):
    pipeline = [dict(type='Resize', scale=(32, 16)),
                dict(type='LoadOCRAnnotations', with_text=True),
                dict(type='PackTextRecogInputs',
                     meta_keys=('img_path', 'ori_shape', 'img_shape', 'valid_ratio'))]
    packed = build(lmdb_files.words(tmp_path / 'a'), pipeline=pipeline, test_mode=True)[1]
    assert packed['inputs'].shape == (3, 16, 32)
    assert packed['data_samples'].gt_text.item == 'Two'
    assert packed['data_samples'].ori_shape == (24, 40)


def test_grey_images_have_no_channels(tmp_path):
    sample = build(lmdb_files.words(tmp_path / 'a'), img_color_type='grayscale')[0]
    assert sample['img'].shape == sample['img_shape'] == (24, 40)


def test_it_concatenates_with_the_embedded_set(tmp_path):
    assert build(lmdb_files.words(tmp_path / 'a')).metainfo == EmbeddedTextRecogDataset(1).metainfo


def test_two_data_sets_with_two_workers_each_read_one_file(tmp_path):
    path = lmdb_files.words(tmp_path / 'a')
    loaders = [DataLoader(build(path), batch_size=None, num_workers=2) for _ in range(2)]
    for left, right in zip(*loaders):
        number = left['sample_idx'] + 1
        assert left['sample_idx'] == right['sample_idx']
        np.testing.assert_array_equal(left['img'], lmdb_files.image(number))


def test_copies_and_subsets_work(tmp_path):
    dataset = build(lmdb_files.words(tmp_path / 'a'))
    assert texts(copy.deepcopy(dataset)) == list(TEXTS)
    assert texts(dataset.get_subset([4, 1])) == ['five', 'Two']
    assert texts(build(tmp_path / 'a', indices=2)) == ['one', 'Two']
    dataset.close()
    assert texts(dataset) == list(TEXTS)


def test_a_part_can_be_set_aside(tmp_path):
    path = lmdb_files.words(tmp_path / 'a')
    parts = [texts(build(path, split=split, holdout=dict(share=0.3, block=2)))
             for split in ('train', 'val')]
    assert sorted(sum(parts, [])) == sorted(TEXTS)
    assert len(parts[1]) == 2 and TEXTS.index(parts[1][0]) % 2 == 0


def test_a_missing_label_is_an_empty_text(tmp_path):
    assert texts(build(lmdb_files.words(tmp_path / 'a', label_2=None)))[:3] == ['one', '', "it's"]


@pytest.mark.parametrize('test_mode', [False, True])
def test_missing_images_are_named_before_the_start(tmp_path, log, test_mode):
    path = lmdb_files.words(tmp_path / 'a', image_2=None, image_5=None)
    with pytest.raises(BrokenRecordError, match=r"2 records.*\[2, 5\].*'image-000000002'"):
        build(path, test_mode=test_mode)
    assert texts(build(path, on_error='skip', test_mode=test_mode)) == [
        'one', "it's", 'four', 'six']
    assert '[2, 5]' in log[0] and 'left out' in log[0]


def test_a_number_of_samples_that_is_too_large_is_noticed(tmp_path):
    path = lmdb_files.words(tmp_path / 'a', num_samples=b'40')
    with pytest.raises(BrokenRecordError, match=r'34 records.*\[7, 8, 9, 10, 11\]\.\.\.'):
        build(path)


BROKEN = pytest.mark.parametrize('content', [
    b'not an image', b'', lmdb_files.png(lmdb_files.image(1))[:40]
], ids=['text', 'empty', 'cut off'])


@BROKEN
def test_undecodable_images_are_named(tmp_path, content):
    dataset = build(lmdb_files.words(tmp_path / 'a', image_2=content))
    assert dataset[0]['img'] is not None
    with pytest.raises(BrokenRecordError, match=f"'image-000000002' of .*a.*{len(content)} bytes"):
        dataset[1]


@BROKEN
def test_undecodable_images_are_replaced_in_training(tmp_path, content, log):
    dataset = build(lmdb_files.words(tmp_path / 'a', image_2=content), on_error='skip')
    assert dataset[1]['record'] != 2
    assert 'image-000000002' in log[0] and 'another' in log[0]


@BROKEN
def test_undecodable_images_do_not_count_in_tests(tmp_path, content, log):
    path = lmdb_files.words(tmp_path / 'a', image_2=content)
    dataset = build(path, on_error='skip', test_mode=True)
    assert texts(dataset) == ['one', *TEXTS[2:]]
    assert '[2]' in log[0]


@pytest.mark.parametrize('changes, words', [
    (dict(num_samples=None), 'num-samples'),
    (dict(num_samples=b'many'), "b'many'"),
    (dict(num_samples=b'0'), 'positive'),
])
def test_a_bad_number_of_samples_is_named(tmp_path, changes, words):
    with pytest.raises(LmdbError, match=words):
        build(lmdb_files.words(tmp_path / 'a', **changes))


def test_wrong_keys_are_shown_next_to_the_expected(tmp_path):
    path = lmdb_files.pairs(tmp_path / 'a')
    for on_error in ('skip', 'raise'):
        with pytest.raises(LmdbError, match=r"image_hr-000000001.*expected.*'image-000000001'"):
            build(path, on_error=on_error)


@pytest.mark.parametrize('fields', [
    dict(img_color_type='rgb'), dict(on_error='ignore'), dict(split='test')])
def test_bad_fields_are_named(tmp_path, fields):
    name, value = next(iter(fields.items()))
    with pytest.raises(ValueError, match=f"{name}='{value}'"):
        build(tmp_path, **fields)
