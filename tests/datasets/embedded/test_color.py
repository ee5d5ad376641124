import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from mmocr_kd.datasets.embedded.color import contrasting, luminance, of_brightness

seeds = st.integers(0, 2**32)


@given(seeds, st.floats(0, 255))
def test_a_drawn_colour_has_the_wanted_brightness(seed, wanted):
    color = of_brightness(np.random.default_rng(seed), wanted)
    assert color.shape == (3, ) and (color >= 0).all() and (color <= 255).all()
    assert np.isclose(luminance(color), wanted, atol=1e-6)


@given(seeds, st.floats(0, 255), st.floats(1, 127))
def test_contrast_is_never_below_the_least(seed, behind, least):
    color = contrasting(np.random.default_rng(seed), behind, least)
    assert (color >= 0).all() and (color <= 255).all()
    assert abs(luminance(color) - behind) >= min(least, 255 - behind, behind) - 1e-6
    assert abs(luminance(color) - behind) >= least - 1e-6


def test_colours_are_grey_and_coloured_brighter_and_darker():
    colors = [contrasting(np.random.default_rng(seed), 128) for seed in range(200)]
    grey = np.mean([np.ptp(color) < 1e-6 for color in colors])
    bright = np.mean([luminance(color) > 128 for color in colors])
    assert 0.2 < grey < 0.6 and 0.3 < bright < 0.7
