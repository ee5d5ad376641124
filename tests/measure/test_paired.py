import math
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from tiny_counts import counts_of_run, random_table

from mmocr_kd.measure import paired
from mmocr_kd.measure.counts import Counts
from mmocr_kd.measure.paired import Difference, Interval, compare, difference, seeds_needed

# Hours of sleep that two drugs gave ten people (Student 1908); R's t.test tells the same numbers.
SLEEP = ([.7, -1.6, -.2, -1.2, -.1, 3.4, 3.7, .8, 0, 2],
         [1.9, .8, 1.1, .1, -.1, 4.4, 5.5, 1.6, 4.6, 3.4])


def hmean(counts):
    hits, preds, gts = (sum(values.ravel().tolist())
                        for values in (counts.hits, counts.preds, counts.gts))
    return 2 * hits / (preds + gts)


@pytest.fixture(scope='module')
def table():
    return random_table(dict(plain=0., kd=.02, masket=.08), seeds=5)


@pytest.fixture(scope='module')
def report(table):
    return compare(table, 'plain', 'detection')


def test_arms_have_the_scores_of_their_runs(table, report):
    assert [arm.name for arm in report.arms] == ['plain', 'kd', 'masket']
    for arm in report.arms:
        runs = table[arm.name]
        assert arm.seeds == (0, 1, 2, 3, 4)
        assert arm.scores == pytest.approx([hmean(runs[seed]) for seed in range(5)])
        assert arm.mean == pytest.approx(sum(arm.scores) / 5)
        assert arm.sd == pytest.approx(stats.tstd(arm.scores))
        assert arm.recalls[3] == pytest.approx(runs[3].hits.sum() / runs[3].gts.sum())
        assert arm.precisions[3] == pytest.approx(runs[3].hits.sum() / runs[3].preds.sum())
        assert arm.thresholds.tolist() == [.5] * 5


def test_differences_are_those_of_a_seed(table, report):
    assert [(one.arm, one.reference) for one in report.differences] == [
        ('kd', 'plain'), ('masket', 'plain')]
    for found in report.differences:
        expected = [hmean(table[found.arm][seed]) - hmean(table['plain'][seed])
                    for seed in range(5)]
        assert found.values == pytest.approx(expected)
        assert found.mean == pytest.approx(np.mean(expected))
        half = 2.776445 * np.std(expected, ddof=1) / math.sqrt(5)  # t of 4 degrees of freedom
        assert found.by_seeds == pytest.approx((found.mean - half, found.mean + half), abs=1e-6)


def test_a_paired_t_test_of_the_textbook():
    runs = [{seed: counts_of_run([round(10 * (hours + 2))], [100], [100])
             for seed, hours in enumerate(drug)} for drug in SLEEP]
    found = difference(dict(zip('ab', runs)), 'b', 'a', 'words')
    assert found.mean == pytest.approx(.158)
    assert found.by_seeds == pytest.approx((.07001142, .24598858), abs=1e-8)
    assert found.p == pytest.approx(.002833, abs=1e-6)


def test_one_seed_is_about_images_alone():
    generator = np.random.default_rng(0)
    ours, theirs = (generator.binomial(1, share, 400) for share in (.8, .6))
    arms = {name: {0: counts_of_run(hits, np.ones(400, int), np.ones(400, int))}
            for name, hits in dict(a=ours, b=theirs).items()}
    found = difference(arms, 'a', 'b', 'words')
    half = 1.96 * (ours - theirs).std() / 20
    assert found.by_images == pytest.approx((found.mean - half, found.mean + half), abs=.1 * half)
    assert found.by_seeds is found.p is found.seeds_needed() is None
    assert math.isnan(found.sd) and found.interval == found.by_images
    assert found.interval.low > 0 and found.verdict == 'undecided'


def test_images_that_are_all_alike_leave_the_luck_of_seeds():
    arms = {name: {seed: counts_of_run([hits] * 30, [100] * 30, [100] * 30)
                   for seed, hits in enumerate(drawn)} for name, drawn in dict(
                       a=np.random.default_rng(0).integers(50, 90, 12), b=[60] * 12).items()}
    found = difference(arms, 'a', 'b', 'words')
    half = 1.96 * found.sd / math.sqrt(12)
    assert found.by_images == pytest.approx((found.mean - half, found.mean + half), abs=.12 * half)


