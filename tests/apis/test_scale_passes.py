"""Costs by both protocols, against what is known of them."""
import copy

import pytest
import tiny
import tiny_dld
import tiny_mask_rcnn
import torch
from mmengine.analysis import FlopAnalyzer
from mmocr.registry import MODELS
from torch import nn

from mmocr_kd.apis.detection_part import DetectionPart
from mmocr_kd.apis.scale_passes import ScalePasses
from mmocr_kd.measure import product_macs
from mmocr_kd.models.dld import Shrinker

# DLD's official Mask R-CNN up to what its get_flops.py counts.
RPN = {
    'type': 'RPN', '_scope_': 'mmdet', 'train_cfg': None, 'test_cfg': {'rpn': {}},
    'backbone': {'type': 'ResNet', 'depth': 50, 'out_indices': (0, 1, 2, 3)},
    'neck': {'type': 'FPN', 'in_channels': [256, 512, 1024, 2048], 'out_channels': 256,
             'num_outs': 5},
    'rpn_head': {
        'type': 'RPNHead', 'in_channels': 256, 'feat_channels': 256, 'anchor_generator': {
            'type': 'AnchorGenerator', 'scales': [8], 'ratios': [.1, .2, .4, .8, 1.6, 3.2],
            'strides': [4, 8, 16, 32, 64]}}}
SIX_SCALES = [.3, .4, .5, .6, .7, .8]
GIGA = 2**30


class Raw(nn.Module):
    """What the official count traces."""

    def __init__(self, part):
        super().__init__()
        self.network, self.part = part.network, part

    def forward(self, image):
        scores, boxes = self.part.raw(image)
        return *scores, *boxes


def test_published_figures():
    macs = {}
    resnet = MODELS.build(copy.deepcopy(RPN)).eval().to('meta')
    part = DetectionPart(resnet)
    for size in [(1280, 2304), (640, 1152)]:
        image = torch.empty(1, 3, *size, device='meta')
        macs[size] = product_macs(lambda image=image: part.raw(image))
        assert macs[size] / size[0] / size[1] == pytest.approx(187.84e3, rel=1e-5)
    assert macs[1280, 2304] / GIGA == pytest.approx(515.9, abs=.05)
    # What is missing to the paper's figures is fvcore's count of normalisation and upsampling.
    per_pixel = fvcore_count(Raw(DetectionPart(resnet.to_empty(device='cpu'))), (64, 64)) / 64**2
    assert round(per_pixel * 1280 * 2304 / GIGA, 1) == 517.2
    assert round(per_pixel * 640 * 1152 / GIGA, 1) == 129.3


def test_official_selector():
    selector = MODELS.build({'type': 'ResolutionSelector', 'scale_factors': SIX_SCALES})
    per_pixel = fvcore_count(selector.eval(), (128, 128)) / 128**2
    selector.to('meta')
    for size, giga in [((768, 1024), 4.03), ((896, 1184), 5.43), ((1280, 2272), 14.9)]:
        assert per_pixel * size[0] * size[1] / 1e9 == pytest.approx(giga, abs=.05)
        image = torch.empty(1, 3, *size, device='meta')
        assert product_macs(lambda image=image: selector(image)) / 1e9 == pytest.approx(
            giga, rel=.015)


def fvcore_count(model, size):
    """Operations by the counter that DLD's official code uses, which MMEngine has, too."""
    counted = FlopAnalyzer(model, (torch.zeros(1, 3, *size), ))
    return counted.unsupported_ops_warnings(False).uncalled_modules_warnings(False).total()


def passes(selector=True, words=tiny_dld.WORDS, **fields):
    model = tiny_dld.dld(**fields).eval()
    inputs, samples = tiny_dld.prepared(model, tiny_dld.page(words))
    return ScalePasses(model.student, model.selector if selector else None, inputs, samples,
                       Shrinker())


