import pytest
from mmengine.evaluator import BaseMetric
from mmocr.registry import EVALUATOR

# What KD-LTR's ABINet student reads of TextZoom's test sets, and how many words they have.
COUNTS = {'easy': 1619, 'medium': 1411, 'hard': 1343}
ACCURACY = {'easy': 86.91, 'medium': 72.36, 'hard': 55.10}


class Mean(BaseMetric):
    default_prefix = 'recog'

    def process(self, data_batch, data_samples):
        self.results.extend(data_samples)

    def compute_metrics(self, results):
        return {'acc': sum(results) / len(results), 'num': len(results)}


def build(prefixes=tuple(COUNTS), counts=(1619, 1411, 1343), **fields):
    evaluator = EVALUATOR.build({'type': 'WeightedMultiDatasetsEvaluator', 'metrics': Mean(),
                                 'dataset_prefixes': prefixes, **fields})
    ends = [sum(counts[:i + 1]) for i in range(len(counts))]
    evaluator.dataset_meta = {'cumulative_sizes': ends}
    return evaluator


def evaluate(evaluator):
    evaluator.metrics[0].results = [ACCURACY[name] for name in COUNTS for _ in range(COUNTS[name])]
    return evaluator.evaluate(sum(COUNTS.values()))


def test_the_papers_average_is_reproduced():
    results = evaluate(build())
    assert round(results['weighted/recog/acc'], 2) == 72.45
    assert results['hard/recog/acc'] == pytest.approx(55.10)
    assert results['weighted/recog/acc'] == pytest.approx(
        sum(ACCURACY[name] * COUNTS[name] for name in COUNTS) / 4373)


def test_it_is_not_the_mean_of_the_sets():
    assert abs(evaluate(build())['weighted/recog/acc'] - sum(ACCURACY.values()) / 3) > 0.9


def test_averages_over_some_sets():
    results = evaluate(build(averages={'readable': ['easy', 'medium'], 'all': list(COUNTS)}))
    expected = (86.91 * 1619 + 72.36 * 1411) / (1619 + 1411)
    assert results['readable/recog/acc'] == pytest.approx(expected)
    assert round(results['all/recog/acc'], 2) == 72.45 and 'weighted/recog/acc' not in results


def test_no_averages_is_mmocrs_evaluator():
    assert set(evaluate(build(averages={}))) == {
        f'{name}/recog/{key}' for name in COUNTS for key in ('acc', 'num')}


def test_a_single_data_set_needs_no_sizes():
    evaluator = build(['words'], (4,))
    evaluator.dataset_meta = {}
    evaluator.metrics[0].results = [1, 0, 1, 1]
    assert evaluator.evaluate(4)['weighted/recog/acc'] == 0.75


def test_samples_that_fill_up_the_last_batch_of_several_processes_do_not_count():
    evaluator = build(['words'], (4,))
    evaluator.dataset_meta = {}
    evaluator.metrics[0].results = [1, 0, 1, 1, 1]
    assert evaluator.evaluate(4)['words/recog/num'] == 4


@pytest.mark.parametrize('fields, words', [
    (dict(averages={'mean': ['easy', 'tiny']}), 'tiny'), (dict(averages={'mean': []}), 'some of'),
    (dict(averages={'easy': ['easy']}), "'easy', which is a data set's")])
def test_bad_averages_are_named(fields, words):
    with pytest.raises(ValueError, match=words):
        build(**fields)


def test_a_wrong_number_of_names_is_an_error():
    with pytest.raises(ValueError, match='3 names for 2 data sets'):
        evaluate(build(counts=(10, 20)))
