import copy

import numpy as np
import pytest
import tiny
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from mmdet.structures.bbox import HorizontalBoxes
from mmdet.structures.mask import BitmapMasks, PolygonMasks
from mmengine.structures import InstanceData, PixelData
from mmocr.models.textdet import DBModuleLoss
from mmocr.registry import MODELS
from torch.nn import functional as F

from mmocr_kd.adapters import on_canvas, rescale_batch

scale = st.sampled_from([.3, .4, .5, .6, .7, .8, 1.])
size = st.tuples(st.integers(1, 90), st.integers(1, 90))


def spotting_sample(img_size=(60, 90), count=3, canvas=None):
    """Instances with every kind of geometry, at random places."""
    height, width = img_size
    corners = np.random.default_rng(count).uniform(0, 1, (count, 4, 2)) * [width, height]
    corners = corners.astype(np.float32)
    result = tiny.sample([c.flatten() for c in corners], [i % 2 == 0 for i in range(count)],
                         img_size)
    instances = result.gt_instances
    instances.bboxes = torch.tensor(np.concatenate([corners.min(1), corners.max(1)], 1))
    instances.beziers = torch.rand(count, 16) * 50
    instances.texts = [f'word{i}' for i in range(count)]
    masks = np.zeros((count, *(canvas or img_size)), np.uint8)
    masks[:, :height // 2, :width // 3] = 1
    instances.masks = BitmapMasks(masks, *(canvas or img_size))
    result.set_metainfo({'scale_factor': (.5, .75)})
    return result


def state(data_samples):
    """Everything in samples, as text and bytes: equal only if nothing was touched."""
    def plain(value):
        if isinstance(value, BitmapMasks):
            return value.masks.tobytes()
        if isinstance(value, (list, tuple)):
            return [plain(v) for v in value]
        return value.tolist() if hasattr(value, 'tolist') else value

    return [({k: plain(v) for k, v in s.metainfo_items()},
             {k: plain(v) for k, v in s.gt_instances.items()}) for s in data_samples]


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(size, scale), min_size=1, max_size=4), st.sampled_from([1, 8, 32]))
def test_sizes_and_pixels_of_a_mixed_batch(images, divisor):
    height, width = (max(s[axis] for s, _ in images) for axis in (0, 1))
    inputs = torch.randn(len(images), 3, height, width)
    data = [tiny.sample([], size=s) for s, _ in images]
    scales = [s for _, s in images]
    small, samples = rescale_batch(inputs, data, scales, divisor, pad_value=2.5)
    for b, ((h, w), s) in enumerate(images):
        new_h, new_w = samples[b].img_shape
        short = max(round(s * 10) * min(h, w) // 10, 1)
        assert min(new_h, new_w) == short
        exact = max(h, w) * short / min(h, w)
        assert abs(max(new_h, new_w) - exact) <= .5 + 1e-9
        expected = F.interpolate(inputs[b:b + 1, :, :h, :w], (new_h, new_w), mode='bilinear')[0]
        assert torch.equal(small[b, :, :new_h, :new_w], expected)
        if small is not inputs:
            assert (small[b, :, new_h:] == 2.5).all() and (small[b, :, :, new_w:] == 2.5).all()
        assert samples[b].pad_shape == samples[b].batch_input_shape == small.shape[-2:]
        assert samples[b].dld_scale == s
    if small is not inputs:
        assert small.shape[2] % divisor == small.shape[3] % divisor == 0


def test_golden_sizes():
    for edge, s, expected in ((330, .7, 231), (321, .3, 96)):
        small, samples = rescale_batch(torch.zeros(1, 1, edge, edge),
                                       [tiny.sample([], size=(edge, edge))], [s])
        assert samples[0].img_shape == (expected, expected)
        assert small.shape[-2:] == (-(-expected // 32) * 32, ) * 2


@settings(max_examples=25, deadline=None)
@given(st.lists(scale, min_size=1, max_size=3), st.lists(st.integers(0, 4), min_size=3, max_size=3),
       st.sampled_from([None, 40]))
def test_annotations_go_there_and_back(scales, counts, cap):
    data = [spotting_sample(count=count) for count in counts[:len(scales)]]
    before = state(data)
    inputs = torch.randn(len(data), 3, 60, 90)
    pixels = inputs.clone()
    _, samples = rescale_batch(inputs, data, scales, max_long_edge=cap)
    assert torch.equal(inputs, pixels) and state(data) == before
    for sample, original in zip(samples, data):
        # Both in coordinates of the original file: exactly the same place.
        far, near = np.array(original.scale_factor), np.array(sample.scale_factor)
        now, then = sample.gt_instances, original.gt_instances
        assert len(now) == len(then) and now.texts == then.texts
        assert isinstance(now.polygons, list)
        assert torch.equal(now.ignored, then.ignored) and torch.equal(now.labels, then.labels)
        for a, b in zip(now.polygons, then.polygons):
            assert np.allclose(a.reshape(-1, 2) / near, b.reshape(-1, 2) / far, atol=1e-3)
        for field in ('bboxes', 'beziers'):
            a, b = (x[field].reshape(-1, 2).numpy() for x in (now, then))
            assert np.allclose(a / near, b / far, atol=1e-3)
        assert now.masks.masks.shape == (len(now), *sample.img_shape)


def test_the_factor_is_that_of_whole_pixels():
    data = [spotting_sample((60, 91))]
    _, (sample, ) = rescale_batch(torch.zeros(1, 3, 60, 91), data, [.7])
    assert sample.img_shape == (42, 64)
    assert sample.scale_factor == pytest.approx((.5 * 64 / 91, .75 * 42 / 60))
    polygon = data[0].gt_instances.polygons[0].reshape(-1, 2) * [64 / 91, 42 / 60]
    assert np.allclose(sample.gt_instances.polygons[0].reshape(-1, 2), polygon)
    assert sample.ori_shape == (60, 91) and sample.img_path == 'tiny.png'


def test_writing_into_the_copy_leaves_the_original_alone():
    data = [spotting_sample()]
    for s in (.5, 1.):
        before = state(data)
        _, (sample, ) = rescale_batch(torch.zeros(1, 3, 60, 90), data, [s])
        instances = sample.gt_instances
        instances.ignored[:] = True
        instances.polygons[0] -= 1000
        instances.bboxes += 1
        instances.beziers += 1
        instances.masks.masks[:] = 1
        instances.texts[0] = 'other'
        assert state(data) == before


def test_full_size_is_the_identity():
    inputs = torch.randn(2, 3, 60, 91)
    data = [spotting_sample((60, 91)), spotting_sample((40, 50), canvas=(60, 91))]
    before = state(data)
    same, samples = rescale_batch(inputs, data, [1., 1.])
    assert same is inputs
    for (meta, fields), (old_meta, old_fields) in zip(state(samples), before):
        assert fields == old_fields
        assert meta['scale_factor'] == old_meta['scale_factor']
        assert meta['img_shape'] == old_meta['img_shape']
        assert meta['batch_input_shape'] == [60, 91]


def test_one_image_at_full_size_among_smaller_ones_keeps_its_pixels():
    inputs = torch.randn(2, 3, 60, 90)
    small, _ = rescale_batch(inputs, None, [1., .3])
    assert torch.equal(small[0, :, :60, :90], inputs[0])


def test_a_batch_is_the_same_as_its_images_one_by_one():
    inputs = torch.randn(3, 3, 60, 90)
    data = [spotting_sample(count=c) for c in (2, 0, 3)]
    scales = [.8, .3, .5]
    small, samples = rescale_batch(inputs, data, scales)
    for b in range(3):
        alone, (sample, ) = rescale_batch(inputs[b:b + 1], data[b:b + 1], scales[b:b + 1])
        h, w = sample.img_shape
        assert torch.equal(small[b, :, :h, :w], alone[0, :, :h, :w])
        ours, theirs = state([samples[b]])[0], state([sample])[0]
        assert ours[1] == theirs[1] and ours[0]['scale_factor'] == theirs[0]['scale_factor']


def test_masks_stay_on_the_image_or_on_the_batch():
    data = [spotting_sample((60, 90)), spotting_sample((60, 90), canvas=(64, 96))]
    _, samples = rescale_batch(torch.zeros(2, 3, 64, 96), data, [.5, .5])
    for sample, shape in zip(samples, ((30, 45), (32, 64))):
        masks = sample.gt_instances.masks
        assert masks.masks.shape[1:] == (masks.height, masks.width) == shape
        assert masks.masks[:, :15, :15].all() and masks.masks.sum() == 3 * 15 * 15


def test_polygon_masks_and_boxes_of_mmdet():
    data = [spotting_sample(count=1)]
    polygon = np.array([0, 0, 90, 0, 90, 60], float)
    data[0].gt_instances.masks = PolygonMasks([[polygon]], 64, 96)
    data[0].gt_instances.bboxes = HorizontalBoxes(torch.tensor([[10., 20, 30, 40]]))
    _, (sample, ) = rescale_batch(torch.zeros(1, 3, 64, 96), data, [.5], max_long_edge=30)
    masks = sample.gt_instances.masks
    assert masks.masks[0][0].tolist() == [0, 0, 30, 0, 30, 20] and polygon[2] == 90
    assert (masks.height, masks.width) == (32, 32)
    assert torch.allclose(sample.gt_instances.bboxes.tensor,
                          torch.tensor([[10., 20, 30, 40]]) / 3)
    assert data[0].gt_instances.bboxes.tensor[0, 0] == 10


def test_points_of_whole_pixels_and_plain_lists():
    data = [tiny.sample([[0, 0, 9, 9, 0, 9]], size=(60, 90))]
    data[0].gt_instances.polygons = [[0, 0, 9, 9, 0, 9]]
    data[0].gt_instances.bboxes = np.array([[0, 0, 9, 9]])
    data[0].gt_instances.quads = torch.tensor([[[0, 0], [9, 0], [9, 9], [0, 9]]])
    _, (sample, ) = rescale_batch(torch.zeros(1, 3, 60, 90), data, [.5])
    assert sample.gt_instances.polygons[0].tolist() == [0, 0, 4.5, 4.5, 0, 4.5]
    assert sample.gt_instances.bboxes.tolist() == [[0, 0, 4.5, 4.5]]
    assert sample.gt_instances.quads.tolist() == [[[0, 0], [4.5, 0], [4.5, 4.5], [0, 4.5]]]


def test_predictions_are_in_the_original_file_and_stay_there():
    data = [spotting_sample()]
    data[0].pred_instances = InstanceData(polygons=[tiny.box(1, 2)])
    del data[0].gt_instances
    _, (sample, ) = rescale_batch(torch.zeros(1, 3, 60, 90), data, [.5])
    assert sample.pred_instances.polygons[0].tolist() == tiny.box(1, 2).tolist()
    assert 'gt_instances' not in sample


def test_samples_without_size_or_factor_fill_the_batch():
    data = [tiny.sample([tiny.box(10, 15)])]
    bare = type(data[0])(gt_instances=data[0].gt_instances)
    _, (sample, ) = rescale_batch(torch.zeros(1, 3, 64, 96), [bare], [.5])
    assert sample.img_shape == (32, 48) and 'scale_factor' not in sample


def test_antialias_smooths():
    checks = (torch.arange(64)[:, None] + torch.arange(64)) % 2
    inputs = checks.float().expand(1, 1, 64, 64)
    rough, _ = rescale_batch(inputs, None, [.3])
    smooth, _ = rescale_batch(inputs, None, [.3], antialias=True)
    assert smooth[..., 2:17, 2:17].std() < .2 * rough[..., 2:17, 2:17].std()


@pytest.fixture
def two_images():
    """A batch whose images end up at 0.3 and 0.8, with a word that vanishes at 0.3."""
    torch.manual_seed(0)
    data = [tiny.sample([tiny.box(10, 15, 200, 60), tiny.box(30, 150, 8, 4)], size=(224, 320)),
            tiny.sample([tiny.box(10, 15, 200, 60)], size=(200, 300))]
    return torch.randn(2, 3, 224, 320), data


def test_db_loss_at_mixed_scales(two_images):
    inputs, data = two_images
    before = copy.deepcopy(data)
    small, samples = rescale_batch(inputs, data, [.3, .8])
    targets = on_canvas(small, samples)
    shrunk, masks, _, thr_masks = DBModuleLoss().get_targets(targets)
    assert shrunk.shape == masks.shape == (2, *small.shape[-2:])
    # The first word's middle at 0.3 of its place, the second's at 0.8; nothing on the padding.
    assert shrunk[0, round(45 * .3), 33] == 1 and shrunk[1, round(45 * .8), 88] == 1
    assert shrunk[0, 24:].sum() == shrunk[0, :, 65:].sum() == 0
    # DB found the tiny word too small and said so in its copy alone.
    assert targets[0].gt_instances.ignored.tolist() == [False, True]
    for now, then in zip(data + samples, before + before):
        assert now.gt_instances.ignored.tolist() == then.gt_instances.ignored.tolist()
        assert len(now.gt_instances) == len(then.gt_instances)
    assert all(np.array_equal(a, b) for now, then in zip(data, before)
               for a, b in zip(now.gt_instances.polygons, then.gt_instances.polygons))
    assert samples[0].img_shape == (67, 96)


@pytest.mark.parametrize('make', [tiny.dbnet_cfg, tiny.pan_cfg])
def test_detectors_train_on_mixed_scales(two_images, make):
    inputs, data = two_images
    model = MODELS.build(make()).train()
    small, samples = rescale_batch(inputs, data, [.3, .8])
    losses = model(small, on_canvas(small, samples), mode='loss')
    assert all(loss.isfinite() for loss in losses.values())
    sum(losses.values()).backward()


@pytest.mark.parametrize('scales, message', [
    ([.5], '1 scales for 2 images'), ([.5, 1.2], r'\(0, 1\]'), ([0., .5], r'\(0, 1\]'),
    ([.5, float('nan')], r'\(0, 1\]'),
])
def test_impossible_scales(scales, message):
    with pytest.raises(ValueError, match=message):
        rescale_batch(torch.zeros(2, 3, 8, 8), None, scales)


def test_impossible_batches():
    images = torch.zeros(1, 3, 60, 90)
    with pytest.raises(TypeError, match='torch.uint8'):
        rescale_batch(images.byte(), None, [.5])
    data = [spotting_sample()]
    data[0].gt_instances.masks = BitmapMasks(np.zeros((3, 30, 90), np.uint8), 30, 90)
    with pytest.raises(ValueError, match='masks of .* are smaller than their image'):
        rescale_batch(images, data, [.5])
    data[0].gt_instances.masks = torch.zeros(3, 60, 90)
    with pytest.raises(TypeError, match='masks of Tensor'):
        rescale_batch(images, data, [.5])
    del data[0].gt_instances.masks
    data[0].gt_instances.polygons = ['abc'] * 3
    with pytest.raises(TypeError, match='polygons of str'):
        rescale_batch(images, data, [.5])
    data = [tiny.sample([], size=(60, 90))]
    data[0].gt_sem_seg = PixelData(sem_seg=torch.zeros(1, 60, 90))
    with pytest.raises(ValueError, match='gt_sem_seg is a map'):
        rescale_batch(images, data, [.5])
