import itertools

import numpy as np
import pytest
import torch
from mmengine.evaluator import Evaluator
from mmocr.evaluation.functional import compute_hmean
from mmocr.registry import METRICS
from mmocr.utils import poly_intersection, poly_iou, polys2shapely
from tiny_scenes import box, random_scene, scene

from mmocr_kd.evaluation.text_rules import SPECIAL_CHARACTERS, dictionary_word, reads_right

THRESHOLDS = [.3, .5, .9]


def evaluate(samples, size=None, **fields):
    """Results as a test loop gets them."""
    metric = METRICS.build({'type': 'E2ETextSpottingMetric', **fields})
    evaluator = Evaluator(metric)
    evaluator.process(samples)
    return {name.removeprefix('spotting/'): value
            for name, value in evaluator.evaluate(size or len(samples)).items()}


def count_by_icdar(sample, protocol, threshold):
    """Instances, predictions and hits of an image, one thing after the other."""
    gt, pred = sample.gt_instances, sample.pred_instances
    gt_polygons, polygons = polys2shapely(gt.polygons), polys2shapely(pred.polygons)
    wanted = []
    for text, ignored in zip(gt.texts, gt.ignored):
        text = dictionary_word(text) if protocol == 'word_spotting' else text
        wanted.append(None if ignored or text in ('', '###') else text)
    kept = [p for p, polygon in enumerate(polygons)
            if pred.scores[p] >= np.float32(threshold) and not any(
                poly_intersection(gt_polygons[g], polygon) / polygon.area > .5
                for g, text in enumerate(wanted) if text is None)]
    hits, taken = 0, set()
    for g, text in enumerate(wanted):
        for p in kept:
            if text is not None and p not in taken and poly_iou(gt_polygons[g], polygons[p]) > .5:
                taken.add(p)
                hits += reads_right(text, pred.texts[p], protocol, SPECIAL_CHARACTERS)
                break
    return sum(text is not None for text in wanted), len(kept), hits


@pytest.mark.parametrize('protocol', ['e2e', 'word_spotting'])
def test_equal_to_icdars_protocol_step_by_step(protocol):
    samples = [random_scene(seed) for seed in range(40)]
    results = evaluate(samples, protocols=[protocol], pred_score_thrs=THRESHOLDS)
    best = (0, 0, -1)
    for threshold in THRESHOLDS:
        instances, predictions, hits = np.sum(
            [count_by_icdar(sample, protocol, threshold) for sample in samples], axis=0)
        best = max(best, compute_hmean(int(hits), int(hits), int(instances), int(predictions)),
                   key=lambda numbers: numbers[2])
    found = [results[f'{protocol}_none_{name}'] for name in ('recall', 'precision', 'hmean')]
    assert found == pytest.approx(best) and 0.1 < best[2] < 0.9


@pytest.mark.parametrize('strategy', ['vanilla', 'max_matching'])
@pytest.mark.parametrize('thresholds', [{}, {'pred_score_thrs': dict(start=.5, stop=.6, step=.2)}])
def test_detection_is_mmocrs(strategy, thresholds):
    samples = [random_scene(seed, texts=['HOTEL', '24h']) for seed in range(40)]
    theirs = Evaluator(METRICS.build({'type': 'HmeanIOUMetric', 'strategy': strategy,
                                      **thresholds}))
    theirs.process(samples)
    ours = evaluate(samples, strategy=strategy, **thresholds)
    for name, value in theirs.evaluate(40).items():
        assert ours[name.replace('icdar/', 'det_')] == pytest.approx(value)


def test_by_hand():
    samples = [
        scene([(box(0, 0), 'HOTEL'), (box(40, 0), '24h'), (box(80, 0), '###')],
              [(box(1, 0), 'hotel'), (box(40, 1), '24H'), (box(82, 0), 'noise')]),
        scene([(box(0, 0), 'Bar!'), (box(0, 40), 'Inn')],
              [(box(0, 0), 'BAR'), (box(60, 60), 'ghost')])]
    results = evaluate(samples)
    # Found: 3 of 4 (### is not counted, nor what lies on it), 4 predictions count.
    assert results['det_recall'] == results['e2e_none_recall'] == .75
    assert results['det_precision'] == results['e2e_none_precision'] == .75
    # Words: HOTEL, Bar, Inn; 24h is ignored with its prediction.
    assert results['word_spotting_none_recall'] == pytest.approx(2 / 3)
    assert results['word_spotting_none_precision'] == pytest.approx(2 / 3)


def test_a_word_wrongly_read_is_found_only():
    results = evaluate([scene([(box(0, 0), 'HOTEL')], [(box(0, 0), 'MOTEL')])])
    assert results['det_hmean'] == 1 and results['e2e_none_hmean'] == 0


