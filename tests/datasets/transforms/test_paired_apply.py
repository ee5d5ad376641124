import cv2
import numpy as np
import pytest
from mmcv.transforms import BaseTransform
from mmocr.registry import TRANSFORMS

from mmocr_kd.datasets.transforms.random_state import (
    global_state,
    next_numbers,
    restore_global_state,
)

GEOMETRY = {
    'torchvision': {'type': 'TorchVisionWrapper', 'op': 'RandomRotation', 'degrees': 40},
    'imgaug': {'type': 'ImgAugWrapper', 'args': [{'cls': 'Affine', 'rotate': [-40, 40]}]},
    'mmcv': {'type': 'RandomApply', 'prob': 0.5,
             'transforms': [{'type': 'mmdet.RandomFlip', 'prob': 1.0}]},
}


class PerPixel(BaseTransform):
    """Draws more numbers for larger images."""

    def transform(self, results):
        results['img'] = results['img'] + np.random.randint(0, 2, results['img'].shape)
        return results


def blob(size):
    """A word-like smooth image; of the same content at any size."""
    small = np.random.default_rng(0).integers(0, 256, (8, 32, 3), dtype=np.uint8)
    return cv2.resize(small, size, interpolation=cv2.INTER_CUBIC)


def build(transforms):
    return TRANSFORMS.build({'type': 'PairedApply', 'transforms': transforms})


def seed():
    import imgaug
    import torch
    np.random.seed(1), torch.manual_seed(1), imgaug.seed(1)


@pytest.mark.parametrize('name', GEOMETRY)
def test_both_images_are_changed_alike(name):
    seed()
    transform, changed = build(GEOMETRY[name]), 0
    for _ in range(8):
        results = transform({'img': blob((128, 32)), 'hr_img': blob((128, 32)),
                             'img_shape': (32, 128)})
        np.testing.assert_array_equal(results['img'], results['hr_img'])
        changed += (results['img'] != blob((128, 32))).any()
    assert changed >= 2


@pytest.mark.parametrize('name', ['torchvision', 'imgaug'])
def test_images_of_different_size_stay_aligned(name):
    seed()
    for _ in range(4):
        results = build(GEOMETRY[name])({'img': blob((128, 32)), 'hr_img': blob((256, 64)),
                                         'img_shape': (32, 128)})
        assert results['hr_shape'] == (64, 256)
        enlarged = cv2.resize(results['img'], (256, 64), interpolation=cv2.INTER_CUBIC)
        apart = np.abs(enlarged.astype(int) - results['hr_img']).mean()
        assert apart < 0.3 * np.abs(blob((256, 64)).astype(int) - results['hr_img']).mean()


def test_generators_move_on_by_one_run():
    seed()
    transform = build(GEOMETRY['torchvision'])
    angles = [transform({'img': blob((64, 16)), 'hr_img': blob((64, 16)), 'img_shape': (16, 64)})
              for _ in range(2)]
    assert (angles[0]['img'] != angles[1]['img']).any()


def test_draws_that_depend_on_the_size_are_refused():
    transform = build([{'type': PerPixel}])
    with pytest.raises(RuntimeError, match='other random numbers'):
        transform({'img': blob((64, 16)), 'hr_img': blob((128, 32)), 'img_shape': (16, 64)})


def test_single_images_are_changed_as_always():
    results = build(GEOMETRY['torchvision'])({'img': blob((64, 16)), 'img_shape': (16, 64)})
    assert 'hr_img' not in results


def test_restored_generators_repeat_themselves():
    state = global_state()
    first = [next_numbers() for _ in range(3)]
    restore_global_state(state)
    assert first == [next_numbers() for _ in range(3)]
    assert all(len(set(numbers)) == 3 for numbers in zip(*first))
