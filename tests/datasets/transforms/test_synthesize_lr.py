import numpy as np
import pytest
from mmocr.registry import TRANSFORMS
from PIL import Image


def build(**fields):
    return TRANSFORMS.build({'type': 'SynthesizeLR', **fields})


def sample(index=0, size=(32, 100), **fields):
    pixels = np.random.default_rng(index).integers(0, 256, (*size, 3), dtype=np.uint8)
    return {'img': pixels, 'img_shape': size, 'sample_idx': index, **fields}


def test_the_image_becomes_the_large_one_and_a_small_one():
    original = sample()['img']
    results = build(scale=2).transform(sample(pad_shape=(32, 100, 3), valid_ratio=0.7))
    np.testing.assert_array_equal(results['hr_img'], original)
    expected = Image.fromarray(original).resize((50, 16), Image.Resampling.BICUBIC)
    np.testing.assert_array_equal(results['img'], np.asarray(expected))
    assert results['img_shape'] == (16, 50) and results['hr_shape'] == (32, 100)
    assert results['pad_shape'] == (16, 50, 3) and results['valid_ratio'] == 0.7


def test_scale_one_leaves_the_size_and_separates_the_images():
    results = build(scale=1).transform(sample())
    np.testing.assert_array_equal(results['img'], results['hr_img'])
    results['img'][:] = 0
    np.testing.assert_array_equal(results['hr_img'], sample()['img'])


def test_no_image_vanishes():
    assert build(scale=9).transform(sample(size=(3, 4)))['img'].shape == (1, 1, 3)


def test_a_random_scale_is_fixed_by_seed_and_image():
    def shapes(seed):
        transform = build(scale=(1.5, 3), seed=seed, seed_by_image=True)
        return [transform.transform(sample(i))['img'].shape for i in range(8)]

    assert shapes(0) == shapes(0) != shapes(1)
    assert len(set(shapes(0))) > 3
    assert all(100 / 3 - 1 <= width <= 100 / 1.5 + 1 for _, width, _ in shapes(0))


def test_by_default_numpys_generator_decides():
    def shapes():
        np.random.seed(3)
        return [build(scale=(1.5, 3)).transform(sample())['img'].shape for _ in range(8)]

    first = shapes()
    assert first == shapes() and len(set(first)) > 3


def test_pairs_are_refused():
    with pytest.raises(ValueError, match="'hr_img' already"):
        build().transform(sample(hr_img=sample()['img']))


@pytest.mark.parametrize('scale', [0.5, (3, 2), (0, 2)])
def test_bad_scales_are_named(scale):
    with pytest.raises(ValueError, match='scale='):
        build(scale=scale)
