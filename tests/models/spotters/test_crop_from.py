"""Detecting in small images and reading in large ones."""
import copy

import numpy as np
import pytest
import torch
from mmengine.structures import InstanceData
from mmocr.registry import MODELS
from tiny_dld import SCALES, dld, prepared, shake, student_cfg
from tiny_spotter import page, spotter, spotter_cfg

from mmocr_kd.models.dld import Shrinker, read_candidates
from mmocr_kd.models.spotters import crop_quads, reading_quads

TWO_SIZES = page([('cat', (10, 36)), ('dog7', (60, 80))]), page([('owl', (12, 40))], size=(64, 120))
CHOSEN = [.5, .3]


@pytest.fixture
def model():
    return shake(spotter(recognizer=student_cfg()['recognizer'], crop_from='full')).eval()


@pytest.fixture
def batches(model):
    """Shrunk images, their samples and words; then the same at full resolution."""
    inputs, samples = prepared(model, *TWO_SIZES)
    words = model.words_of(samples)
    small = Shrinker()(inputs, samples, CHOSEN)
    return (small.inputs, small.data_samples, words.scaled(small.factors)), (inputs, samples, words)


class Finds(torch.nn.Module):
    """Stands for a detector: finds what is annotated, where it is in the images it sees."""

    def __init__(self):
        super().__init__()
        self.sizes = []

    def forward(self, images, data_samples, mode):
        for sample in data_samples:
            self.sizes.append(sample.img_shape)
            name = 0 if sample.ori_shape[1] * 64 < sample.ori_shape[0] * 120 else 1
            whole = TWO_SIZES[name][1]
            factor = np.divide(sample.img_shape[::-1], whole.img_shape[::-1])
            polygons = [polygon.reshape(4, 2) * factor
                        for polygon in whole.gt_instances.polygons]
            sample.pred_instances = InstanceData(polygons=polygons,
                                                 scores=torch.ones(len(polygons)))
        return data_samples


def crops_of(model, run):
    """What the recogniser was shown."""
    seen = []
    hook = model.recognizer.backbone.register_forward_pre_hook(lambda _, args: seen.append(args[0]))
    with torch.no_grad():
        run()
    hook.remove()
    return torch.cat(seen)


def test_words_are_read_as_at_full_resolution(model, batches):
    small, full = batches
    read, expected = model.read_along(*small, full[:2]), model.read_along(*full)
    torch.testing.assert_close(read.features, expected.features, atol=1e-3, rtol=1e-3)
    assert torch.equal(read.image_index, expected.image_index)
    blurred = model.read_along(*small)  # nobody handed the large images over
    assert (blurred.logits[0] - expected.logits[0]).abs().max() > .01


def test_by_default_the_large_images_are_not_looked_at(model, batches):
    small, full = batches
    model.crop_from = 'lr'
    for read in (model.read_along, lambda *args: model.losses_and_reading(*args)[1]):
        torch.testing.assert_close(read(*small, full[:2]).logits, read(*small).logits)
    assert MODELS.build(spotter_cfg()).crop_from == 'lr'


def test_losses_are_of_the_small_images_and_the_large_words(model, batches):
    small, full = batches
    losses, reading = model.losses_and_reading(*small, full[:2])
    expected = model.det_loss(*small[:2]) | model.rec_loss(*full)[0]
    torch.testing.assert_close(losses, expected, atol=1e-3, rtol=1e-3)
    torch.testing.assert_close(reading.logits, model.read_along(*full).logits, atol=1e-3, rtol=1e-3)
    assert set(losses) == {'det.loss_prob', 'det.loss_thr', 'det.loss_db', 'rec.loss_ctc'}


