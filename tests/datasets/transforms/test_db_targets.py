import copy
import pickle
from unittest import mock

import cv2
import numpy as np
import pytest
import tiny
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from mmengine.dataset import pseudo_collate
from mmengine.optim import OptimWrapper
from mmocr.models.textdet import DBModuleLoss
from mmocr.models.textdet.module_losses import db_module_loss, seg_based_module_loss
from mmocr.registry import HOOKS, MODELS, TRANSFORMS
from torch.utils.data import DataLoader, Dataset

from mmocr_kd.adapters import draw_text_mask

SIZE = (64, 96)


def prepare(sample, **fields):
    results = {'inputs': torch.zeros(3, *sample.img_shape, dtype=torch.uint8),
               'data_samples': copy.deepcopy(sample)}
    return TRANSFORMS.build({'type': 'DBTargets', **fields})(results)['data_samples']


def prepared_loss(**fields):
    return MODELS.build({'type': 'PreparedDBModuleLoss', **fields})


def kernels_alone():
    """Makes MMOCR's code for targets raise."""
    return mock.patch.object(DBModuleLoss, 'get_targets', side_effect=AssertionError('made anew'))


CORNER = st.tuples(st.integers(-120, 500), st.integers(-80, 340))  # quarters of a pixel
QUAD = st.lists(CORNER, min_size=4, max_size=4, unique=True).map(
    lambda corners: np.array(corners, np.float32).flatten() / 4)
BOX = st.builds(tiny.box, st.integers(-20, 90), st.integers(-20, 60), st.integers(1, 90),
                st.integers(1, 60))
DEGENERATE = st.sampled_from([[5, 5] * 4, [1, 1, 40, 1, 80, 1, 60, 1], [9, 9, 40, 40, 9, 40, 40, 9],
                              [30, 30, 30.4, 30, 30.4, 30.4, 30, 30.4]]).map(
                                  lambda p: np.array(p, np.float32))
INSTANCES = st.lists(st.tuples(QUAD | BOX | DEGENERATE, st.booleans()), max_size=5)


@settings(max_examples=60)
@given(st.lists(INSTANCES, min_size=1, max_size=3), st.sampled_from([.4, .6]),
       st.sampled_from([3, 8]))
def test_targets_are_mmocrs_to_the_bit(images, shrink_ratio, min_sidelength):
    fields = dict(shrink_ratio=shrink_ratio, min_sidelength=min_sidelength)
    samples = [tiny.sample([p for p, _ in words], [i for _, i in words]) for words in images]
    with np.errstate(all='ignore'):
        try:
            expected = DBModuleLoss(**fields).get_targets(copy.deepcopy(samples))
        except Exception as error:  # MMOCR chokes on it: so do the workers
            with pytest.raises(type(error)):
                for sample in samples:
                    prepare(sample, **fields)
            return
        prepared = [pickle.loads(pickle.dumps(prepare(sample, **fields))) for sample in samples]
    with kernels_alone():
        found = prepared_loss(**fields).get_targets(prepared)
    for one, other in zip(found, expected):
        assert one.dtype == other.dtype and torch.equal(one, other)


@settings(max_examples=30)
@given(st.lists(st.tuples(BOX, st.booleans()), max_size=4), st.sampled_from(['text', 'kernel']),
       st.booleans())
def test_masks_are_those_drawn_on_the_host(words, kind, include_ignored):
    sample = tiny.sample([p for p, _ in words], [i for _, i in words])
    like, size = torch.zeros(1, *SIZE), SIZE
    expected = draw_text_mask([sample], like, size, kind, include_ignored)
    prepared = prepare(sample)
    with mock.patch.object(cv2, 'fillPoly', side_effect=AssertionError('drawn anew')):
        assert torch.equal(expected, draw_text_mask([prepared], like, size, kind, include_ignored))


