"""Scores of words by threshold and size, and who finds which, against counting one by one."""
import csv

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from mmocr.evaluation.functional import compute_hmean

from mmocr_kd.measure.diagnosis_text import (
    agreement_table,
    bound,
    pull_table,
    size_table,
    tables,
    threshold_table,
    write_csv,
)
from mmocr_kd.measure.found_words import FoundWords, agreement, in_bins
from mmocr_kd.measure.pulls import Pull

HEIGHTS = np.array([8., 8.5, 30., 100.])


def words(*found, predictions=None, heights=HEIGHTS):
    """Of some words at thresholds .3 and .5; a row each."""
    found = np.array(found, bool).reshape(-1, 2)
    return FoundWords(np.array([.3, .5], np.float32), found,
                      np.array(predictions or [len(found)] * 2), {'height': heights})


STUDENT = words([1, 1], [1, 0], [0, 0], [0, 0], predictions=[2, 1])
TEACHER = words([0, 0], [1, 1], [1, 1], [0, 0], predictions=[4, 2])


@given(arrays(bool, st.tuples(st.integers(1, 5), st.just(2))), st.integers(0, 3))
def test_scores_are_mmocrs(found, others):
    hits = found.sum(0)
    scored = words(*found, predictions=(hits + others).tolist(), heights=np.zeros(len(found)))
    for place, hit in enumerate(hits):
        recall, precision, hmean = compute_hmean(
            int(hit), int(hit), len(found), int(hit) + others)
        assert scored.recalls[place] == pytest.approx(recall)
        assert scored.precisions[place] == pytest.approx(precision)
        assert scored.hmeans[place] == pytest.approx(hmean)


def test_the_best_threshold_counts():
    assert STUDENT.best == 0 and STUDENT.hmeans.tolist() == pytest.approx([2 / 3, .4])
    assert TEACHER.best == 1
    assert STUDENT.at_best.tolist() == [True, True, False, False]


def test_images_make_a_whole():
    whole = FoundWords.of_images([STUDENT, TEACHER])
    assert whole.found.shape == (8, 2) and whole.predictions.tolist() == [6, 3]
    assert whole.sizes['height'].tolist() == [*HEIGHTS, *HEIGHTS]


def test_bins_hold_their_upper_edge_and_each_word_once():
    bins = in_bins(HEIGHTS, (8, 12, 32))
    assert {name: which.tolist() for name, which in bins.items()} == {
        '<= 8': [True, False, False, False], '<= 12': [False, True, False, False],
        '<= 32': [False, False, True, False], '> 32': [False, False, False, True],
        'all': [True] * 4}
    assert list(in_bins(HEIGHTS[:1], (8, 12))) == ['<= 8', 'all']


def test_who_found_what():
    assert agreement(STUDENT.at_best, TEACHER.at_best) == {
        'both': 1, 'student only': 1, 'teacher only': 1, 'none': 1}
    table = agreement_table(('s', STUDENT), ('t', TEACHER))
    assert table.rows == {'<= 8': [0, 1, 0, 0], '<= 12': [1, 0, 0, 0], '<= 32': [0, 0, 1, 0],
                          '> 64': [0, 0, 0, 1], 'all': [1, 1, 1, 1]}
    assert bound(STUDENT, TEACHER) == (
        'Of the words the student misses, the teacher finds 50.0%; of those it finds, the teacher '
        'misses 50.0%. Recall: student 50.0%, teacher 50.0%, with all that either finds 75.0%. '
        'Hmean: 0.667, teacher 0.667.')


def test_nothing_to_find():
    none = words(heights=np.zeros(0))
    assert 'the teacher finds none' in bound(none, none)
    assert size_table('height', {'s': words([0, 0], heights=HEIGHTS[:1])}).rows['all'] == [1, 0.]


def test_tables_and_their_file(tmp_path):
    assert threshold_table({'s': STUDENT, 't': TEACHER}).rows['0.3'] == pytest.approx(
        [1, .5, 2 / 3, .5, .5, .5])
    assert size_table('height', {'s': STUDENT, 't': TEACHER}).rows['<= 12'] == [1, 1., 1.]
    pulled = {'loss_kd': [{'all': Pull(.5, 1.)}, {'all': Pull(1.5, 0.)}]}
    assert pull_table('epoch_1', pulled).rows == {
        'loss_kd, all': pytest.approx([1., .5**.5, .5, .5**.5])}
    told = list(tables({'epoch_1': pulled, 'epoch_2': {}}, {'s': STUDENT}, {'t': TEACHER}))
    assert [table.title.split()[0] for table in told] == [
        'Gradients', 'Precision,', 'Share', 'Words']
    assert '| loss_kd, all | 1.000 | 0.707 | 0.500 | 0.707 |' in str(told[0])
    write_csv(told, tmp_path / 'new/told.csv')
    with open(tmp_path / 'new/told.csv', newline='') as file:
        rows = list(csv.reader(file))
    assert rows[0] == ['table', 'row', 'column', 'value']
    assert rows[1:3] == [[told[0].title, 'loss_kd, all', 'norm', '1'],
                         [told[0].title, 'loss_kd, all', 'sd', '0.707107']]
    assert len(rows) == 1 + sum(len(values) for table in told for values in table.rows.values())
