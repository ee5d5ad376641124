import pickle
from pathlib import Path

import mmocr
import numpy as np
import pytest
from mmengine.config import Config
from mmengine.dataset import ConcatDataset
from mmocr.registry import DATASETS
from torch.utils.data import DataLoader

from mmocr_kd.datasets.embedded.datasets import EmbeddedDataset
from mmocr_kd.datasets.embedded.plan import plan_scene
from mmocr_kd.datasets.embedded.scene import render_scene, render_words

CONFIGS = Path(__file__).resolve().parents[3] / 'configs'
LOAD = [dict(type='LoadImageFromFile')]
TASKS = ('TextDet', 'TextRecog', 'TextSpotting')


def build(task='TextDet', num_images=12, **fields):
    fields.setdefault('pipeline', LOAD)
    return DATASETS.build(
        dict(type=f'Embedded{task}Dataset', num_images=num_images, image_size=(160, 128),
             text_height=(10, 40), **fields))


def test_detection_samples_hold_the_scene():
    dataset = build(split='val', seed=4)
    assert len(dataset) == 12
    for index in range(12):
        sample, scene = dataset[index], render_scene(dataset.spec, index)
        np.testing.assert_array_equal(sample['img'], scene.image)
        assert (sample['height'], sample['width']) == sample['img_shape'] == (128, 160)
        assert len(sample['instances']) == len(scene.words)
        for instance, word in zip(sample['instances'], scene.words, strict=True):
            assert set(instance) == {'polygon', 'bbox', 'bbox_label', 'ignore'}
            assert instance['polygon'] == word.quad.ravel().tolist()
            xs, ys = instance['polygon'][::2], instance['polygon'][1::2]
            assert instance['bbox'] == [min(xs), min(ys), max(xs), max(ys)]
            assert instance['ignore'] == word.ignore and instance['bbox_label'] == 0


def test_spotting_adds_the_texts():
    detection, spotting = (build(task, 40, seed=4) for task in ('TextDet', 'TextSpotting'))
    texts = []
    for one, other in zip(detection, spotting, strict=True):
        texts += [instance.pop('text') for instance in other['instances']]
        assert one['instances'] == other['instances'] and one['img_path'] == other['img_path']
    assert '###' in texts and len(set(texts)) > 20


def test_recognition_has_every_readable_word_once():
    spotting, recognition = build('TextSpotting'), build('TextRecog')
    texts = [instance['text'] for sample in spotting for instance in sample['instances']
             if not instance['ignore']]
    assert [sample['instances'] for sample in recognition] == [[dict(text=text)] for text in texts]
    crops = [crop for index in range(12) for crop in render_words(recognition.spec, index)]
    for sample, crop in zip(recognition, crops, strict=True):
        np.testing.assert_array_equal(sample['img'], crop)


def test_metainfo_is_mmocrs():
    category = [dict(id=0, name='text')]
    assert build('TextDet').metainfo == dict(
        dataset_type='TextDetDataset', task_name='textdet', category=category)
    assert build('TextSpotting').metainfo == dict(
        dataset_type='TextSpottingDataset', task_name='textspotting', category=category)
    assert build('TextRecog').metainfo['task_name'] == 'textrecog'
    assert build(metainfo=dict(task_name='mine')).metainfo['task_name'] == 'mine'


@pytest.mark.parametrize('task', TASKS)
@pytest.mark.parametrize('serialize', [True, False])
def test_lists_pickles_and_lazy_data_sets_are_the_same(task, serialize):
    dataset = build(task, serialize_data=serialize)
    lazy = build(task, lazy_init=True)
    copy = pickle.loads(pickle.dumps(dataset))
    assert len(dataset) == len(copy) > 5
    lazy.full_init()
    for index in (0, 3, 5):
        for other in (copy, lazy):
            np.testing.assert_array_equal(dataset[index]['img'], other[index]['img'])
            assert dataset[index]['instances'] == other[index]['instances']


def test_more_images_extend_a_data_set():
    few, many = build(num_images=5), build(num_images=9)
    assert [few.get_data_info(i) for i in range(5)] == [many.get_data_info(i) for i in range(5)]


@pytest.mark.parametrize('indices, chosen', [(3, [0, 1, 2]), (-2, [10, 11]), ([7, 2], [7, 2])])
def test_indices_choose_samples(indices, chosen):
    whole, part = build(), build(indices=indices)
    assert [sample['img_path'] for sample in part] == [whole[i]['img_path'] for i in chosen]


