"""Each operation against what it is defined as, or against imgaug, which the paper's code uses."""
import collections

import cv2
import imgaug.augmenters as iaa
import numpy as np
import pytest

from mmocr_kd.datasets.transforms.degradation import OPERATIONS
from mmocr_kd.datasets.transforms.degradation.blurs import motion_kernel


def smooth(seed=0, grey=False):
    shape = (16, 64) if grey else (16, 64, 3)
    pixels = np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)
    pixels = cv2.GaussianBlur(pixels, (0, 0), 2)
    return cv2.normalize(pixels, None, 0, 255, cv2.NORM_MINMAX)


def run(name, seed=0, grey=False, **fields):
    return OPERATIONS[name](smooth(grey=grey), np.random.default_rng(seed), **fields)


@pytest.mark.parametrize('name, fields, augmenter', [
    ('gaussian_blur', {'sigma': (1.7, 1.7)}, iaa.GaussianBlur(1.7)),
    ('gaussian_blur', {'sigma': (0.4, 0.4)}, iaa.GaussianBlur(0.4)),
    ('gaussian_blur', {'sigma': (0, 0)}, iaa.GaussianBlur(0)),
    ('average_blur', {'size': (4, 4)}, iaa.AverageBlur(4)),
    ('average_blur', {'size': (1, 1)}, iaa.AverageBlur(1)),
    ('median_blur', {'size': (5, 5)}, iaa.MedianBlur(5)),
    ('bilateral_blur', {'size': (7, 7), 'sigma_color': (90, 90), 'sigma_space': (40, 40)},
     iaa.BilateralBlur(d=7, sigma_color=90, sigma_space=40)),
])
def test_a_fixed_strength_equals_imgaug(name, fields, augmenter):
    np.testing.assert_array_equal(run(name, **fields), augmenter.augment_image(smooth()))


def test_mean_shift_is_opencvs_and_differs_from_imgaug_which_overwrites_what_it_still_reads():
    fields = {'spatial_radius': (9, 9), 'color_radius': (21, 21)}
    np.testing.assert_array_equal(run('mean_shift_blur', **fields),
                                  cv2.pyrMeanShiftFiltering(smooth(), 9, 21))
    overwritten = smooth()
    cv2.pyrMeanShiftFiltering(overwritten, 9, 21, dst=overwritten)
    theirs = iaa.MeanShiftBlur(9, 21).augment_image(smooth())
    np.testing.assert_array_equal(overwritten, theirs)
    assert np.abs(run('mean_shift_blur', **fields).astype(int) - theirs).mean() > 1


@pytest.mark.parametrize('grey', [False, True])
@pytest.mark.parametrize('name', OPERATIONS)
def test_inputs_stay_and_shapes_too(name, grey):
    image = smooth(grey=grey)
    changed = 0
    for seed in range(8):
        result = OPERATIONS[name](image, np.random.default_rng(seed))
        assert result.shape == image.shape and result.dtype == np.uint8
        changed += (result != image).any()
    np.testing.assert_array_equal(image, smooth(grey=grey))
    assert changed >= 4


@pytest.mark.parametrize('name', OPERATIONS)
def test_the_generator_alone_decides(name):
    np.testing.assert_array_equal(run(name, 3), run(name, 3))


def test_median_sizes_are_drawn_as_imgaug_does():
    """3, 4, 5, 6, 7 are equally likely, and even ones count one more."""
    reference = {size: cv2.medianBlur(smooth(), size).tobytes() for size in (3, 5, 7)}
    sizes = {content: size for size, content in reference.items()}
    drawn = collections.Counter(sizes[run('median_blur', seed).tobytes()] for seed in range(500))
    assert [round(drawn[size] / 500, 1) for size in (3, 5, 7)] == [0.2, 0.4, 0.4]


@pytest.mark.parametrize('angle, direction, expected', [
    (0, 0, [[0, .5, 0], [0, .5, 0], [0, .5, 0]]), (90, 0, [[0] * 3, [.5] * 3, [0] * 3]),
    (0, 1, [[0, 1, 0], [0, .5, 0], [0, 0, 0]]), (180, 1, [[0, 0, 0], [0, .5, 0], [0, 1, 0]]),
])
def test_motion_kernels(angle, direction, expected):
    kernel = np.array(expected) / np.sum(expected)
    np.testing.assert_allclose(motion_kernel(3, angle, direction), kernel, atol=1e-6)


def test_motion_keeps_the_brightness():
    for seed in range(20):
        assert abs(run('motion_blur', seed).mean() - smooth().mean()) < 3


@pytest.mark.parametrize('grey', [False, True])
def test_superpixels_have_the_mean_colour_of_what_they_replace(grey):
    from skimage.segmentation import slic
    image = smooth(grey=grey)
    result = run('superpixels', grey=grey, replace=(1, 1), segments=(6, 6))
    channels = {'channel_axis': None} if grey else {}
    labels = slic(image if grey else image[..., ::-1], n_segments=6, compactness=10, **channels)
    assert len(np.unique(labels)) > 1
    for label in np.unique(labels):
        inside = labels == label
        np.testing.assert_allclose(result[inside], np.broadcast_to(
            image[inside].mean(0), result[inside].shape), atol=0.5)
    np.testing.assert_array_equal(run('superpixels', grey=grey, replace=(0, 0)), image)


def test_superpixels_are_replaced_as_often_as_asked():
    done = [(run('superpixels', seed, segments=(1, 1)) != smooth()).any() for seed in range(200)]
    assert 0.2 < np.mean(done) < 0.4


def test_noise_has_the_strength_that_was_drawn():
    grey = np.full((64, 64, 3), 128, np.uint8)
    noisy = OPERATIONS['gaussian_noise'](grey, np.random.default_rng(0), sigma=(10, 10),
                                         per_channel=1)
    assert abs(noisy.std() - 10) < 0.3 and abs(noisy.mean() - 128) < 0.5


@pytest.mark.parametrize('channels, per_channel', [(3, 1), (1, 0)])
def test_noise_is_added_rounded_and_clipped(channels, per_channel):
    """What the generator draws next is added, not taken away: a seed means one image for ever."""
    image = smooth()
    noisy = OPERATIONS['gaussian_noise'](image, np.random.default_rng(5), sigma=(40, 60),
                                         per_channel=per_channel)
    rng = np.random.default_rng(5)
    sigma, _ = rng.uniform(40, 60), rng.random()
    noise = rng.normal(size=(*image.shape[:2], channels)) * sigma
    expected = np.rint(image + noise).clip(0, 255)
    np.testing.assert_array_equal(noisy, expected)
    assert (expected == 0).any() and (expected == 255).any()


def test_half_of_the_noise_is_grey():
    flat = np.full((8, 8, 3), 128, np.uint8)
    shared = [np.ptp(OPERATIONS['gaussian_noise'](flat, np.random.default_rng(s), sigma=(10, 10)),
                     axis=2).max() == 0 for s in range(300)]
    assert 0.4 < np.mean(shared) < 0.6
