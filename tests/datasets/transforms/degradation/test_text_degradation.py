import collections

import cv2
import numpy as np
import pytest
from mmocr.registry import TRANSFORMS

from mmocr_kd.datasets.transforms.degradation import OPERATIONS, TextDegradation

NUM = 3000


def word(grey=False):
    pixels = np.full((16, 64, 3), (40, 90, 160), np.uint8)
    cv2.putText(pixels, 'Word', (4, 13), cv2.FONT_HERSHEY_SIMPLEX, 0.45, (240, 220, 200), 1)
    return pixels[..., 1].copy() if grey else pixels


def build(**fields):
    return TRANSFORMS.build({'type': 'TextDegradation', **fields})


def degraded(transform, index, **fields):
    image = word()
    image[0, 0] = index  # another image, for what draws by it
    return transform.transform({'img': image, **fields})


def test_each_operation_comes_with_its_probability_and_independently():
    transform, rng = build(), np.random.default_rng(0)
    draws = [transform.draw(rng) for _ in range(NUM)]
    counts = collections.Counter(name for draw in draws for name in draw)
    deviation = (0.25 * 0.75 / NUM)**0.5
    assert set(counts) == set(OPERATIONS)
    assert all(abs(count / NUM - 0.25) < 4 * deviation for count in counts.values())
    assert abs(sum(not draw for draw in draws) / NUM - 0.75**8) < 4 * deviation
    pairs = sum({'median_blur', 'superpixels'} <= set(draw) for draw in draws)
    assert abs(pairs / NUM - 1 / 16) < 4 * deviation


def test_the_order_is_random():
    transform, rng = build(prob=1), np.random.default_rng(0)
    first = collections.Counter(transform.draw(rng)[0] for _ in range(NUM))
    deviation = (1 / 8 * 7 / 8 / NUM)**0.5
    assert all(abs(first[name] / NUM - 1 / 8) < 4 * deviation for name in OPERATIONS)


def test_what_is_noted_is_what_was_done():
    operations = {'average_blur': {'size': 3}, 'median_blur': {'size': 3}}
    transform = build(prob=0.5, operations=operations)
    orders = set()
    for index in range(30):
        results = degraded(transform, index)
        orders.add(names := tuple(results['degradations']))
        expected = word()
        expected[0, 0] = index
        for name in names:
            expected = (cv2.blur(expected, (3, 3)) if name == 'average_blur'
                        else cv2.medianBlur(expected, 3))
        np.testing.assert_array_equal(results['img'], expected)
    assert len(orders) == 5  # none, either, both in two orders


def test_seed_and_image_fix_everything():
    first, again, other = (build(seed=seed, seed_by_image=True) for seed in (0, 0, 1))
    images = [degraded(first, i)['img'] for i in range(20)]
    for index in reversed(range(20)):  # whatever came before
        np.testing.assert_array_equal(images[index], degraded(again, index)['img'])
    assert any((images[i] != degraded(other, i)['img']).any() for i in range(5))


def test_by_default_epochs_differ_but_follow_numpys_seed():
    transform = build()

    def epoch():
        return np.stack([degraded(transform, i)['img'] for i in range(10)])

    np.random.seed(0)
    first, second = epoch(), epoch()
    np.random.seed(0)
    np.testing.assert_array_equal(first, epoch())
    assert (first != second).any()


def test_it_works_on_small_images_and_never_on_large_ones():
    pipeline = [TRANSFORMS.build(step) for step in (
        {'type': 'SynthesizeLR', 'scale': 1},
        {'type': 'PairedResize', 'lr_scale': (32, 8), 'hr_scale': (64, 16)},
        {'type': 'TextDegradation', 'prob': 1})]
    results = {'img': word(), 'sample_idx': 0}
    for transform in pipeline[:2]:
        results = transform(results)
    clean = {key: results[key].copy() for key in ('img', 'hr_img')}
    results = pipeline[2](results)
    np.testing.assert_array_equal(results['hr_img'], clean['hr_img'])
    assert (results['img'] != clean['img']).mean() > 0.5 and results['img'].shape == (8, 32, 3)


@pytest.mark.parametrize('grey', [False, True])
def test_shapes_and_types_stay(grey):
    transform = build(prob=1)
    for index in range(5):
        results = transform.transform({'img': word(grey), 'sample_idx': index})
        assert results['img'].shape == word(grey).shape and results['img'].dtype == np.uint8


def test_no_probability_changes_nothing():
    np.testing.assert_array_equal(build(prob=0).transform({'img': word()})['img'], word())


@pytest.mark.parametrize('fields, words', [
    (dict(prob=1.5), 'prob=1.5'), (dict(seed=-1), 'seed=-1'),
    (dict(operations={'fog': {}}), "'fog' is unknown"),
    (dict(operations={'median_blur': {'sigma': 3}}), "median_blur has no field 'sigma'"),
    (dict(operations={'median_blur': {'size': (5, 3)}}), r'median_blur.size=\(5, 3\)')])
def test_bad_fields_are_named(fields, words):
    with pytest.raises(ValueError, match=words):
        build(**fields)


def test_only_bytes_are_degraded():
    with pytest.raises(TypeError, match='float32'):
        build().transform({'img': word().astype(np.float32), 'sample_idx': 0})


def test_the_defaults_are_those_of_the_paper():
    assert TextDegradation().operations == {
        'gaussian_blur': {'sigma': (0, 3)},
        'average_blur': {'size': (1, 5)},
        'median_blur': {'size': (3, 7)},
        'bilateral_blur': {'size': (3, 9), 'sigma_color': (10, 250), 'sigma_space': (10, 250)},
        'motion_blur': {'size': (3, 3), 'angle': (0, 360), 'direction': (-1, 1)},
        'mean_shift_blur': {'spatial_radius': (5, 40), 'color_radius': (5, 40)},
        'superpixels': {'replace': (0.1, 0.5), 'segments': (1, 7)},
        'gaussian_noise': {'sigma': (0, 12.75), 'per_channel': 0.5},
    }