def test_a_word_found_twice_is_one_hit_and_a_false_alarm():
    sample = scene([(box(0, 0), 'HOTEL')], [(box(0, 0), 'HOTEL'), (box(1, 0), 'HOTEL')])
    results = evaluate([sample])
    assert (results['e2e_none_recall'], results['e2e_none_precision']) == (1, .5)


def test_each_threshold_judges_the_texts_of_its_own_predictions():
    # MMOCR's project metric loses texts here: the first prediction falls out at .5.
    sample = scene([(box(0, 0), 'A'), (box(40, 0), 'B')],
                   [(box(90, 0), 'X', .4), (box(0, 0), 'A', .6), (box(40, 0), 'B', .8)])
    values = {threshold: evaluate([sample], pred_score_thrs=[threshold])
              for threshold in (.3, .5, .7, .9)}
    assert [value['e2e_none_recall'] for value in values.values()] == [1, 1, .5, 0]
    assert [value['e2e_none_precision'] for value in values.values()] == [2 / 3, 1, 1, 0]
    results = evaluate([sample], pred_score_thrs=[.3, .5, .7, .9])
    assert results['e2e_none_hmean'] == 1 and results['e2e_none_score_thr'] == .5


@pytest.mark.parametrize('score', [.3, .7])  # as float32 a bit more, and a bit less
def test_a_score_at_the_threshold_counts(score):
    sample = scene([(box(0, 0), 'A')], [(box(0, 0), 'A', score)])
    assert evaluate([sample], pred_score_thrs=[score])['e2e_none_hmean'] == 1


def test_the_lowest_of_equally_good_thresholds_is_told():
    sample = scene([(box(0, 0), 'A')], [(box(0, 0), 'A', .7)])
    results = evaluate([sample], pred_score_thrs=[.4, .5, .6])
    assert results['e2e_none_score_thr'] == results['det_score_thr'] == .4


def test_half_an_overlap_is_not_enough():
    half = scene([(box(0, 0, 20), 'A')], [(box(0, 0, 10), 'A')])
    assert evaluate([half])['det_hmean'] == 0
    assert evaluate([half], match_iou_thr=.49)['e2e_none_hmean'] == 1


def test_half_inside_of_what_is_ignored_is_no_excuse():
    half = scene([(box(0, 0, 20), '###')], [(box(10, 0, 20), 'A')])
    assert evaluate([half])['det_precision'] == 0
    assert evaluate([half], ignore_precision_thr=.49)['det_precision'] == 1


def test_results_are_named_as_asked():
    sample = scene([(box(0, 0), 'A')], [(box(0, 0), 'A')])
    assert evaluate([sample], prefix='icdar15')['icdar15/det_hmean'] == 1


@pytest.fixture
def lexicons(tmp_path):
    (tmp_path / 'voc_img_1.txt').write_text('HOTEL\n')
    (tmp_path / 'voc_img_2.txt').write_text('MOTEL\nINN\n')
    (tmp_path / 'weak.txt').write_text('MOTEL\nINN\nHOTEL\n')
    return {'none': None, 'strong': {'path': f'{tmp_path}/voc_{{stem}}.txt', 'max_distance': 1.5},
            'weak': {'path': f'{tmp_path}/weak.txt'}}


def test_lexicons_side_by_side(lexicons):
    samples = [scene([(box(0, 0), 'Hotel')], [(box(0, 0), '?OTEL'), (box(90, 0), 'ghost')]),
               scene([(box(0, 0), 'Inn')], [(box(0, 0), 'INN')], 'img_2.jpg')]
    results = evaluate(samples, protocols=['e2e'], lexicons=lexicons)
    assert results['e2e_none_recall'] == .5
    # The weak list takes MOTEL for ?OTEL, the image's own HOTEL and leaves the ghost out.
    assert (results['e2e_weak_recall'], results['e2e_weak_precision']) == (.5, pytest.approx(1 / 3))
    assert (results['e2e_strong_recall'], results['e2e_strong_precision']) == (1, 1)
    assert 'word_spotting_none_hmean' not in results and results['det_recall'] == 1


def test_weighted_lexicon(lexicons):
    lexicons['weak']['weighted'] = True
    sample = scene([(box(0, 0), 'INN')], [(box(0, 0), 'INK', .9, [.9, .9, .1])])
    assert evaluate([sample], lexicons=lexicons)['e2e_weak_hmean'] == 1


