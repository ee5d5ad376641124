import numpy as np
import pytest
import torch
from mmocr.registry import TRANSFORMS


def sample(grey=False, hr=True):
    channels = () if grey else (3,)
    rng = np.random.default_rng(0)
    results = {'img': rng.integers(0, 256, (16, 64, *channels), dtype=np.uint8),
               'img_path': 'a.png', 'img_shape': (16, 64), 'ori_shape': (20, 70),
               'gt_texts': ['word']}
    if hr:
        results['hr_img'] = rng.integers(0, 256, (32, 128, *channels), dtype=np.uint8)
    return results


@pytest.mark.parametrize('grey, channels', [(False, 3), (True, 1)])
def test_both_images_are_packed(grey, channels):
    results = sample(grey)
    packed = TRANSFORMS.build({'type': 'PackPairedTextRecogInputs'}).transform(results)
    assert packed['inputs'].shape == (channels, 16, 64)
    assert packed['hr_inputs'].shape == (channels, 32, 128)
    assert packed['inputs'].dtype == packed['hr_inputs'].dtype == torch.uint8
    np.testing.assert_array_equal(np.atleast_3d(results['hr_img'])[..., 0], packed['hr_inputs'][0])
    assert packed['data_samples'].gt_text.item == 'word'
    assert packed['data_samples'].img_shape == (16, 64)
    assert packed['data_samples'].valid_ratio == 1


def test_single_images_are_packed_as_in_mmocr():
    keys = ('img_path', 'ori_shape', 'img_shape', 'valid_ratio')
    ours, theirs = (TRANSFORMS.build({'type': kind, 'meta_keys': keys}).transform(sample(hr=False))
                    for kind in ('PackPairedTextRecogInputs', 'PackTextRecogInputs'))
    assert ours.keys() == theirs.keys() and (ours['inputs'] == theirs['inputs']).all()
    assert ours['data_samples'].metainfo == theirs['data_samples'].metainfo


def test_a_grey_and_a_coloured_image_make_no_pair():
    results = {**sample(), 'hr_img': sample(grey=True)['hr_img']}
    with pytest.raises(ValueError, match="'a.png' has 3 channels in 'img', but 1 in 'hr_img'"):
        TRANSFORMS.build({'type': 'PackPairedTextRecogInputs'}).transform(results)


def test_labels_are_text(tmp_path):
    step = TRANSFORMS.build(dict(type='PackPairedTextRecogInputs', meta_keys=()))
    image = np.zeros((4, 6, 3), np.uint8)
    packed = step.transform(dict(img=image, gt_texts=[123], img_path='a.png'))
    assert packed['data_samples'].gt_text.item == '123'
    for text in (None, 1.5):
        with pytest.raises(ValueError, match="'a.png' has"):
            step.transform(dict(img=image, gt_texts=[text], img_path='a.png'))
