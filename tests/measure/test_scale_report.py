"""What a report says, of data of which it is known."""
import csv
import re

import cv2
import numpy as np
import pytest
from tiny_ratings import MACS, rated

from mmocr_kd.losses import check_scale_factors
from mmocr_kd.measure.scale_plot import draw, write_csv
from mmocr_kd.measure.scale_report import ScaleReport, Selector
from mmocr_kd.measure.scale_text import report_text, verdict

EASY, HARD, NEVER = [4, 4, 4], [0, 1, 4], [0, 0, 0]


def images(*kinds, words=4):
    return [(words, hits, NEVER, {str(EASY): 50., str(HARD): 10.}.get(str(hits)))
            for hits in kinds]


def mixed(count=20, **changed):
    """Half of the images are read at any scale, the others at full resolution only."""
    return rated(*images(*[EASY, EASY, HARD, HARD] * (count // 4)), **changed)


def selector(ratings, name='a.pth', errors=None, **fields):
    """One that knows all."""
    return Selector('dld', name, ratings.errors() if errors is None else errors,
                    **{'cost': .01, 'ms': .5, **fields})


def test_worth_it_where_images_differ():
    report = ScaleReport(mixed())
    gain, cost = report.gain
    # Half of the images at .1, half at 1: all words at a cost of .55, where chance reads 75 %.
    assert cost == pytest.approx(.55, abs=.01)
    assert gain == pytest.approx(1 - 2 * .75 / 1.75, abs=.01)
    assert verdict(report).startswith('Worth a selector: with hindsight')
    assert '14.3 points' in verdict(report)


@pytest.mark.parametrize('kinds', [[HARD] * 8, [EASY] * 8, [[2, 3, 4]] * 8])
def test_not_worth_it_where_all_are_alike(kinds):
    report = ScaleReport(rated(*images(*kinds)))
    assert report.gain[0] == pytest.approx(0, abs=1e-9)
    assert verdict(report).startswith('Not worth a selector here: ')


def test_a_gain_of_five_points_is_the_least():
    for easy, worth in ((2, False), (6, True)):
        report = ScaleReport(rated(*images(*[EASY] * easy, *[HARD] * (40 - easy))))
        assert (report.gain[0] >= .05) == worth == verdict(report).startswith('Worth')


@pytest.mark.parametrize('kind, says', [
    (HARD, 'more than one point below'), ([0, 99, 100], 'within one point of'),
    (EASY, 'no less than')])
def test_whether_half_the_compute_can_do(kind, says):
    text = report_text(ScaleReport(rated(*images(*[kind] * 4, words=100))))
    assert f'{says} full resolution' in text


def test_a_selector_that_knows_all_gains_all_but_its_cost():
    ratings = mixed()
    point = ScaleReport(ratings).point(selector(ratings), .6)
    assert point.cost == pytest.approx(.55 + .01) and point.hmean == 1 and point.share == 1
    assert point.ms == pytest.approx(2 / 2 + 10 / 2 + .5)
    free = ScaleReport(ratings).point(selector(ratings, cost=0.), .6)
    assert free.cost == pytest.approx(.55) and free.share == pytest.approx(1, abs=.01)
    assert free.price == point.price


def test_one_that_knows_nothing_gains_nothing():
    ratings = mixed()
    same = np.tile(ratings.errors().mean(0), (20, 1))
    point = ScaleReport(ratings).point(selector(ratings, errors=same, cost=0.), .2)
    assert point.cost == pytest.approx(.1) and point.hmean == pytest.approx(point.random)
    paid = ScaleReport(ratings).point(selector(ratings, errors=same, cost=.05), .2)
    assert paid.share < 0  # chance does better with what choosing costs


def test_prices_come_from_validation_where_there_is_one():
    """There, full resolution is worth 3 errors to all: a price of 3 / .9 moves them off it."""
    ratings = mixed()
    own, tuned = selector(ratings), selector(ratings, tuning=np.tile([3., 3., 0.], (5, 1)))
    assert 3 / .9 < tuned.price_of(.6, ratings.costs) < 3 / .9 * 1.13
    assert own.price_of(.6, ratings.costs) < 1
    point = ScaleReport(ratings).point(tuned, .6)
    assert point.price == tuned.price_of(.6, ratings.costs)
    assert point.cost == pytest.approx((.1 + 1) / 2 + .01)  # 4 errors at stake in these
    assert tuned.price_of(.05, ratings.costs) is None


def test_what_no_price_reaches_is_left_open():
    ratings = mixed()
    text = report_text(ScaleReport(ratings, [selector(ratings, cost=.3)]))
    assert '| 0.3 | - |' in text and re.search(r'^\| 0\.4 \| [\d.]+ \|', text, re.M)


def test_seeds_have_a_mean_and_a_spread():
    ratings = mixed()
    blind = np.tile(ratings.errors().mean(0), (20, 1))
    two = [selector(ratings, cost=0.), selector(ratings, 'b.pth', blind, cost=0.)]
    report = ScaleReport(ratings, two)
    shares = [report.point(one, .7).share for one in two]
    row, = re.findall(r'^\| 0\.7 .*%.*$', report_text(report), re.M)
    mean, spread = 100 * np.mean(shares), 100 * np.std(shares, ddof=1)
    assert f'{mean:.0f}% ± {spread:.0f}% | {shares[0]:.0%} {shares[1]:.0%} |' in row
    assert 'dld, 2 selector(s): choosing costs 0.00%' in report_text(report)
    assert 'Bias over all scales, of each: +0.0%, +0.0%' in report_text(report)


def test_one_that_classifies_has_one_point():
    ratings = mixed()
    fixed = selector(ratings, errors=-np.eye(3)[[0, 0, 2, 2] * 5], has_prices=False)
    text = report_text(ScaleReport(ratings, [fixed]))
    assert re.search(r'^\| none \| 0 \| 0\.560 \| 6\.5 \| 1\.000 ', text, re.M)
    assert 'predictions' not in text
    assert len(ScaleReport(ratings).chosen(fixed).costs) == 1


def test_lines_to_paste_are_a_selectors_fields():
    line = report_text(ScaleReport(mixed())).splitlines()[-1]
    fields = eval(f'dict({line.partition(": ")[2]})')
    assert fields == {'scale_factors': [.25, .5, 1.], 'costs': [.1, .4, 1.], 'full_ms': 10.}
    check_scale_factors(fields['scale_factors'])


def test_other_models_are_measured_by_the_same_full_pass():
    ratings, other = mixed(), mixed(macs=[macs * 2 for macs in MACS], ms=[1., 2., 3.])
    curve, = ScaleReport(ratings, beside={'large': other}).others()
    assert curve.costs == pytest.approx([.2, .8, 2.]) and curve.name == 'large'
    assert '| large | hmean' in report_text(ScaleReport(ratings, beside={'large': other}))
    with pytest.raises(ValueError, match="'large' has ratings of other images"):
        ScaleReport(ratings, beside={'large': mixed(16)})


def test_the_rule_may_be_fitted_on_other_images():
    ratings = mixed()
    contrary = rated(*images(*[EASY, EASY, HARD, HARD] * 5))
    for image in contrary.images:  # there large text needs the large scale
        object.__setattr__(image, 'height', 60. - image.height)
    own = ScaleReport(ratings).height_rule()
    fooled = ScaleReport(ratings, validation=contrary).height_rule()
    assert own.at(.6) == 1 and fooled.at(.6) < .9
    with pytest.raises(ValueError, match='validation has scales'):
        ScaleReport(ratings, validation=mixed(scales=[.25, .6, 1.]))


def test_the_first_look_of_the_rule_is_counted():
    rule = ScaleReport(mixed()).height_rule()
    assert rule.costs[-1] == pytest.approx(.1 / 2 + 1.1 / 2)
    assert rule.costs[0] == pytest.approx(.1)


@pytest.mark.parametrize('some', [[], images(EASY), images(NEVER, NEVER, words=0)])
def test_nothing_to_report_on(some):
    with pytest.raises(ValueError, match='at least two images, and some words, are needed'):
        ScaleReport(rated(*some))


def test_files_have_every_point(tmp_path):
    ratings = mixed()
    report = ScaleReport(ratings, [selector(ratings), selector(ratings, 'b.pth')],
                         {'other': mixed(macs=MACS)})
    write_csv(report, tmp_path / 'new' / 'all.csv')
    with open(tmp_path / 'new' / 'all.csv') as file:
        rows = [*csv.DictReader(file)]
    assert {row['unit'] for row in rows} == {'cost', 'ms'}
    for curve in report.curves('ms'):
        mine = [row for row in rows if row['curve'] == curve.name and row['unit'] == 'ms']
        found = {(row['cost'], row['hmean']) for row in mine}
        assert {(f'{cost:.6g}', f'{value:.6g}')
                for cost, value in zip(curve.costs, curve.hmeans)} == found
    draw(report, tmp_path / 'picture.png')
    image = cv2.imread(str(tmp_path / 'picture.png'))
    assert image.shape == (675, 1650, 3) and len(np.unique(image.reshape(-1, 3), axis=0)) > 50
    with pytest.raises(ValueError, match='nonsense'):
        draw(report, tmp_path / 'picture.nonsense')
