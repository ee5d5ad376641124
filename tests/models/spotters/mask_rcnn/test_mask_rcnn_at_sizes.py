"""A Mask R-CNN that reads the same words at several sizes."""
import copy

import pytest
import torch
from mmcv.ops import DeformConv2d
from tiny_dld import SCALES, WORDS, pages, shake
from tiny_dld import prepared as prepare
from tiny_mask_rcnn import mask_rcnn_spotter
from tiny_spotter import page

from mmocr_kd.models.dld import Shrinker, read_candidates
from mmocr_kd.models.spotters import ReadsAtSizes


@pytest.fixture(scope='module')
def model(tmp_path_factory):
    return shake(mask_rcnn_spotter(tmp_path_factory.mktemp('model'))).eval()


def test_equals_one_scale_at_a_time_and_one_pass_of_the_recogniser(model):
    inputs, samples = prepare(model, page(WORDS), pages()[2])
    words = model.words_of(samples)
    passes = []
    hook = model.recognizer.register_forward_pre_hook(
        lambda _, args: passes.append(tuple(args[0].shape[:1])))
    found = read_candidates(model, inputs, samples, words, SCALES)
    hook.remove()
    assert isinstance(model, ReadsAtSizes) and passes == [(len(SCALES) * len(words), )]
    for logits, scale in zip(found.logits, SCALES):
        small = Shrinker()(inputs, samples, [scale] * 2)
        with torch.no_grad():
            reading = model.read_along(small.inputs, small.data_samples,
                                       words.scaled(small.factors))
        torch.testing.assert_close(logits, reading.logits[0], atol=1e-4, rtol=1e-4)
        assert torch.equal(found.labels.indexes, reading.labels.indexes)
        assert torch.equal(found.labels.lengths, reading.labels.lengths)
    assert (found.logits[0] - found.logits[2]).abs().max() > 1e-3


def test_parameters_are_not_touched(model):
    model = copy.deepcopy(model)
    inputs, samples = prepare(model, page(WORDS))
    before = [(p, p.data_ptr(), p.stride(), p._version) for p in model.parameters()]
    read_candidates(model, inputs, samples, model.words_of(samples), SCALES)
    assert before == [(p, p.data_ptr(), p.stride(), p._version) for p in model.parameters()]


@pytest.mark.parametrize('where', ['detector.backbone', 'detector.neck', 'roi_extractor'])
def test_what_needs_the_usual_layout_gets_it(model, where):
    """Operators of compiled MMCV, wherever images or maps come through, misread channels last."""
    model = copy.deepcopy(model)
    inputs, samples = prepare(model, page(WORDS))

    def layouts():
        seen = []
        hook = model.detector.backbone.register_forward_pre_hook(
            lambda _, args: seen.append(args[0].is_contiguous()))
        read_candidates(model, inputs, samples, model.words_of(samples), SCALES)
        hook.remove()
        return set(seen)

    assert layouts() == {False}
    model.get_submodule(where).add_module('operator', DeformConv2d(1, 1, 1))
    assert layouts() == {True}
