import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmocr_kd.datasets.embedded.degradation import Degradation, plan_degradation
from mmocr_kd.datasets.embedded.degrade import degrade

GRAY = np.full((120, 160, 3), 128, np.uint8)
EDGE = np.repeat(np.where(np.add.outer(np.arange(120), np.arange(160)) < 140, 40, 200)
                 [..., None], 3, axis=2).astype(np.uint8)


def test_nothing_to_do_changes_nothing():
    assert degrade(EDGE, Degradation()) is EDGE


@pytest.mark.parametrize('sigma', [2.0, 6.0, 12.0])
def test_noise_has_the_wanted_strength_and_no_bias(sigma):
    noise = degrade(GRAY, Degradation(noise=sigma)).astype(float) - 128
    assert abs(noise.std() / sigma - 1) < 0.1
    assert abs(noise.mean()) < 0.15
    assert abs(np.corrcoef(noise[..., 0].ravel(), noise[..., 1].ravel())[0, 1]) < 0.05


@pytest.mark.parametrize('how', [Degradation(blur=2.0), Degradation(motion=9, seed=1)])
def test_blur_softens_edges_and_keeps_flat_areas(how):
    blurred = degrade(EDGE, how).astype(int)
    assert np.abs(np.diff(blurred, axis=1)).max() < np.abs(np.diff(EDGE.astype(int), axis=1)).max()
    np.testing.assert_array_equal(degrade(GRAY, how), GRAY)


def test_light_varies_over_the_image():
    lit = degrade(GRAY, Degradation(light=0.5)).astype(int)
    assert np.ptp(lit[..., 0]) > 40
    assert np.abs(np.diff(lit, axis=1)).max() <= 3


def test_stronger_compression_loses_more():
    def loss(quality):
        return np.abs(degrade(EDGE, Degradation(jpeg=quality)).astype(int) - EDGE).mean()

    assert loss(10) > 2 * loss(90) > 0


@settings(max_examples=30)
@given(st.integers(0, 10**9), st.floats(0, 2))
def test_the_same_plan_gives_the_same_pixels(seed, difficulty):
    how = plan_degradation(np.random.default_rng(seed), difficulty)
    np.testing.assert_array_equal(degrade(EDGE, how), degrade(EDGE, how))


def test_text_has_to_be_larger_to_be_read_through_blur():
    assert Degradation(blur=3).legible_height > Degradation().legible_height
    assert Degradation(motion=8).legible_height > Degradation().legible_height
