"""Found instances are those that MMOCR's HmeanIOUMetric counts, at each threshold."""
import numpy as np
import tiny
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from mmengine.structures import InstanceData
from mmocr.evaluation import HmeanIOUMetric

from mmocr_kd.evaluation.found_instances import found_instances, instance_heights, text_height

THRESHOLDS = np.arange(.3, .9, .1).astype(np.float32)
boxes = st.lists(st.tuples(*[st.integers(0, 6)] * 2, *[st.integers(1, 4)] * 2), max_size=6)


@settings(max_examples=60)
@given(boxes, boxes, st.integers(0, 999))
def test_counts_as_mmocr_does(true, guessed, seed):
    rng = np.random.default_rng(seed)
    sample = tiny.sample([tiny.box(*box) for box in true], (rng.random(len(true)) < .3).tolist())
    sample.pred_instances = InstanceData(
        polygons=[tiny.box(*box) for box in guessed],
        scores=torch.from_numpy(rng.choice([.2, .35, .52, .74, .95], len(guessed))))
    found, predictions = found_instances(sample, THRESHOLDS)
    metric = HmeanIOUMetric()
    metric.process(None, [sample.to_dict()])
    overlaps, scores = metric.results[0]['iou_metric'], metric.results[0]['pred_scores']
    assert found.shape == (len(overlaps), len(THRESHOLDS))
    assert predictions.tolist() == [(scores >= threshold).sum() for threshold in THRESHOLDS]
    for place, threshold in enumerate(THRESHOLDS):
        alone = HmeanIOUMetric(pred_score_thrs=dict(start=threshold, stop=threshold + .01, step=1))
        result = alone.compute_metrics([{'iou_metric': overlaps[:, scores >= threshold],
                                         'pred_scores': scores[scores >= threshold]}])
        if len(found):
            assert np.isclose(result['recall'], found[:, place].mean())


def test_heights_are_those_that_the_model_sees():
    sample = tiny.sample([tiny.box(0, 0, 60, 24), tiny.box(0, 0, 9, 50)], [False, True])
    sample.set_metainfo({'scale_factor': (2., .5)})
    assert instance_heights(sample).tolist() == [12.]
    assert np.isclose(text_height([0, 0, 3, 4, 11, -2, 8, -6], (1., 1.)), 5)