def test_annotations_stay_as_they_are():
    before = tiny.sample([tiny.box(10, 15), tiny.box(70, 40, 4, 4)])
    after = prepare(before)
    assert np.array_equal(before.gt_instances.polygons, after.gt_instances.polygons)
    assert after.gt_instances.ignored.tolist() == [False, False]  # MMOCR flips that of the second


@pytest.mark.parametrize('size', [(32, 48), (64, 128)])
def test_masks_of_another_size_are_drawn(size):
    prepared = [prepare(tiny.sample([tiny.box(10, 15)]))]
    plain = [tiny.sample([tiny.box(10, 15)])]
    expected = draw_text_mask(plain, torch.zeros(1, *size), SIZE)
    assert torch.equal(draw_text_mask(prepared, torch.zeros(1, *size), SIZE), expected)


def test_what_comes_unprepared_or_rescaled_is_made_as_ever():
    plain, prepared = tiny.sample([tiny.box(10, 15)]), prepare(tiny.sample([tiny.box(10, 15)]))
    rescaled = copy.deepcopy(prepared)
    rescaled.set_metainfo({'img_shape': (128, 128)})
    for samples in ([plain, prepared], [rescaled, rescaled]):
        expected = DBModuleLoss().get_targets(copy.deepcopy(samples))
        found = prepared_loss().get_targets(samples)
        assert all(torch.equal(one, other) for one, other in zip(found, expected))


def test_other_fields_are_an_error():
    with pytest.raises(ValueError, match='shrink_ratio.*0.5.*module_loss has.*0.4.*both the same'):
        prepared_loss().get_targets([prepare(tiny.sample([tiny.box(10, 15)]), shrink_ratio=.5)])


def test_stands_behind_the_packing():
    with pytest.raises(ValueError, match='behind PackTextDetInputs'):
        TRANSFORMS.build({'type': 'DBTargets'})({'img': np.zeros((9, 9, 3))})


class Photos(Dataset):
    """A batch, made where it is asked for."""

    def __len__(self):
        return 2

    def __getitem__(self, i):
        sample = tiny.sample([tiny.box(10, 15), tiny.box(5, 45, 30, 12)], [False, True])
        return {'inputs': tiny.batch(seed=i)['inputs'][0], 'data_samples': prepare(sample)}


def test_a_step_needs_no_geometry_in_the_main_process(tmp_path):
    """The whole step with the hook: the same losses, and neither shapely nor OpenCV."""
    batch = next(iter(DataLoader(Photos(), 2, num_workers=1, collate_fn=pseudo_collate)))
    plain = copy.deepcopy(batch)
    for sample in plain['data_samples']:
        del sample.det_targets
    expected = step(tmp_path, 'DBModuleLoss', plain)
    broken = mock.Mock(side_effect=AssertionError('geometry in the main process'))
    with mock.patch.multiple(cv2, fillPoly=broken, contourArea=broken, minAreaRect=broken), \
            mock.patch.object(db_module_loss, 'Polygon', broken), \
            mock.patch.object(seg_based_module_loss, 'Polygon', broken):
        assert step(tmp_path, 'PreparedDBModuleLoss', batch) == expected
    broken.assert_not_called()


def step(folder, module_loss, data):
    teacher = tiny.checkpoint(folder / 'teacher.pth', tiny.dbnet_cfg(width=.5, neck=8))
    cfg = tiny.dbnet_cfg()
    cfg['det_head']['module_loss']['type'] = module_loss
    torch.manual_seed(0)
    model = MODELS.build(cfg)
    hook = HOOKS.build({'type': 'MaskETDistillHook', 'teacher': teacher,
                        'schedule': {'by_epoch': False}})
    runner = mock.Mock(spec=['model', 'hooks', 'epoch', 'iter', 'train_loop'], model=model,
                       hooks=[hook], epoch=0, iter=0)
    hook.before_train(runner)
    log = model.train_step(data, OptimWrapper(torch.optim.SGD(model.parameters(), lr=1e-3)))
    assert log['loss_prob'] > 0 and log['loss_entropy'] > 0
    return log
