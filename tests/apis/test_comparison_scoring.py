"""Counts say what MMOCR's metrics say."""
import numpy as np
import pytest
import tiny_recog
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from mmengine.config import Config
from mmengine.structures import LabelData
from mmocr.evaluation import HmeanIOUMetric, WordMetric
from tiny_scenes import random_scene

from mmocr_kd.apis.comparison.counting import Counter, find_metric
from mmocr_kd.apis.comparison.groups import group_names
from mmocr_kd.measure.counts import score

METRIC = dict(type='HmeanIOUMetric', pred_score_thrs=dict(start=.3, stop=.95, step=.1))


def scenes(seeds):
    found = [random_scene(seed) for seed in seeds]
    for index, scene in enumerate(found):
        scene.set_metainfo(dict(img_path=f'/data/{index}.jpg', ori_shape=(80, 90)))
    return found


def metric_for(metric, protocol='detection'):
    return find_metric(Config(dict(val_evaluator=metric)), 'val', protocol)


@settings(max_examples=25)
@given(st.lists(st.integers(0, 9999), min_size=1, max_size=6), st.sampled_from([
    'vanilla', 'max_matching']), st.sampled_from([.3, .5, .7]))
def test_detection_at_every_threshold(seeds, strategy, overlap):
    """Ignored words, double predictions and matches in either order are among the scenes."""
    fields = dict(METRIC, strategy=strategy, match_iou_thr=overlap)
    counter = Counter(metric_for(fields), 'detection')
    samples = scenes(seeds)
    counter.add(samples[:1])
    counter.add(samples[1:])
    counts = counter.counts(None)
    assert len(counts.names) == len(seeds)
    assume(counts.gts.sum())  # without any word MMOCR calls a recall 1
    best = []
    for step, threshold in enumerate(counts.thresholds):
        metric = HmeanIOUMetric(overlap, .5, dict(start=threshold, stop=threshold + .01, step=.1),
                                strategy)
        metric.process(None, [sample.to_dict() for sample in samples])
        expected = metric.compute_metrics(metric.results)
        hits, preds, gts = counts.stacked()[:, step].sum(0)
        assert hits / max(preds, 1) == pytest.approx(expected['precision'])
        assert hits / max(gts, 1) == pytest.approx(expected['recall'])
        best.append(expected['hmean'])
    assert score(counts.stacked().sum(0), 'detection') == pytest.approx(best)


@pytest.mark.parametrize('mode, name', [
    ('exact', 'word_acc'), ('ignore_case', 'word_acc_ignore_case'),
    ('ignore_case_symbol', 'word_acc_ignore_case_symbol'),
    (['exact', 'ignore_case_symbol'], 'word_acc_ignore_case_symbol')])
def test_words(mode, name):
    samples = []
    for read, word in [('Cafe', 'cafe'), ('bar!', 'bar'), ('x', 'y'), ('as', 'as'), ('', '')]:
        sample = tiny_recog.sample(word)
        sample.pred_text = LabelData(item=read)
        samples.append(sample)
    counter = Counter(metric_for(dict(type='WordMetric', mode=mode), 'words'), 'words')
    counter.add(samples)
    counts = counter.counts(None)
    metric = WordMetric(mode)
    metric.process(None, [sample.to_dict() for sample in samples])
    sums = counts.stacked().sum((0, 1))
    assert score(sums, 'words') == pytest.approx(metric.compute_metrics(metric.results)[name],
                                                 abs=1e-4)
    assert len(set(counts.names)) == 5 and (counts.preds == 1).all()


def test_names_outlive_a_move_of_the_data():
    names = []
    for root in ('/data', '/home/me/td500'):
        counter = Counter(metric_for(METRIC), 'detection')
        samples = scenes([1, 2])
        for index, sample in enumerate(samples):
            sample.set_metainfo(dict(img_path=f'{root}/images/{index}.jpg'))
        counter.add(samples)
        names.append(counter.counts(None).names.tolist())
    assert names == [['0 0.jpg', '1 1.jpg']] * 2


class Part:
    """A data set of so many samples."""

    def __init__(self, ann_file, length):
        self.ann_file, self.length = ann_file, length

    def __len__(self):
        return self.length


class Both:
    datasets = [Part('a/easy_words.json', 2), Part('b/hard.lmdb', 1)]


def kinds(groups, evaluator, heights=(), dataset=Both):
    return group_names(Config(dict(val_evaluator=evaluator)), 'val', dataset, heights, groups)


def test_groups():
    prefixes = dict(type='MultiDatasetsEvaluator', metrics=[METRIC], dataset_prefixes=['e', 'h'])
    assert kinds(None, prefixes) == kinds('dataset', prefixes) == ['e', 'e', 'h']
    assert kinds('source', prefixes) == ['easy_words', 'easy_words', 'hard']
    assert kinds('dataset', [METRIC]) == ['easy_words', 'easy_words', 'hard']
    assert kinds(None, METRIC, dataset=Both.datasets[0]) is None
    assert kinds('height', METRIC, [5, 12, 13, 16, 17]) == ['<=12', '<=12', '13-16', '13-16', '>16']


@pytest.mark.parametrize('evaluator, number', [
    ([], 0), (dict(type='WordMetric'), 0), ([METRIC, METRIC], 2),
    (dict(type='MultiDatasetsEvaluator', metrics=[dict(type='CharMetric')],
          dataset_prefixes=['a']), 0)])
def test_needs_one_metric(evaluator, number):
    with pytest.raises(ValueError, match=f'has {number} metrics of type HmeanIOUMetric'):
        metric_for(evaluator)


@pytest.mark.parametrize('evaluator', [
    METRIC, [METRIC, dict(type='CharMetric')],
    dict(type='WeightedMultiDatasetsEvaluator', metrics=METRIC, dataset_prefixes=['a'])])
def test_finds_the_metric(evaluator):
    np.testing.assert_allclose(metric_for(evaluator).pred_score_thrs, np.arange(.3, .95, .1))
