import copy
import json
import pickle
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
import tiny
import torch
from mmocr.registry import DATASETS, MODELS, TRANSFORMS
from mmocr.utils import warp_img
from tiny_photos import photos

from mmocr_kd.datasets.unlabelled import find_photos, quad_path

LOAD = [dict(type='CheckedLoadImageFromFile', color_type='color_ignore_orientation'),
        dict(type='LoadOCRAnnotations', with_polygon=True, with_bbox=True, with_label=True)]
PACK = [dict(type='PackTextDetInputs', meta_keys=('img_path', 'ori_shape', 'img_shape'))]
TRAIN = [
    *LOAD,
    dict(type='RandomResize', scale=(256, 256), ratio_range=(.8, 2.), keep_ratio=True),
    dict(type='TextDetRandomCrop', target_size=(96, 96), positive_sample_ratio=1.),
    dict(type='ImgAugWrapper', args=[['Fliplr', .5], dict(cls='Affine', rotate=[-10, 10])]),
    dict(type='Resize', scale=(96, 96), keep_ratio=True),
    dict(type='Pad', size=(96, 96)),
    dict(type='TorchVisionWrapper', op='ColorJitter', brightness=.1),
    *PACK]


@pytest.fixture
def folder(tmp_path):
    """Two rendered photos, and boxes for the first."""
    rendered = Path(photos(11)['data_root'])
    shutil.copytree(rendered, tmp_path, dirs_exist_ok=True)
    found = json.loads((rendered / 'photos.json').read_text())
    found['data_list'] = found['data_list'][:1]
    (tmp_path / 'boxes.json').write_text(json.dumps(found))
    return tmp_path


def build(folder, kind='Det', **fields):
    return DATASETS.build({'type': f'UnlabelledText{kind}Dataset', 'data_root': str(folder),
                           'boxes': str(folder / 'boxes.json'), 'pipeline': [], **fields})


def written(path, side=40):
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), np.full((side, side, 3), 99, np.uint8))


def test_photos_of_a_folder_in_natural_order(tmp_path):
    for name in ('10.jpg', '2.JPG', 'a/1.png', 'a/b2/x.bmp', 'b/x.png', '.hidden/1.png', '.1.png'):
        written(tmp_path / name.replace('JPG', 'jpg'))
    (tmp_path / '2.jpg').rename(tmp_path / '2.JPG')
    (tmp_path / 'notes.txt').write_text('no photo')
    assert find_photos(tmp_path) == ['2.JPG', '10.jpg', 'a/1.png', 'a/b2/x.bmp', 'b/x.png']
    assert find_photos(tmp_path, recursive=False) == ['2.JPG', '10.jpg']
    assert find_photos(tmp_path, ['*.png']) == ['a/1.png', 'b/x.png']


def test_broken_photos_are_named_and_left_out(tmp_path, log):
    written(tmp_path / 'good.png')
    (tmp_path / 'empty.png').touch()
    (tmp_path / 'page.jpg').write_text('<html>')
    assert find_photos(tmp_path) == ['good.png']
    assert '2 of 3 files' in log[0] and "['empty.png', 'page.jpg']" in log[0]


def test_nothing_to_find(tmp_path):
    with pytest.raises(ValueError, match='has no photos that match'):
        find_photos(tmp_path)
    with pytest.raises(FileNotFoundError, match='no folder'):
        find_photos(tmp_path / 'gone')


@pytest.mark.parametrize('boxes', [True, False])
def test_any_training_pipeline_works_and_no_label_is_left(folder, boxes):
    dataset = build(folder, pipeline=TRAIN, **({} if boxes else {'boxes': None}))
    for index in [0, 1] * 4:
        packed = dataset[index]
        sample = packed['data_samples']
        assert packed['inputs'].shape == (3, 96, 96) and sample.labelled is False
        assert sample.gt_instances.ignored.tolist() == [True]
        np.testing.assert_array_equal(sample.gt_instances.polygons[0], [0, 0, 95, 0, 95, 95, 0, 95])


