"""Rating on a pretended GPU: the same counts as on the CPU, and costs are counted there, too."""
import copy

import pytest
import tiny_dld
import tiny_dld_detector
from fake_device import FakeDevice

from mmocr_kd.apis.scale_rater import ScaleRater
from mmocr_kd.models.dld import Shrinker

SCALES = [.5, 1.]


def spotter():
    return tiny_dld.tight(tiny_dld.shake(tiny_dld.dld()).eval()).student


def detector():
    model = tiny_dld_detector.dld().eval().student
    model.det_head.postprocessor.min_text_score, model.det_head.postprocessor.mask_thr = 0., .45
    return model


@pytest.mark.parametrize('make', [spotter, detector])
def test_the_same_as_on_the_cpu(make):
    image, sample = tiny_dld.page(tiny_dld.WORDS)
    batch = {'inputs': [image], 'data_samples': [sample]}
    model = make()
    here = ScaleRater(copy.deepcopy(model), Shrinker(), SCALES, [.1, .5])
    expected = here('page.png', copy.deepcopy(batch)), here.measure(iter([copy.deepcopy(batch)]))
    with FakeDevice() as fake:
        there = ScaleRater(model.to(fake.device), Shrinker(), SCALES, [.1, .5])
        found = there('page.png', copy.deepcopy(batch))
        costs = there.measure(iter([batch]))
    assert found == expected[0] and sum(found.false_alarms[-1])
    assert costs['macs'] == expected[1]['macs'] and costs['size'] == [96, 160]
