import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from mmocr_kd.measure.counts import Counts, best_threshold, score

NUMBERS = st.integers(0, 9)


def counts_of(hits, preds, gts, groups=None):
    """Counts with thresholds 0, .1, ... of one row an image."""
    hits = np.array(hits)
    return Counts(np.arange(hits.shape[1]) / 10, hits, np.array(preds), np.array(gts),
                  np.array([f'{image}.jpg' for image in range(len(hits))]), groups)


@st.composite
def any_counts(draw):
    images, steps = draw(st.integers(1, 6)), draw(st.integers(1, 5))
    gts = draw(arrays(int, images, elements=NUMBERS))
    preds = draw(arrays(int, (images, steps), elements=NUMBERS))
    hits = np.minimum(draw(arrays(int, (images, steps), elements=NUMBERS)),
                      np.minimum(preds, gts[:, None]))
    return counts_of(hits, preds, gts)


@given(any_counts())
def test_scores_are_those_of_summed_counts(counts):
    for step in range(len(counts.thresholds)):
        hits = preds = gts = 0
        for image in range(len(counts.gts)):
            hits += counts.hits[image, step]
            preds += counts.preds[image, step]
            gts += counts.gts[image]
        sums = counts.at(step).stacked()[:, 0].sum(0)
        assert sums.tolist() == [hits, preds, gts]
        precision, recall = hits / preds if preds else 0, hits / gts if gts else 0
        both = precision + recall
        hmean = 2 * precision * recall / both if both else 0
        assert score(sums, 'detection') == pytest.approx(hmean)
        assert score(sums, 'words') == pytest.approx(recall)


@given(any_counts())
def test_the_chosen_threshold_has_the_best_score(counts):
    scores = [score(counts.at(step).stacked()[:, 0].sum(0), 'detection')
              for step in range(len(counts.thresholds))]
    best = best_threshold(counts, 'detection')
    equals = [step for step, one in enumerate(scores) if one == max(scores)]
    assert best in equals
    below, above = equals.index(best), len(equals) - 1 - equals.index(best)
    assert above - below in (0, 1)


@given(any_counts())
def test_files_bring_them_back(tmp_path_factory, counts):
    path = tmp_path_factory.mktemp('counts') / 'of_a_run' / 'counts_test.npz'
    counts.save(path)
    back = Counts.load(path)
    assert back.groups is None
    for field in ('thresholds', 'hits', 'preds', 'gts', 'names'):
        np.testing.assert_array_equal(getattr(back, field), getattr(counts, field))


def test_parts_keep_what_belongs_to_their_images(tmp_path):
    counts = counts_of([[1], [2], [3]], [[1], [2], [4]], [1, 2, 5], np.array(['a', 'b', 'a']))
    counts.save(tmp_path / 'counts.npz')
    part = Counts.load(tmp_path / 'counts.npz').part(counts.groups == 'a')
    assert part.names.tolist() == ['0.jpg', '2.jpg'] and part.groups.tolist() == ['a', 'a']
    assert part.stacked()[:, 0].tolist() == [[1, 1, 1], [3, 4, 5]]


@pytest.mark.parametrize('damage', [
    lambda data: b'', lambda data: data[:len(data) // 2], lambda data: b'no archive' + data[10:],
    lambda data: data.replace(b'gts.npy', b'GTS.npy')])
def test_damaged_files_are_named(tmp_path, damage):
    path = tmp_path / 'counts_val.npz'
    counts_of([[1]], [[1]], [1]).save(path)
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(ValueError, match='counts_val.npz holds no counts'):
        Counts.load(path)


def test_a_missing_file_stays_a_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError):
        Counts.load(tmp_path / 'counts_val.npz')


@pytest.mark.parametrize('hits, preds, gts, message', [
    ([[2]], [[1]], [3], "image '0.jpg'"), ([[0], [4]], [[0], [5]], [3, 3], "image '1.jpg'"),
    ([[-1]], [[1]], [1], "image '0.jpg'"), ([[0, 0]], [[0]], [0], 'preds has shape'),
    (np.zeros((0, 2)), np.zeros((0, 2)), [], '0 images at 2 thresholds')])
def test_impossible_counts_are_refused(hits, preds, gts, message):
    with pytest.raises(ValueError, match=message):
        counts_of(hits, preds, gts)


def test_unknown_protocols_are_refused():
    with pytest.raises(ValueError, match="protocol='e2e' must be one of"):
        best_threshold(counts_of([[1]], [[1]], [1]), 'e2e')