def test_crops_are_drawn_where_the_boxes_are(tmp_path):
    """A tiny word in a large photo: crops elsewhere would miss it nearly always."""
    photo = np.zeros((600, 600, 3), np.uint8)
    photo[500:520, 500:560] = 255
    cv2.imwrite(str(tmp_path / '1.png'), photo)
    word = {'bbox': [500, 500, 560, 520], 'polygon': tiny.box(500, 500, 60, 20).tolist()}
    (tmp_path / 'boxes.json').write_text(json.dumps(
        {'metainfo': {}, 'data_list': [{'img_path': '1.png', 'instances': [word]}]}))
    pipeline = [*LOAD, dict(type='TextDetRandomCrop', target_size=64, positive_sample_ratio=1.),
                *PACK]
    bright = [build(tmp_path, pipeline=pipeline)[0]['inputs'].any() for _ in range(20)]
    assert sum(bright) > 15  # MMOCR's crop misses it by a pixel now and then


def test_prepared_targets_say_the_same(folder):
    """As those that DBTargets makes of one ignored region over the whole image."""
    torch.manual_seed(0)
    sample = build(folder, pipeline=[*TRAIN, dict(type='DBTargets')])[0]['data_samples']
    bare = copy.deepcopy(sample)
    del bare.det_targets
    expected = TRANSFORMS.build({'type': 'DBTargets'})({'data_samples': bare})['data_samples']
    for name in ('regions', 'thresholds'):
        assert torch.equal(sample.det_targets.get(name), expected.det_targets.get(name))


def test_photos_that_a_file_names_in_its_order(folder):
    """Of photos with labels some may play those without; labels are not looked at."""
    written(folder / 'another.png')
    names = ['1.png', 'another.png', '0.png']
    (folder / 'train.json').write_text(json.dumps({'metainfo': {}, 'data_list': [
        {'img_path': name, 'instances': [{'bbox': [0, 0, 9, 9]}] * 3} for name in names]}))

    def listed(**fields):
        dataset = build(folder, ann_file='train.json', **fields)
        return [Path(info['img_path']).name for info in map(dataset.get_data_info,
                                                            range(len(dataset)))], dataset

    assert listed()[0] == names and listed(indices=-2)[0] == names[1:]
    boxes = json.loads((folder / 'boxes.json').read_text())['data_list'][0]['instances']
    dataset = listed()[1]
    assert [len(dataset.get_data_info(i)['instances']) for i in range(3)] == [1, 1, len(boxes)]
    with pytest.raises(FileNotFoundError, match="ann_file='.*gone.json' is missing"):
        build(folder, ann_file='gone.json')


def test_boxes_of_other_photos_are_an_error(folder):
    (folder / 'boxes.json').write_text(json.dumps(
        {'data_list': [{'img_path': 'elsewhere/7.png', 'instances': []}]}))
    with pytest.raises(ValueError, match='about other photos.*elsewhere/7.png.*relative to data_r'):
        build(folder)
    with pytest.raises(FileNotFoundError, match='mmocr-kd pseudo-label'):
        build(folder, boxes='gone.json')
    (folder / 'boxes.json').write_text('[1, 2')
    with pytest.raises(ValueError, match="no JSON in MMOCR's format"):
        build(folder)


def predictions(samples, seed=0):
    generator = torch.Generator().manual_seed(seed)
    maps = torch.randn(3, len(samples), 64, 96, generator=generator)
    logits, thresholds, binary = maps[0], maps[1].sigmoid(), maps[2].sigmoid()
    return [value.requires_grad_() for value in (logits, thresholds, binary)]


def unlabelled():
    return tiny.sample([[0, 0, 95, 0, 95, 63, 0, 63]], [True])


@pytest.mark.parametrize('kind', ['DBModuleLoss', 'PreparedDBModuleLoss'])
@pytest.mark.parametrize('unlabelled_first', [True, False])
def test_dbs_loss_is_that_of_the_labelled_photos_alone(kind, unlabelled_first):
    """And so is its gradient; balanced cross-entropy draws its negatives from the same pixels."""
    loss = MODELS.build({'type': kind})
    labelled = [tiny.sample([tiny.box(10, 15)]), tiny.sample([tiny.box(20, 8), tiny.box(5, 40)])]
    mixed = [unlabelled(), *labelled, unlabelled()] if unlabelled_first else [
        *labelled, unlabelled()]
    at = slice(1, 3) if unlabelled_first else slice(0, 2)
    together = predictions(mixed)
    alone = [value.detach()[at].clone().requires_grad_() for value in together]
    found, expected = (loss(maps, copy.deepcopy(samples)) for maps, samples in (
        (together, mixed), (alone, labelled)))
    for key, value in expected.items():
        torch.testing.assert_close(found[key], value)
    sum(found.values()).backward()
    sum(expected.values()).backward()
    for one, other in zip(together, alone):
        torch.testing.assert_close(one.grad[at], other.grad)
        rest = one.grad.clone()
        rest[at] = 0
        assert not rest.any() and other.grad.any()