def test_how_often_intervals_hold_the_truth(monkeypatch):
    """Runs that differ by seed and, above all, images on which an arm does better or worse."""
    monkeypatch.setattr(paired, 'REPLICATES', 300)
    generator, held = np.random.default_rng(0), []
    for _ in range(150):
        shares = .5 + generator.normal([[[0.]], [[.1]]], .02, (2, 4, 1)) + generator.choice(
            [-.3, .3], (2, 1, 40))  # arm, seed, image
        hits = generator.binomial(20, shares)
        arms = {name: {seed: counts_of_run(hits[arm, seed], [20] * 40, [20] * 40)
                       for seed in range(4)} for arm, name in enumerate('ab')}
        found = difference(arms, 'b', 'a', 'words')
        held.append([low < .1 < high
                     for low, high in (found.by_seeds, found.by_images, found.interval)])
    by_seeds, by_images, both = np.mean(held, 0)
    assert by_seeds < .8  # it does not ask about other images
    assert by_images > .9 and both >= by_images


def test_the_bootstrap_is_quick(table):
    table = random_table(dict(a=0., b=.1), seeds=7, images=200)
    before = time.process_time()
    difference(table, 'b', 'a', 'detection')
    assert time.process_time() - before < 2


@settings(max_examples=15, deadline=None)
@given(st.randoms(use_true_random=False))
def test_order_says_nothing(table, report, shuffler):
    images = list(range(len(table['plain'][0].names)))
    seeds, arms = list(range(5)), ['kd', 'masket', 'plain']
    for order in (images, seeds, arms):
        shuffler.shuffle(order)
    again = compare({arm: {seed: table[arm][seed].part(np.array(images)) for seed in seeds}
                     for arm in arms}, 'plain', 'detection')
    ours = {one.arm: one for one in again.differences}
    for found in report.differences:
        same = ours[found.arm]
        assert same.seeds == found.seeds and same.values.tolist() == found.values.tolist()
        assert (same.by_seeds, same.p, same.by_images) == (
            found.by_seeds, found.p, found.by_images)


def test_swapping_the_arms_mirrors(table):
    there, back = (difference(table, *pair, 'detection')
                   for pair in (('kd', 'masket'), ('masket', 'kd')))
    assert there.values.tolist() == (-back.values).tolist() and there.p == pytest.approx(back.p)
    assert there.by_seeds == pytest.approx([-back.by_seeds.high, -back.by_seeds.low])
    assert there.by_images == pytest.approx([-back.by_images.high, -back.by_images.low], abs=.005)


def test_images_shown_twice_change_no_score_and_look_surer(table):
    twice = np.repeat(np.arange(len(table['plain'][0].names)), 2)
    one, two = ({arm: {0: table[arm][0].part(images)} for arm in ('plain', 'kd')}
                for images in (np.unique(twice), twice))
    one, two = (difference(arms, 'kd', 'plain', 'detection') for arms in (one, two))
    assert two.values == pytest.approx(one.values)
    assert np.ptp(two.by_images) == pytest.approx(np.ptp(one.by_images) / math.sqrt(2), rel=.1)


def test_only_seeds_of_both_are_compared(table):
    some = {'plain': {seed: table['plain'][seed] for seed in (0, 2, 3)},
            'kd': {seed: table['kd'][seed] for seed in (3, 2, 4)},
            'masket': {1: table['masket'][1]}, 'later': {}}
    report = compare(some, 'plain', 'detection')
    assert [arm.seeds for arm in report.arms] == [(0, 2, 3), (2, 3, 4), (1, )]
    found, = report.differences
    assert found.arm == 'kd' and found.seeds == (2, 3) and len(found.values) == 2


def test_without_the_reference_there_are_scores_alone(table):
    report = compare({'plain': {}, 'kd': table['kd']}, 'plain', 'detection')
    assert [arm.name for arm in report.arms] == ['kd'] and not report.differences


