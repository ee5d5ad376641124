import lmdb_files
import mmcv
import numpy as np
import pytest
from mmengine import fileio
from mmengine.dataset import pseudo_collate
from mmocr.registry import DATASETS
from torch.utils.data import DataLoader

from mmocr_kd.datasets.words import BrokenRecordError, LmdbError

PIPELINE = [
    dict(type='PairedResize', lr_scale=(32, 8), hr_scale=(64, 16)),
    dict(type='LoadOCRAnnotations', with_text=True),
    dict(type='PackPairedTextRecogInputs'),
]


def build(path, **fields):
    return DATASETS.build({'type': 'TextZoomDataset', 'ann_file': str(path), **fields})


def test_both_photos_of_a_record_come_together(tmp_path):
    dataset = build(lmdb_files.pairs(tmp_path / 'a'))
    for index in (3, 0, 5):
        sample, number = dataset[index], index + 1
        np.testing.assert_array_equal(sample['img'], lmdb_files.image(number, (12, 20 + number)))
        np.testing.assert_array_equal(sample['hr_img'],
                                      lmdb_files.image(number + 1000, (24, 40 + number)))
        assert sample['img_shape'] == sample['ori_shape'] == (12, 20 + number)
        assert sample['hr_shape'] == (24, 40 + number)
        assert sample['instances'] == [dict(text=lmdb_files.TEXTS[index])]


def test_the_large_photo_has_a_name_for_teachers_that_look_at_it_alone(tmp_path):
    path = lmdb_files.pairs(tmp_path / 'a')
    sample = build(path)[3]
    for name, image in (('img_path', 'img'), ('hr_path', 'hr_img')):
        np.testing.assert_array_equal(mmcv.imfrombytes(fileio.get(sample[name])), sample[image])
    assert 'hr_path' not in build(path, view='hr')[3]


@pytest.mark.parametrize('view, key', [('lr', 'image_lr'), ('hr', 'image_hr')])
def test_one_photo_alone(tmp_path, view, key):
    path = lmdb_files.pairs(tmp_path / 'a')
    alone, pair = build(path, view=view)[2], build(path)[2]
    assert 'hr_img' not in alone and alone['img_key'] == f'{key}-000000003'
    np.testing.assert_array_equal(alone['img'], pair['img' if view == 'lr' else 'hr_img'])


def test_pairs_stay_together_through_shuffling_workers_and_batches(tmp_path):
    texts = [str(n) for n in range(1, 13)]
    dataset = build(lmdb_files.pairs(tmp_path / 'a', texts), pipeline=PIPELINE)
    unshuffled = [dataset[i] for i in range(12)]
    loader = DataLoader(dataset, 5, shuffle=True, num_workers=2, collate_fn=pseudo_collate)
    seen = []
    for batch in loader:
        for low, high, sample in zip(batch['inputs'], batch['hr_inputs'], batch['data_samples']):
            seen.append(sample.gt_text.item)
            expected = unshuffled[int(seen[-1]) - 1]
            assert (low == expected['inputs']).all() and (high == expected['hr_inputs']).all()
    assert sorted(seen) == sorted(texts) and seen != texts


def test_a_missing_large_photo_is_named(tmp_path, log):
    path = lmdb_files.pairs(tmp_path / 'a', image_hr_4=None)
    with pytest.raises(BrokenRecordError, match=r"\[4\].*'image_hr-000000004'"):
        build(path)
    assert len(build(path, on_error='skip')) == 5 and '[4]' in log[0]
    assert len(build(path, view='lr')) == 6


def test_an_undecodable_photo_of_a_pair_is_named(tmp_path):
    dataset = build(lmdb_files.pairs(tmp_path / 'a', image_lr_1=b'?'))
    with pytest.raises(BrokenRecordError, match='image_lr-000000001'):
        dataset[0]


def test_a_file_of_single_images_is_refused(tmp_path):
    with pytest.raises(LmdbError, match='another layout.*expected.*image_lr-000000001'):
        build(lmdb_files.words(tmp_path / 'a'), on_error='skip')


def test_unknown_views_are_named(tmp_path):
    with pytest.raises(ValueError, match="view='both'"):
        build(tmp_path, view='both')
