import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mmocr.registry import TRANSFORMS
from PIL import Image

SIDE = st.integers(1, 200)


def build(**fields):
    return TRANSFORMS.build({'type': 'PairedResize', **fields})


def noise(seed, height, width, grey=False):
    shape = (height, width) if grey else (height, width, 3)
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 99), SIDE, SIDE, SIDE, SIDE, st.booleans())
def test_both_images_equal_pillow_bicubic_to_the_last_bit(seed, height, width, high, wide, grey):
    low, large = noise(seed, height, width, grey), noise(seed + 1, high, wide, grey)
    results = build().transform({'img': low, 'hr_img': large})
    for image, key, size in ((low, 'img', (64, 16)), (large, 'hr_img', (128, 32))):
        expected = Image.fromarray(image).resize(size, Image.Resampling.BICUBIC)
        np.testing.assert_array_equal(results[key], np.asarray(expected))


def test_shapes_and_scales_are_noted():
    results = build(lr_scale=[50, 16], hr_scale=[100, 32]).transform(
        {'img': noise(0, 32, 25), 'hr_img': noise(1, 20, 20), 'img_shape': (32, 25)})
    assert results['img_shape'] == (16, 50) and results['hr_shape'] == (32, 100)
    assert results['scale_factor'] == (2, 0.5) and results['scale'] == (50, 16)


def test_an_image_alone_is_resized_to_the_low_resolution():
    results = build().transform({'img': noise(0, 32, 100)})
    assert results['img'].shape == (16, 64, 3) and 'hr_shape' not in results


def test_opencv_does_not_smooth():
    """Why Pillow is the default: every other column of stripes is lost, or blended to grey."""
    stripes = np.zeros((16, 256, 3), np.uint8)
    stripes[:, ::2] = 255
    contrast = {backend: build(backend=backend).transform({'img': stripes})['img'][:, 8:-8].std()
                for backend in ('pillow', 'cv2')}
    assert contrast['pillow'] < 1
    shifted = np.roll(stripes, 1, 1)
    apart = [np.abs(build(backend=b).transform({'img': shifted})['img'].astype(int)
                    - build(backend=b).transform({'img': stripes})['img']).mean()
             for b in ('pillow', 'cv2')]
    assert apart[0] <= 1


@pytest.mark.parametrize('fields, words', [
    (dict(lr_scale=(64, )), r'lr_scale=\(64,\)'), (dict(hr_scale=(128, 0)), r'hr_scale=\(128, 0\)'),
    (dict(lr_scale=(64., 16.)), 'lr_scale'), (dict(backend='skimage'), "backend='skimage'"),
    (dict(interpolation='area'), "'area' is unknown to pillow")])
def test_bad_fields_are_named(fields, words):
    with pytest.raises(ValueError, match=words):
        build(**fields)