def test_groups_are_tables_of_their_images():
    groups = np.array(['<=12', '>16', '<=12', '13-16'] * 15)
    table = random_table(dict(plain=0., kd=.1), seeds=3, groups=groups)
    report = compare(table, 'plain', 'words')
    assert list(report.groups) == ['13-16', '<=12', '>16']
    assert sum(group.gts for group in report.groups.values()) == report.gts
    for name, group in report.groups.items():
        alone = compare({arm: {seed: counts_of_run(*(
            getattr(counts, field)[groups == name] for field in ('hits', 'preds', 'gts')))
            for seed, counts in runs.items()} for arm, runs in table.items()}, 'plain', 'words')
        assert group.images == alone.images == (groups == name).sum()
        assert group.arms[1].scores.tolist() == alone.arms[1].scores.tolist()
        assert group.differences[0].interval == alone.differences[0].interval


@pytest.mark.parametrize('by_seeds, by_images, verdict', [
    ((.01, .05), (.02, .06), 'gain'), ((.01, .05), (-.01, .06), 'undecided'),
    ((-.01, .05), (.01, .06), 'undecided'), ((-.05, -.01), (-.06, -.02), 'loss'),
    ((-.05, -.01), (-.06, .01), 'no gain'), ((-.01, .019), (-.02, .01), 'no gain'),
    ((-.01, .019), (-.02, .021), 'undecided'), ((.001, .01), (.002, .01), 'gain'),
    ((0., .01), (.002, .01), 'no gain')])
def test_verdicts_believe_the_less_certain(by_seeds, by_images, verdict):
    found = Difference('a', 'b', (0, 1), np.array([.01, .02]), Interval(*by_seeds), .5,
                       Interval(*by_images))
    assert found.verdict == verdict
    assert found.interval == (min(by_seeds[0], by_images[0]), max(by_seeds[1], by_images[1]))


def test_what_would_matter_is_the_users():
    found = Difference('a', 'b', (0, 1), np.zeros(2), Interval(-.02, .04), 1., Interval(0, 0), .05)
    assert found.verdict == 'no gain'


def test_equal_runs_are_no_gain(table):
    found = difference({'a': table['kd'], 'b': table['kd']}, 'a', 'b', 'detection')
    assert found.interval == (0, 0) and found.p == 1 and found.verdict == 'no gain'
    assert found.seeds_needed() is None and found.seeds_needed(.02) == 2


@pytest.mark.parametrize('effect, pairs', [(.2, 199), (.5, 34), (.8, 15), (1., 10), (1.5, 6)])
def test_seeds_needed_are_those_of_power_tables(effect, pairs):
    assert seeds_needed(effect * .03, .03) == seeds_needed(-effect * .03, .03) == pairs


def test_seeds_needed_do_in_a_simulation():
    pairs = seeds_needed(.02, .025)
    drawn = np.random.default_rng(0).normal(.02, .025, (8000, pairs))
    gains = [stats.ttest_1samp(drawn[:, :count], 0, axis=1).confidence_interval().low > 0
             for count in (pairs - 1, pairs)]
    fewer, enough = np.mean(gains, axis=1)
    assert fewer < .8 + .01 < enough + .02 < .87


def test_what_no_thousand_seeds_show():
    assert seeds_needed(.0001, .1) is None and seeds_needed(0, .1) is None


@pytest.mark.parametrize('change, message', [
    (dict(reference='plane'), "reference='plane' must be one of the arms: plain, kd, masket"),
    (dict(protocol='e2e'), "protocol='e2e'"), (dict(smallest=0), 'smallest=0 must be above 0'),
    (dict(smallest=math.nan), 'smallest=nan'), (dict(arms={'plain': {}}), 'no run to compare')])
def test_what_cannot_be_compared(table, change, message):
    with pytest.raises(ValueError, match=message):
        compare(**{**dict(arms=table, reference='plain', protocol='detection'), **change})


def test_runs_of_other_images_are_named(table):
    other = table['kd'][1]
    for wrong in (other.part(np.arange(3)), other.part(np.arange(len(other.names))[::-1])):
        with pytest.raises(ValueError, match='kd/1 and plain/0 were not scored on the same'):
            compare({**table, 'kd': {1: wrong}}, 'plain', 'detection')


def test_runs_need_a_chosen_threshold(table):
    two = Counts(np.array([.3, .5]), *(np.repeat(values, 2, 1) for values in (
        table['kd'][0].hits, table['kd'][0].preds)), table['kd'][0].gts, table['kd'][0].names)
    with pytest.raises(ValueError, match='kd/0 is counted at 2 thresholds'):
        compare({**table, 'kd': {0: two}}, 'plain', 'detection')