@pytest.mark.parametrize('targets', [[], [(box(0, 0), 'A', True)], [(box(0, 0), '###')]])
def test_nothing_to_find(targets):
    silent = evaluate([scene(targets, [])] * 2)
    noisy = evaluate([scene(targets, [(box(60, 60), 'A')])])
    covered = evaluate([scene([(box(0, 0), 'A', True)], [(box(1, 0), 'A')])])
    for column in ('det', 'e2e_none', 'word_spotting_none'):
        assert silent[f'{column}_hmean'] == covered[f'{column}_hmean'] == 1
        assert (noisy[f'{column}_recall'], noisy[f'{column}_hmean']) == (1, 0)


def test_nothing_found():
    empty = scene([(box(0, 0), 'HOTEL')], [])
    found = scene([(box(0, 0), 'HOTEL')], [(box(0, 0), 'HOTEL')])
    assert evaluate([empty])['e2e_none_hmean'] == 0
    results = evaluate([empty, found, empty])
    assert (results['e2e_none_recall'], results['e2e_none_precision']) == (1 / 3, 1)


@pytest.mark.parametrize('bad', [[10, 10, 90, 50], [], [1, 1, float('nan'), 1, 5, 5],
                                 [0, 0, 9, 9, 9, 0, 0, 9], [1, 1, 1, 1, 1, 1]])
def test_a_broken_polygon_changes_nothing_but_its_own_count(bad):
    word, bad = box(50, 50), np.array(bad, np.float32)
    target, prediction = (word, '12'), (word, '12')
    assert evaluate([scene([(word, 12), (bad, '###', True)], [prediction])])['e2e_none_hmean'] == 1
    results = evaluate([scene([target], [prediction, (bad, '12')])])
    assert (results['e2e_none_recall'], results['e2e_none_precision']) == (1, .5)


def test_no_images_no_numbers():
    assert METRICS.build({'type': 'E2ETextSpottingMetric'}).compute_metrics([]) == {}


def test_an_empty_reading_is_a_wrong_one():
    results = evaluate([scene([(box(0, 0), 'HOTEL')], [(box(0, 0), '')])])
    assert results['e2e_none_hmean'] == 0 and results['det_hmean'] == 1


def _evaluate_rank(rank, folder):
    torch.distributed.init_process_group('gloo', init_method=f'file://{folder}/store', rank=rank,
                                         world_size=2)
    # Three images on two ranks: the sampler gives the second rank the first image once more.
    images = [[0, 2], [1, 0]][rank]
    results = evaluate([random_scene(seed) for seed in images], size=3)
    torch.save(results, f'{folder}/results_{rank}')


def test_two_processes_give_one_result(tmp_path):
    context = torch.multiprocessing.get_context('fork')
    ranks = [context.Process(target=_evaluate_rank, args=(rank, tmp_path)) for rank in range(2)]
    for rank in ranks:
        rank.start()
    for rank in ranks:
        rank.join(1800)
        assert rank.exitcode == 0
    expected = evaluate([random_scene(seed) for seed in range(3)])
    for rank in range(2):
        assert torch.load(f'{tmp_path}/results_{rank}', weights_only=False) == expected


@pytest.mark.parametrize('fields, message', [
    ({'protocols': []}, r'protocols=\[\] must be some of'),
    ({'protocols': ['ws']}, r"protocols=\['ws'\] must be some of"),
    ({'strategy': 'best'}, "strategy='best' is unknown"),
    ({'pred_score_thrs': []}, 'has no threshold'),
    ({'pred_score_thrs': .5}, 'has no threshold'),
    ({'pred_score_thrs': {'start': .9, 'stop': .3, 'step': .1}}, 'has no threshold'),
    ({'lexicons': {'weak': {'path': 'w.txt', 'too_far': 'x'}}}, "too_far='x'")])
def test_impossible_fields(fields, message):
    with pytest.raises(ValueError, match=message):
        METRICS.build({'type': 'E2ETextSpottingMetric', **fields})


def test_missing_lexicons_are_found_when_they_are_needed(lexicons, tmp_path):
    with pytest.raises(FileNotFoundError, match='generic.txt is missing'):
        METRICS.build({'type': 'E2ETextSpottingMetric',
                       'lexicons': {'generic': {'path': f'{tmp_path}/generic.txt'}}})
    sample = scene([(box(0, 0), 'A')], [(box(0, 0), 'A')], 'img_3.jpg')
    with pytest.raises(FileNotFoundError, match='voc_img_3.txt is missing'):
        evaluate([sample], lexicons=lexicons)


def test_a_detector_is_no_spotter():
    sample = scene([(box(0, 0), 'A')], [(box(0, 0), 'A')])
    del sample.pred_instances.texts
    with pytest.raises(ValueError, match='is the model a text spotter'):
        evaluate([sample])


def test_order_of_images_does_not_matter():
    samples = [random_scene(seed) for seed in range(4)]
    first = evaluate(samples)
    assert all(evaluate(list(order)) == first
               for order in itertools.islice(itertools.permutations(samples), 5, 24, 6))
