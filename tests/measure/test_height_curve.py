"""Texts of known heights: how many of them are found at a scale."""
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny_ratings import SCALES, header

from mmocr_kd.measure import HeightCurve, ImageRating, ScaleRatings
from mmocr_kd.measure.height_curve import known_height_choices
from mmocr_kd.measure.scale_report import ScaleReport
from mmocr_kd.measure.scale_text import report_text


def seen(pages, hits_of, alarms=(2, 1, 0)):
    """Ratings of pages, lists of heights, at three scales, of which a made-up spotter sees all."""
    return ScaleRatings(header(), [
        ImageRating(f'{i}.png', len(page), [[hits_of(np.array(page) * scale)] for scale in SCALES],
                    [[count] for count in alarms], None, [*map(float, page)])
        for i, page in enumerate(pages)])


def sharp(heights):
    """It finds what it sees 16 pixels high."""
    return int((heights >= 16).sum())


PAGES = [[height] * 3 for height in (4, 8, 16, 32, 64, 128)] * 2


def test_shares_are_won_back():
    curve = HeightCurve.fit(seen(PAGES, sharp))
    np.testing.assert_allclose(np.interp(np.log2([2, 4, 8]), curve.octaves, curve.found), 0,
                               atol=.05)
    np.testing.assert_allclose(np.interp(np.log2([16, 32, 64]), curve.octaves, curve.found), 1,
                               atol=.05)
    errors = curve.errors([np.array([64., 17.]), np.array([])], SCALES)
    # The 64 is found at all scales, the 17 at the last; half an error for each false alarm.
    np.testing.assert_allclose(errors, [[2., 1.5, 0.], [1., .5, 0.]], atol=.25)
    np.testing.assert_array_equal(errors[1], [1., .5, 0.])


def test_scales_that_nobody_rated_lie_between():
    curve = HeightCurve.fit(seen(PAGES, sharp))
    nothing = [np.array([])]
    assert curve.errors(nothing, [.5**1.5], 1.).tolist() == [[pytest.approx(1.5)]]
    assert curve.errors(nothing, [.1, 1.], 1.).tolist() == [[2., 0.]]


@settings(max_examples=30, deadline=None)
@given(st.lists(st.lists(st.floats(0, 500), max_size=6), min_size=1, max_size=6).filter(any),
       st.integers(0, 9))
def test_it_expects_no_more_than_there_is(pages, seed):
    rng = np.random.default_rng(seed)
    ratings = seen(pages, lambda heights: int(rng.integers(0, len(heights) + 1)))
    curve = HeightCurve.fit(ratings)
    assert curve.found.min() >= -1e-9 and curve.found.max() <= 1 + 1e-9
    errors = curve.errors(ratings.text_heights, SCALES)
    least = .5 * ratings.false_alarms.mean(0)
    assert (errors >= least - 1e-6).all()
    assert (errors <= ratings.words[:, None] + least + 1e-6).all()


def test_the_sum_of_all_is_right_where_one_height_is_all_there_is():
    """Of equal texts the curve is their share at each scale, but for its smoothness."""
    rng = np.random.default_rng(0)
    ratings = seen([[20] * 5] * 200, lambda heights: int(rng.binomial(5, .1 + heights[0] / 25)))
    curve = HeightCurve.fit(ratings)
    expected = curve.errors(ratings.text_heights, SCALES, 0.).mean(0)
    np.testing.assert_allclose(expected, ratings.misses.mean(0), rtol=.03)


def test_who_knows_the_heights_chooses_as_hindsight_does():
    ratings = seen([[128] * 4, [128] * 4, [20] * 4, [20] * 4] * 6, sharp, alarms=(0, 0, 0))
    choices = known_height_choices(ratings, np.array([1.]))
    assert choices.tolist() == [[0, 0, 2, 2] * 6]
    report = ScaleReport(ratings)
    known = report.known_heights()
    assert known.at(.55) == pytest.approx(float(report.oracle().at(.55)))
    assert known.at(.55) > report.random().at(.55) + .1
    assert 'known heights' in report_text(report)
    assert 'known heights' in [curve.name for curve in report.curves()]


def test_it_may_be_fitted_on_other_images():
    mine = seen([[128] * 4, [20] * 4] * 6, sharp, (0, 0, 0))
    contrary = seen([[128] * 4, [20] * 4] * 6, lambda heights: int((heights < 40).sum()),
                    (0, 0, 0))
    fooled = known_height_choices(mine, np.array([1.]), fitted_on=contrary)
    assert set(fooled[0]) == {0}


def test_old_ratings_do_not_say():
    old = ScaleRatings(header(), [ImageRating('a.png', 1, [[0], [0], [1]], [[0]] * 3, 9.)] * 2)
    with pytest.raises(ValueError, match='before version 0.11: rate again, into a new file'):
        HeightCurve.fit(old)
    report = ScaleReport(old)
    assert report.known_heights() is None
    assert 'known heights' not in report_text(report)


def test_no_text_says_nothing():
    with pytest.raises(ValueError, match='2 images without any text say nothing'):
        HeightCurve.fit(seen([[], []], sharp))