def test_filters():
    fields = dict(num_images=150, num_blocks=(0, 1))
    everything = build(**fields)
    filled = build(filter_cfg=dict(filter_empty_gt=True, min_size=32), **fields)
    readable = [sample['img_path'] for sample in map(everything.get_data_info, range(150))
                if any(not instance['ignore'] for instance in sample['instances'])]
    assert 20 < len(filled) == len(readable) < 120
    assert [filled.get_data_info(i)['img_path'] for i in range(len(filled))] == readable
    assert len(build(filter_cfg=dict(min_size=128))) == 12
    assert len(build('TextRecog', filter_cfg=dict(filter_empty_gt=True))) == len(
        build('TextRecog'))


@pytest.mark.parametrize('fields, error, words', [
    (dict(num_images=0), ValueError, ['num_images=0', 'positive']),
    (dict(num_images='9'), TypeError, ["num_images='9'", 'integer']),
    (dict(num_images=True), TypeError, ['num_images=True', 'integer']),
    (dict(split='all'), ValueError, ["split='all'", "'train'"]),
    (dict(filter_cfg=dict(filter_empty=True)), ValueError, ["'filter_empty'", 'filter_empty_gt']),
    (dict(ann_file='a.json'), TypeError, ["'ann_file'", 'rendered']),
    (dict(data_root='data'), TypeError, ["'data_root'", 'rendered']),
    (dict(foo=1), TypeError, ['foo']),
    (dict(filter_cfg=dict(min_size=129)), ValueError, ['empty', 'min_size', '(160, 128)']),
    (dict(num_blocks=(0, 0), filter_cfg=dict(filter_empty_gt=True)), ValueError, ['empty']),
    (dict(task='TextRecog', num_blocks=(0, 0)), ValueError, ['TextRecogDataset is empty']),
])
def test_bad_fields_are_named(fields, error, words):
    with pytest.raises(error) as caught:
        build(**fields)
    assert all(word in str(caught.value) for word in words), caught.value


def test_the_base_has_no_samples():
    with pytest.raises(NotImplementedError, match='samples_of'):
        EmbeddedDataset(num_images=1)


def test_workers_do_not_change_the_data():
    dataset = build('TextSpotting', num_images=8)

    def read(workers):
        loader = DataLoader(dataset, batch_size=3, num_workers=workers, collate_fn=list,
                            multiprocessing_context='spawn' if workers else None)
        return [sample for batch in loader for sample in batch]

    here = read(0)
    for sample, other in zip(here, read(2), strict=True):
        np.testing.assert_array_equal(sample['img'], other['img'])
        assert sample['instances'] == other['instances']


@pytest.mark.parametrize('task', ['textdet', 'textrecog'])
def test_base_configs_build_and_splits_are_disjoint(task):
    cfg = Config.fromfile(CONFIGS / f'{task}/_base_/datasets/embedded.py')
    files = {}
    for split in ('train', 'val', 'test'):
        fields = dict(cfg[f'embedded_{task}_{split}'], num_images=40, pipeline=None)
        dataset = DATASETS.build(fields)
        photos = {plan_scene(dataset.spec, index).photo[:2] for index in range(40)}
        files[split] = photos
        assert dataset.spec.split == split
        assert dataset.test_mode == (split != 'train')
        assert dataset.metainfo['task_name'] == task
    assert not files['train'] & files['val'] and not files['train'] & files['test']
    assert not files['val'] & files['test']


@pytest.mark.parametrize('part', ['train', 'val'])
def test_mmocrs_own_dbnet_pipelines_read_it(part):
    path = Path(mmocr.__file__).parent / '.mim/configs/textdet/dbnet'
    cfg = Config.fromfile(path / 'dbnet_resnet18_fpnc_1200e_icdar2015.py')
    pipeline = cfg[f'{part}_dataloader'].dataset.pipeline
    sample = build(pipeline=pipeline, filter_cfg=dict(filter_empty_gt=True))[0]
    assert sample['inputs'].shape[0] == 3
    instances = sample['data_samples'].gt_instances
    assert len(instances.polygons) == len(instances.ignored) > 0


def test_data_sets_can_be_concatenated():
    both = ConcatDataset([build(seed=0), build(seed=1)])
    assert len(both) == 24
    assert not np.array_equal(both[0]['img'], both[12]['img'])
