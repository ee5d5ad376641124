import numpy as np
import pytest

from mmocr_kd.measure.calibration import calibration


def test_deciles_scales_and_bias():
    rng = np.random.default_rng(0)
    predicted = rng.permutation(np.linspace(0, 9.95, 200)).reshape(100, 2)
    found = calibration(predicted, 2 * predicted)
    assert [count for count, *_ in found.bins] == [20] * 10
    means = np.sort(predicted.ravel()).reshape(10, 20).mean(1)
    assert [mean for _, mean, _ in found.bins] == pytest.approx(means.tolist())
    assert [true for *_, true in found.bins] == pytest.approx((2 * means).tolist())
    assert found.scales == pytest.approx([.5, .5]) and found.bias == pytest.approx(-.5)


def test_each_scale_has_its_own_sums():
    found = calibration(np.array([[1., 1.], [1., 2.]]), np.array([[1., 0.], [3., 0.]]))
    assert found.scales[0] == .5 and np.isnan(found.scales[1])
    assert found.bias == pytest.approx(.25)


def test_fewer_predictions_than_groups():
    assert [count for count, *_ in calibration(np.ones((1, 3)), np.ones((1, 3))).bins] == [1] * 3
