import numpy as np
import pytest
from tiny_counts import random_table

from mmocr_kd.measure.paired import Difference, Interval, compare
from mmocr_kd.measure.paired_plot import draw, figure_of
from mmocr_kd.measure.paired_text import report_text, verdict


def found_with(by_seeds, by_images=None, values=(.01, .03)):
    many = len(values) > 1
    return Difference('kd', 'plain', tuple(range(len(values))), np.array(values),
                      Interval(*by_seeds) if many else None, .5 if many else None,
                      Interval(*(by_images or by_seeds)))


@pytest.fixture(scope='module')
def report():
    table = random_table(dict(plain=0., kd=.02, masket=.2), seeds=4,
                         groups=np.array(['low', 'high'] * 30))
    return compare({**table, 'begun': {2: table['kd'][2]}, 'later': {}}, 'plain', 'detection')


@pytest.mark.parametrize('found, says', [
    (found_with((.03, .06)),
     '**kd: gain.** +0.020 against plain (+0.030 to +0.060, 2 paired seeds).'),
    (found_with((.01, .06)), '**kd: gain.** +0.020 against plain (+0.010 to +0.060, 2 paired '
     'seeds); whether it reaches 0.020 is open.'),
    (found_with((-.06, -.01)),
     '**kd: loss.** +0.020 against plain (-0.060 to -0.010, 2 paired seeds).'),
    (found_with((-.06, .01)), '**kd: no gain.** +0.020 against plain (-0.060 to +0.010, 2 paired '
     'seeds): if there is a gain, it is below 0.020.'),
    (found_with((-.06, .1), values=(.03, .07)), '**kd: undecided.** +0.050 against plain (-0.060 '
     'to +0.100, 2 paired seeds). To show a true difference four times in five, +0.050 takes 5 '
     'seeds and +0.020 takes 18 seeds.'),
    (found_with((-.06, .1), (-.2, .3), (.1, .1)), '**kd: undecided.** +0.100 against plain (-0.200 '
     'to +0.300, 2 paired seeds). To show a true difference four times in five, +0.100 takes 2 '
     'seeds and +0.020 takes 2 seeds; more test images would help more.'),
    (found_with((-.9, .9), values=(-.9, .9)), '**kd: undecided.** +0.000 against plain (-0.900 to '
     '+0.900, 2 paired seeds). To show a true difference four times in five, +0.000 takes more '
     'than 1,000 seeds and +0.020 takes more than 1,000 seeds.'),
    (found_with((.03, .06), values=(.02, )), '**kd: undecided.** +0.020 against plain (+0.030 to '
     '+0.060, 1 paired seed). One seed says nothing about luck of training: run more.')])
def test_a_verdict_says_what_follows(found, says):
    assert verdict(found) == says


def rows_of(text):
    """Cells of all tables by their first one."""
    return [[cell.strip() for cell in line.strip('|').split('|')]
            for line in text.splitlines() if line.startswith('|')]


def test_the_table_has_every_arm_that_ran(report):
    rows = {row[0]: row[1:] for row in rows_of(report_text(report))[2:6]}
    assert list(rows) == ['plain', 'kd', 'masket', 'begun']
    arm, found = report.arms[2], report.differences[1]
    assert rows['masket'] == [
        '4', f'{arm.mean:.3f} ± {arm.sd:.3f}', f'{arm.precisions.mean():.3f}',
        f'{arm.recalls.mean():.3f}', f'{found.mean:+.3f}',
        f'{found.by_seeds.low:+.3f} to {found.by_seeds.high:+.3f}',
        f'{found.by_images.low:+.3f} to {found.by_images.high:+.3f}', f'{found.p:.2g}',
        ' '.join(f'{value:+.3f}' for value in found.values)]
    assert rows['plain'][4:] == ['-'] * 5 and rows['begun'][0] == '1'
    assert rows['begun'][5] == rows['begun'][7] == '-' and '±' not in rows['begun'][1]


def test_text_has_a_verdict_for_each_arm_but_the_reference(report):
    lines = [line for line in report_text(report).splitlines() if line.startswith('- **')]
    assert [line[4:].split(':')[0] for line in lines] == ['kd', 'masket', 'begun']
    assert lines[1].startswith('- **masket: gain.**')


def test_groups_have_means_and_differences(report):
    *_, header, ruler, high, low = rows_of(report_text(report))
    assert header == ['group', 'words', 'plain', 'kd', 'masket', 'begun', 'kd - plain',
                      'masket - plain', 'begun - plain']
    group = report.groups['high']
    found = group.differences[1]
    assert high[:2] == ['high', str(group.gts)] and low[0] == 'low'
    assert high[4] == f'{group.arms[2].mean:.3f}'
    assert high[7] == (f'{found.mean:+.3f} ({found.interval.low:+.3f} to '
                       f'{found.interval.high:+.3f})')


def test_every_row_of_a_table_has_its_columns(report):
    for rows in (rows_of(report_text(report))[:6], rows_of(report_text(report))[6:]):
        assert len({len(row) for row in rows}) == 1


def test_the_picture_shows_the_numbers(report):
    figure = figure_of(report)
    left, right = figure.axes
    assert [label.get_text() for label in left.get_yticklabels()] == [
        'plain', 'kd', 'masket', 'begun']
    dots, mean = ([line.get_xdata() for line in left.lines if line.get_ydata()[0] == 2][index]
                  for index in (0, 1))
    assert list(dots) == report.arms[2].scores.tolist() and list(mean) == [report.arms[2].mean]
    found = report.differences[1]
    drawn = [tuple(line.get_xdata()) for line in right.lines if line.get_ydata()[0] == 2]
    assert drawn == [found.by_images, found.by_seeds, tuple(found.values), (found.mean, )]
    assert [(text.get_text(), text.get_position()[1]) for text in right.texts] == [
        ('undecided', 1), ('gain', 2), ('undecided', 3)]


@pytest.mark.parametrize('name', ['paired.png', 'deep/paired.svg'])
def test_the_picture_becomes_a_file(report, tmp_path, name):
    draw(report, tmp_path / name)
    assert (tmp_path / name).stat().st_size > 5000


def test_scores_alone_are_drawn_and_written(tmp_path):
    report = compare({'plain': random_table({'plain': 0.}, 1)['plain'], 'kd': {}}, 'plain', 'words')
    text = report_text(report)
    assert text.startswith('Word accuracy of 60 images') and '- **' not in text
    draw(report, tmp_path / 'one.png')