def test_dbs_loss_of_no_labelled_photo_teaches_nothing():
    maps = predictions([0, 1])
    losses = MODELS.build({'type': 'DBModuleLoss'})(maps, [unlabelled(), unlabelled()])
    sum(losses.values()).backward()
    assert all(value.grad is None or not value.grad.any() for value in maps)


@pytest.mark.parametrize(('kind', 'channels'), [('PSEModuleLoss', 7), ('PANModuleLoss', 6)])
def test_means_over_images_shrink_by_the_share_of_labelled_ones(kind, channels):
    loss = MODELS.build({'type': kind})
    labelled = [tiny.sample([tiny.box(10, 15)])]
    together = torch.randn(2, channels, 64, 96, requires_grad=True)
    alone = together.detach()[:1].clone().requires_grad_()
    sum(loss(together, [*copy.deepcopy(labelled), unlabelled()]).values()).backward()
    sum(loss(alone, copy.deepcopy(labelled)).values()).backward()
    torch.testing.assert_close(2 * together.grad[:1], alone.grad)
    assert not together.grad[1].any() and alone.grad.any()


# --- words --------------------------------------------------------------------------------------

READ = [dict(type='LoadImageFromFile'), dict(type='LoadOCRAnnotations', with_text=True),
        dict(type='Resize', scale=(64, 16)),
        dict(type='PackTextRecogInputs', meta_keys=('img_path', 'ori_shape', 'img_shape'))]


def test_words_are_cut_out_upright(folder, log):
    instances = json.loads((folder / 'boxes.json').read_text())['data_list'][0]['instances']
    dataset = pickle.loads(pickle.dumps(build(folder, 'Recog', pipeline=READ, min_size=0)))
    assert len(dataset) == len(instances) > 1
    photo = cv2.imread(str(folder / '0.png'))
    for index, word in enumerate(instances):
        packed = dataset[index]
        assert packed['inputs'].shape == (3, 16, 64)
        assert packed['data_samples'].labelled is False
        crop = warp_img(photo, [float(value) for value in word['polygon']])
        height, width = packed['data_samples'].ori_shape
        assert abs(height - crop.shape[0]) <= 1 and abs(width - crop.shape[1]) <= 1
        small = cv2.resize(crop, (64, 16)).astype(float)
        assert abs(packed['inputs'].permute(1, 2, 0).numpy() - small).mean() < 12


def test_small_words_are_left_out(folder):
    instances = json.loads((folder / 'boxes.json').read_text())['data_list'][0]['instances']
    sides = sorted(min(i['bbox'][2] - i['bbox'][0], i['bbox'][3] - i['bbox'][1]) for i in instances)
    some = build(folder, 'Recog', min_size=int(sides[-1]))
    assert 0 < len(some) < len(instances)
    with pytest.raises(ValueError, match='no word of min_size=999'):
        build(folder, 'Recog', min_size=999)


def test_curved_words_become_rectangles(folder):
    octagon = [10, 10, 40, 10, 70, 10, 100, 10, 100, 40, 70, 40, 40, 40, 10, 40]
    (folder / 'boxes.json').write_text(json.dumps({'data_list': [
        {'img_path': '0.png', 'instances': [{'polygon': octagon}, {'bbox': [5, 6, 50, 30]}]}]}))
    first, second = (build(folder, 'Recog')[i]['img_path'] for i in (0, 1))
    assert first == quad_path(folder / '0.png', [10, 10, 100, 10, 100, 40, 10, 40])
    assert second == quad_path(folder / '0.png', [5, 6, 50, 6, 50, 30, 5, 30])


@pytest.mark.parametrize('mirrored', [False, True])
def test_words_whose_quads_begin_anywhere(folder, mirrored):
    box = np.array([[10, 10], [60, 13], [60, 30], [10, 27]])
    turned = [np.roll(box[::-1] if mirrored else box, turn, 0) for turn in range(4)]
    (folder / 'boxes.json').write_text(json.dumps({'data_list': [
        {'img_path': '0.png',
         'instances': [{'polygon': quad.flatten().tolist()} for quad in turned]}]}))

    def quads(**fields):
        return {word['img_path'] for word in build(folder, 'Recog', **fields)}

    assert quads(any_corner=True) == {quad_path(folder / '0.png', box.flatten())}
    assert len(quads()) == 4