def test_published_cost_of_dbnet_is_that_of_the_detector_alone():
    found = passes()
    detector = found.student.detector
    runs = {(32, 64): found.at(.3), (64, 96): found.at(.5), (96, 160): found.full()}
    for size, run in runs.items():
        assert run.size == size
        image = torch.zeros(1, 3, *size)
        with torch.no_grad():
            alone = product_macs(lambda image=image: detector(image, None, mode='tensor'))
        assert product_macs(run.published) == alone > 0


def test_honest_cost_is_the_sum_of_all_parts():
    found = passes()
    selector = product_macs(found.choose)
    words = found.student.words_of(found.data_samples)
    with torch.no_grad():  # crops of one size: the same at every scale
        reading = product_macs(
            lambda: found.student.read_along(found.inputs, found.data_samples, words))
    assert selector > 0 and reading > 0
    small, full = found.at(.5), found.full()
    assert product_macs(small.honest) == product_macs(small.published) + selector + reading
    assert product_macs(full.honest) == product_macs(full.published) + reading


def test_no_selector_and_no_words_cost_nothing():
    found = passes(selector=False, words=[])
    assert product_macs(found.choose) == 0
    assert product_macs(found.at(.5).honest) == product_macs(found.at(.5).published)


def test_a_detector_reads_nothing():
    detector = MODELS.build(tiny.dbnet_cfg()).eval()
    inputs, samples = tiny_dld.prepared(detector, tiny_dld.page(tiny_dld.WORDS))
    found = ScalePasses(detector, None, inputs, samples, Shrinker())
    assert product_macs(found.at(.5).honest) == product_macs(found.at(.5).published) > 0


def test_second_stage_rates_all_proposals_and_draws_masks_of_the_words(tmp_path):
    model = MODELS.build(tiny_mask_rcnn.spotter_cfg(tmp_path)).eval()
    inputs, samples = tiny_dld.prepared(model, tiny_dld.page(tiny_dld.WORDS))
    found = ScalePasses(model, None, inputs, samples, Shrinker())
    detector, rated, drawn = model.detector, [], []
    detector.roi_head.bbox_head.register_forward_hook(
        lambda module, args, output: rated.append(len(output[0])))
    detector.roi_head.mask_head.register_forward_hook(
        lambda module, args, output: drawn.append(len(output)))
    features = []
    detector.backbone.register_forward_hook(lambda *_: features.append(1))
    full = product_macs(found.full().honest)
    assert drawn == [2] and 0 < rated[0] <= 20 and features == [1]
    with torch.no_grad():
        reading = product_macs(lambda: model.read_along(inputs, samples, model.words_of(samples)))
        shared = product_macs(lambda: model.extract_feat(inputs))
    raw = product_macs(found.full().published)
    heads = full - raw - (reading - shared)
    per_box = 7 * 7 * 8 * 16 + 16 * 16 + 16 * (2 + 4)  # of tiny_mask_rcnn
    per_mask = 14 * 14 * 8 * 8 * 9 + 14 * 14 * 8 * 8 * 4 + 28 * 28 * 8
    assert heads == rated[0] * per_box + 2 * per_mask


def test_features_are_computed_once_and_the_model_is_left_as_it_was():
    class Network(nn.Module):

        def __init__(self):
            super().__init__()
            self.det_head, self.calls = nn.Identity(), 0

        def extract_feat(self, images):
            self.calls += 1
            return images * 2

    network = Network()
    part, image = DetectionPart(network), torch.ones(1)
    with pytest.raises(KeyError), part.features_once():
        assert part.raw(image) == network.extract_feat(image) == 2
        assert network.calls == 1
        raise KeyError
    part.raw(image), part.raw(image)
    assert network.calls == 3 and 'extract_feat' not in vars(network)


def test_models_without_detection_are_named():
    with pytest.raises(TypeError, match='Linear has none of'):
        DetectionPart(nn.Linear(1, 1))