def test_predictions_are_small_detections_and_crops_of_the_large_images_by_hand(model, batches):
    (small, small_samples, _), (inputs, samples, _) = batches
    model.detector = Finds()
    results = []
    seen = crops_of(model, lambda: results.extend(
        model.predict(small, small_samples, (inputs, samples))))
    assert model.detector.sizes == [one.img_shape for one in small_samples] != [
        one.img_shape for one in samples]
    found = [polygon for one in samples for polygon in one.gt_instances.polygons]
    index = torch.tensor([0, 0, 1])
    valid = torch.tensor([one.img_shape for one in samples])
    by_hand = crop_quads(inputs, torch.from_numpy(reading_quads(found)), index, (32, 100), valid)
    grey = (by_hand * torch.tensor([.114, .587, .299])[:, None, None]).sum(1, keepdim=True)
    torch.testing.assert_close(seen, (grey - 127) / 127, atol=1e-2, rtol=0)
    for result, sample in zip(results, samples):
        for polygon, annotated in zip(result.pred_instances.polygons, sample.gt_instances.polygons):
            np.testing.assert_allclose(polygon, annotated, atol=1e-3)
        assert len(result.pred_instances.texts) == len(sample.gt_instances.polygons)


def test_an_image_without_words(model, batches):
    (small, small_samples, words), full = batches
    none = words.scaled(torch.ones(2, 2)).chunks(1)
    one, = [part for part in none if part.image_index == 1]
    assert model.read_along(small, small_samples, one, full[:2]).image_index.tolist() == [1]
    empty = type(words).outlined([], [])
    assert model.read_along(small, small_samples, empty, full[:2]) is None


def test_candidates_of_all_scales_are_read_once(model):
    inputs, samples = prepared(model, *TWO_SIZES)
    words = model.words_of(samples)
    found = []
    crops = crops_of(model, lambda: found.append(
        read_candidates(model, inputs, samples, words, SCALES)))
    assert len(crops) == 3 and found[0].logits.shape[:2] == (3, 3)
    expected = model.read_along(inputs, samples, words).logits[0]
    for logits in found[0].logits:
        torch.testing.assert_close(logits, expected, atol=1e-3, rtol=1e-3)


class TestInDLD:
    """The selector's images shrink, the recogniser's do not."""

    def dld(self, **fields):
        return dld(student=student_cfg(crop_from='full'), selector=None, losses={}, **fields)

    def test_prediction(self):
        whole = self.dld(scale_factors=[.5]).eval()
        whole.student.detector = Finds()
        inputs, samples = prepared(whole, *TWO_SIZES)
        small = crops_of(whole.student, lambda: whole.predict(inputs, samples))
        assert whole.student.detector.sizes == [(48, 80), (32, 60)]
        full = crops_of(whole.student, lambda: whole.student.predict(inputs, samples))
        torch.testing.assert_close(small, full, atol=1e-2, rtol=0)
        whole.student.crop_from = 'lr'
        blurred = crops_of(whole.student, lambda: whole.predict(inputs, samples))
        assert (blurred - full).abs().mean() > .02

    def test_prediction_of_several_scales_at_once(self):
        """Each image finds its own large one, whatever group it is in."""
        whole = self.dld(scale_factors=[.5]).eval()
        whole.student.detector = Finds()
        inputs, samples = prepared(whole, *TWO_SIZES[::-1])
        shrinker = whole._shrinkers['test']
        seen = crops_of(whole.student, lambda: shrinker.predict(
            whole.student.predict, inputs, samples, [.8, .3], with_full=True))
        full = crops_of(whole.student, lambda: whole.student.predict(inputs, samples))
        torch.testing.assert_close(seen, full, atol=1e-2, rtol=0)

    def test_training(self):
        whole = self.dld(scale_factors=[.3]).train()
        data = prepared(whole, *TWO_SIZES)
        alone = copy.deepcopy(whole.student)
        losses = whole.loss(*data)
        torch.testing.assert_close(losses['rec.loss_ctc'], alone.loss(*data)['rec.loss_ctc'],
                                   atol=1e-3, rtol=1e-3)
        assert losses['det.loss_prob'] != alone.loss(*data)['det.loss_prob']


def test_other_values_are_refused():
    with pytest.raises(ValueError, match="crop_from='hr' is unknown: use one of .'lr', 'full'."):
        MODELS.build(spotter_cfg(crop_from='hr'))
