import numpy as np
import pytest
import torch
from mmdet.structures.mask import BitmapMasks, PolygonMasks
from mmocr.registry import TRANSFORMS
from mmocr.structures import TextSpottingDataSample
from tiny import box


def annotated(count=2, **fields):
    results = {'img': np.random.default_rng(0).integers(0, 256, (40, 100, 3), dtype=np.uint8),
               'img_path': 'a.jpg', 'img_shape': (40, 100), 'ori_shape': (80, 200),
               'scale_factor': (.5, .5), 'flip': False, 'flip_direction': None,
               'gt_bboxes': np.array([[4, 4, 34, 16], [50, 10, 80, 22]], dtype=np.float32)[:count],
               'gt_bboxes_labels': np.zeros(count, dtype=np.int64),
               'gt_polygons': [box(4, 4, 30, 12), box(50, 10, 30, 12)][:count],
               'gt_texts': ['word', '###'][:count],
               'gt_ignored': np.array([False, True])[:count]}
    return {**results, **fields}


def pack(results, **fields):
    return TRANSFORMS.build({'type': 'PackTextSpottingInputs', **fields})(results)


def test_everything_is_packed():
    results = annotated()
    packed = pack(results)
    sample, instances = packed['data_samples'], packed['data_samples'].gt_instances
    np.testing.assert_array_equal(packed['inputs'], results['img'].transpose(2, 0, 1))
    assert isinstance(sample, TextSpottingDataSample)
    assert instances.texts == ['word', '###'] and instances.ignored.tolist() == [False, True]
    assert instances.bboxes.dtype == torch.float32 and instances.bboxes.shape == (2, 4)
    assert instances.labels.dtype == torch.int64 and instances.ignored.dtype == torch.bool
    np.testing.assert_array_equal(instances.polygons, results['gt_polygons'])
    assert sample.img_shape == (40, 100) and sample.scale_factor == (.5, .5)
    assert 'masks' not in instances


def test_the_same_fields_as_mmocrs_for_detection():
    theirs = TRANSFORMS.build({'type': 'PackTextDetInputs'})(annotated())['data_samples']
    ours = pack(annotated())['data_samples']
    assert ours.metainfo == theirs.metainfo
    assert {*ours.gt_instances.keys()} == {*theirs.gt_instances.keys()}
    assert (ours.gt_instances.bboxes == theirs.gt_instances.bboxes).all()


@pytest.mark.parametrize('masks, kind', [('polygon', PolygonMasks), ('bitmap', BitmapMasks)])
def test_masks_cover_the_words(masks, kind):
    found = pack(annotated(), masks=masks)['data_samples'].gt_instances.masks
    assert isinstance(found, kind) and len(found) == 2 and (found.height, found.width) == (40, 100)
    bitmaps = found.to_ndarray().astype(bool)
    assert bitmaps[0, 8, 20] and not bitmaps[0, 8, 60] and bitmaps[1, 16, 60]
    assert abs(bitmaps[0].sum() - 30 * 12) <= 60


@pytest.mark.parametrize('masks', ['none', 'polygon', 'bitmap'])
def test_an_image_without_text(masks):
    instances = pack(annotated(0), masks=masks)['data_samples'].gt_instances
    assert len(instances) == 0 and instances.bboxes.shape == (0, 4) and instances.texts == []
    assert masks == 'none' or len(instances.masks) == 0


@pytest.mark.parametrize('masks', ['none', 'polygon'])
def test_inference_needs_no_annotations(masks):
    results = {key: value for key, value in annotated().items() if not key.startswith('gt_')}
    packed = pack(results, masks=masks)
    assert packed['inputs'].shape == (3, 40, 100)
    assert packed['data_samples'].gt_instances.keys() == []


@pytest.mark.parametrize('key', ['gt_texts', 'gt_polygons'])
def test_annotations_without_texts_or_polygons(key):
    results = annotated()
    del results[key]
    with pytest.raises(ValueError, match=f"'a.jpg' has .* no {key}: load annotations with"):
        pack(results)


def test_texts_that_were_not_dropped_with_their_instances():
    with pytest.raises(ValueError, match="'gt_texts': 3.* one of the transforms before drops"):
        pack(annotated(gt_texts=['a', 'b', 'c']))


def test_unknown_masks():
    with pytest.raises(ValueError, match="masks='rle' is unknown"):
        pack(annotated(), masks='rle')


def test_it_tells_how_it_was_built():
    assert "masks='bitmap'" in repr(TRANSFORMS.build({'type': 'PackTextSpottingInputs',
                                                      'masks': 'bitmap'}))


def test_mmocrs_pipeline_from_annotations_to_batch():
    pipeline = [TRANSFORMS.build(step) for step in (
        {'type': 'LoadOCRAnnotations', 'with_polygon': True, 'with_bbox': True, 'with_label': True,
         'with_text': True},
        {'type': 'Resize', 'scale': (200, 80), 'keep_ratio': True},
        {'type': 'PackTextSpottingInputs', 'masks': 'polygon',
         'meta_keys': ['img_path', 'img_shape', 'scale_factor']})]
    results = {'img': np.zeros((40, 100, 3), dtype=np.uint8), 'img_path': 'a.jpg',
               'img_shape': (40, 100), 'instances': [
                   {'bbox': [4, 4, 34, 16], 'bbox_label': 0, 'polygon': box(4, 4, 30, 12).tolist(),
                    'text': 'word', 'ignore': False}]}
    for step in pipeline:
        results = step(results)
    instances = results['data_samples'].gt_instances
    assert instances.bboxes.tolist() == [[8, 8, 68, 32]]
    assert instances.masks.masks[0][0].tolist() == instances.polygons[0].tolist()
    assert instances.texts == ['word'] and results['inputs'].shape == (3, 80, 200)


def test_texts_that_json_made_numbers():
    texts = pack(annotated(gt_texts=[123, None]))['data_samples'].gt_instances.texts
    assert texts == ['123', '###']  # the second is ignored
    with pytest.raises(ValueError, match="'a.jpg' has the text 1.5, which is a float"):
        pack(annotated(gt_texts=[1.5, 'word']))
