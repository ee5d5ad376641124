"""Ratings against the metrics of a test, and what goes into the file."""
import copy
import json
from itertools import product
from pathlib import Path

import cv2
import numpy as np
import pytest
import stand_in_abcnet
import tiny
import tiny_dld
import tiny_dld_detector
import tiny_mask_rcnn
import torch
from mmengine.evaluator import Evaluator
from mmocr.registry import DATASETS, MODELS
from tiny_ratings import SHOWN, config, images_of
from tiny_spotter import sample as annotated

from mmocr_kd.apis import read_config
from mmocr_kd.apis.rate_scales import prepare_rating
from mmocr_kd.apis.scale_passes import ScalePasses
from mmocr_kd.apis.scale_rater import ScaleRater
from mmocr_kd.distill import CheckpointError, load_strictly, read_weights
from mmocr_kd.measure import ScaleRatings, product_macs
from mmocr_kd.models.dld import Shrinker

MODELS_OF_CONFIGS = Path(__file__).resolve().parents[2] / 'configs/textdet/masket/_base_/models'
SCALES, THRESHOLDS = [.5, .75, 1.], [.3, .5, .7]
E2E = dict(type='E2ETextSpottingMetric', protocols=['e2e'])


def detector(scales=SCALES):
    """The detector that ships, behind a selector: it finds words."""
    cfg = read_config(MODELS_OF_CONFIGS / 'dbnet_mobilenetv3-large_fpnc64.py')
    weights = 'mmocr_kd://dbnet_mobilenetv3-large_fpnc_1e_embedded-12k'
    model = tiny_dld_detector.dld(cfg.model.to_dict(), scales=scales).eval()
    load_strictly(model.student, read_weights(weights), weights)
    model.student.det_head.postprocessor.min_text_score = .2
    return model


def spotter(**fields):
    return tiny_dld.tight(tiny_dld.shake(tiny_dld.dld(
        selector=tiny_dld.expecting_cfg(SCALES), objective=None,
        student=tiny_dld.student_cfg(**fields))).eval())


def with_sharp_crops():
    return spotter(crop_from='full')


def scenes(model, scale, factor=(1., 1.)):
    """Images whose words are what the model finds at a scale, some with another text or ignored."""
    rater = ScaleRater(model.student, Shrinker(), SCALES, THRESHOLDS)
    for i, (image, sample) in enumerate(tiny_dld.pages()):
        sample.set_metainfo({'img_path': f'{i}.png', 'scale_factor': factor})
        batch = {'inputs': [image], 'data_samples': [sample]}
        data = model.data_preprocessor(copy.deepcopy(batch), False)
        found = rater.predict(data['inputs'], data['data_samples'], scale).pred_instances
        texts = list(found.get('texts', ['###'] * len(found)))  # detectors look for it, too
        texts = ['other' if n % 3 == 2 else text or '###' for n, text in enumerate(texts)]
        polygons = [np.asarray(polygon) + n % 3 for n, polygon in enumerate(found.polygons)]
        batch['data_samples'][0].gt_instances = annotated(
            polygons, texts, [n % 4 == 3 for n in range(len(texts))]).gt_instances
        yield f'{i}.png', batch


def by_metric(model, images, scale, metric):
    """What a test says, with the selector overruled."""
    model._chooser.test_scale = scale
    evaluator = Evaluator(metric)
    for _, batch in images:
        with torch.no_grad():
            evaluator.process(model.test_step(copy.deepcopy(batch)))
    return evaluator.evaluate(len(images))


@pytest.mark.parametrize('make, metric, column', [
    (spotter, E2E, 'spotting/e2e_none_'), (with_sharp_crops, E2E, 'spotting/e2e_none_'),
    (detector, dict(type='HmeanIOUMetric'), 'icdar/')])
def test_the_same_numbers_as_the_metric_at_each_threshold(make, metric, column):
    model = make()
    images = [*scenes(model, .75)]
    rater = ScaleRater(model.student, Shrinker(max_long_edge=3000), SCALES, THRESHOLDS)
    ratings = [rater(*image) for image in images]
    words = sum(rating.words for rating in ratings)
    some = 0
    for (k, scale), (t, threshold) in product(enumerate(SCALES), enumerate(THRESHOLDS)):
        only = dict(start=threshold, stop=1, step=9)
        values = by_metric(model, images, scale, {**metric, 'pred_score_thrs': only})
        hits = sum(rating.hits[k][t] for rating in ratings)
        wrong = sum(rating.false_alarms[k][t] for rating in ratings)
        assert hits / words == values[f'{column}recall']
        assert hits / max(hits + wrong, 1) == values[f'{column}precision']
        some += hits
    assert 0 < some < 9 * words


def test_heights_are_of_the_full_image_whatever_its_original_was():
    model = detector()
    for factor in ((1., 1.), (2., 2.)):
        path, batch = next(scenes(model, 1., factor))
        data = model.data_preprocessor(copy.deepcopy(batch), False)
        found = ScaleRater(model.student, Shrinker(), SCALES, [0.]).predict(
            data['inputs'], data['data_samples'], .5).pred_instances
        least = float(found.scores.sort()[0][1])  # one is less sure
        heights = [factor[0] * min(cv2.minAreaRect(np.float32(polygon).reshape(-1, 2))[1])
                   for polygon, score in zip(found.polygons, found.scores) if score >= least]
        assert 0 < len(heights) < len(found)
        rater = ScaleRater(model.student, Shrinker(), SCALES, [least, 1.])
        rating = rater(path, batch)
        assert rating.height == pytest.approx(np.median(heights))
        instances = data['data_samples'][0].gt_instances
        assert rating.text_heights == pytest.approx([
            factor[0] * min(cv2.minAreaRect(np.float32(polygon).reshape(-1, 2))[1])
            for polygon, ignored in zip(instances.polygons, instances.ignored) if not ignored])
        assert len(rating.text_heights) == rating.words > 0
    model.student.det_head.postprocessor.mask_thr = 1.
    assert rater(path, batch).height is None


@pytest.mark.parametrize('make', [spotter, detector])
def test_costs_are_those_of_whole_passes(make):
    model = make()
    images = [batch for _, batch in scenes(model, 1.)]
    rater = ScaleRater(model.student, Shrinker(), SCALES, THRESHOLDS)
    measured = rater.measure(iter(copy.deepcopy(images)))
    # The median of 64x100, 70x120 and 96x160, padded.
    data = model.data_preprocessor(copy.deepcopy(images[2]), False)
    passes = ScalePasses(model.student, None, data['inputs'], data['data_samples'], Shrinker())
    assert measured['size'] == list(data['inputs'].shape[-2:]) == [96, 128]
    assert measured['macs'] == [product_macs(passes.at(scale).honest) for scale in SCALES]
    assert measured['macs'][-1] == product_macs(passes.full().honest)
    assert len(measured['ms']) == 3 and min(measured['ms']) > 0


def test_spotters_may_look_at_the_full_image(monkeypatch):
    model = spotter()
    path, batch = next(scenes(model, 1.))
    seen, kind = [], type(model.student)

    def noting(did):
        def note(self, inputs, *args, full):
            seen.append((tuple(inputs.shape[-2:]), tuple(full[0].shape[-2:])))
            return did(self, inputs, *args, full=full)
        return note

    for name in ('predict', 'read_along'):
        monkeypatch.setattr(kind, name, noting(getattr(kind, name)))
    rater = ScaleRater(model.student, Shrinker(), SCALES, THRESHOLDS)
    rater(path, copy.deepcopy(batch))
    assert seen == [((64, 96), (96, 160)), ((96, 128), (96, 160)), ((96, 160), (96, 160))]
    seen.clear()
    rater.measure(iter([batch]))
    assert set(seen) == {((64, 96), (96, 160)), ((96, 128), (96, 160)), ((96, 160), (96, 160))}


@pytest.mark.parametrize('make', [
    tiny_mask_rcnn.mask_rcnn_spotter, lambda _: stand_in_abcnet.abcnet(),
    lambda _: tiny_dld_detector.dld(tiny_dld_detector.retina_cfg(), scales=SCALES).student])
def test_every_kind_of_model_is_rated(make, tmp_path):
    model = make(tmp_path).eval()
    image, sample = tiny_dld.page(tiny_dld.WORDS)
    boxes = [polygon.reshape(-1, 2) for polygon in sample.gt_instances.polygons]
    sample.gt_instances.bboxes = np.stack([[*box.min(0), *box.max(0)] for box in boxes])
    batch = {'inputs': [image], 'data_samples': [sample]}
    rater = ScaleRater(model, Shrinker(), SCALES, [.1, .5])
    rating = rater('page.png', copy.deepcopy(batch))
    data = model.data_preprocessor(copy.deepcopy(batch), False)
    with torch.no_grad():
        found, = model(data['inputs'], data['data_samples'], mode='predict')
    scores = torch.as_tensor(found.pred_instances.scores)
    assert [sum(counts) for counts in zip(rating.hits[-1], rating.false_alarms[-1])] == [
        (scores >= threshold).sum() for threshold in (.1, .5)]
    assert rating.words == 2 and len(scores)
    macs = rater.measure(iter([batch]))['macs']
    assert 0 < macs[0] < macs[1] < macs[2]


def test_protocols_of_models():
    plain = tiny_dld.dld(selector=False, scale_factors=[1.]).student
    assert ScaleRater(plain, Shrinker(), SCALES, THRESHOLDS).protocol == 'e2e'
    assert ScaleRater(plain, Shrinker(), SCALES, THRESHOLDS, 'detection').protocol == 'detection'
    found = tiny_dld_detector.dld().student
    assert ScaleRater(found, Shrinker(), SCALES, THRESHOLDS).protocol == 'detection'
    for model, protocol in ((found, 'e2e'), (plain, 'word')):
        with pytest.raises(ValueError, match=f"protocol='{protocol}' of a {type(model).__name__}"):
            ScaleRater(model, Shrinker(), SCALES, THRESHOLDS, protocol)


@pytest.mark.parametrize('wrap', [
    lambda one: one,
    lambda one: dict(type='ConcatDataset', datasets=[one, one]),
    lambda one: dict(type='ConcatDataset', datasets=[{**one, 'pipeline': []}],
                     pipeline=one['pipeline']),
    lambda one: dict(type='RepeatDataset', times=3, dataset=one)])
def test_training_images_are_shown_as_in_tests_and_once(tmp_path, wrap):
    cfg, _ = config(tmp_path)
    cfg.train_dataloader.dataset = wrap(cfg.train_dataloader.dataset.to_dict())
    train, val = images_of(cfg, 'train'), images_of(cfg, 'val')
    assert len(train) == 4 and len(val) == 3
    assert all(torch.equal(one, other) for one, other in zip(train, val))
    flipped = DATASETS.build(config(tmp_path)[0].train_dataloader.dataset)[0]['inputs']
    assert not torch.equal(flipped, val[0])


def test_a_file_and_how_it_goes_on(tmp_path):
    cfg, weights = config(tmp_path)
    out = tmp_path / 'new' / 'ratings.jsonl'
    assert len(list(prepare_rating(cfg, weights, out, 'train', (.5, ), limit=2).run())) == 2
    rest = prepare_rating(cfg, weights, out, 'train', (.5, ))
    assert [one.img_path for one in rest.run()] == [f'{tmp_path}/{i}.png' for i in (2, 3)]
    ratings = ScaleRatings.load(out)
    assert ratings.header.scales == [.5, 1.] and ratings.words.tolist() == [1] * 4
    assert ratings.header.protocol == 'detection' and ratings.header.split == 'train'
    whole = tmp_path / 'whole.jsonl'
    list(prepare_rating(cfg, weights, whole, 'train', (.5, )).run())
    assert whole.read_text().split('\n')[1:] == out.read_text().split('\n')[1:]


@pytest.mark.parametrize('change', ['weights', 'data', 'model', 'shrinking'])
def test_other_weights_data_or_models_are_not_mixed(tmp_path, change):
    cfg, weights = config(tmp_path)
    out = tmp_path / 'ratings.jsonl'
    list(prepare_rating(cfg, weights, out, scales=[.5]).run())
    if change == 'weights':
        tiny.checkpoint(weights, tiny.dbnet_cfg(), seed=1)
    elif change == 'data':
        cfg.val_dataloader.dataset.pipeline[1].scale = (64, 64)
    elif change == 'model':
        cfg.model.det_head.postprocessor.text_repr_type = 'poly'
    else:
        cfg.model = dict(type='DLDTextDetector', detector=cfg.model, scale_factors=[1.],
                         antialias=True)
    with pytest.raises(ValueError, match='has ratings with identity='):
        prepare_rating(cfg, weights, out, scales=[.5])


def test_of_dld_its_student(tmp_path):
    dld = tiny_dld_detector.dld_cfg(scales=(.5, 1.))
    cfg, _ = config(tmp_path, tiny.dbnet_cfg())
    model = MODELS.build(copy.deepcopy(dld))
    torch.save({'state_dict': model.state_dict()}, tmp_path / 'dld.pth')
    torch.save({'state_dict': model.student.state_dict()}, tmp_path / 'plain.pth')
    list(prepare_rating(cfg, tmp_path / 'plain.pth', tmp_path / 'plain.jsonl', scales=[.5]).run())
    cfg.model = dld
    list(prepare_rating(cfg, tmp_path / 'dld.pth', tmp_path / 'dld.jsonl', scales=[.5]).run())
    lines = [(tmp_path / f'{name}.jsonl').read_text().split('\n') for name in ('plain', 'dld')]
    assert lines[0][1:] == lines[1][1:]
    assert json.loads(lines[0][0])['macs'] == json.loads(lines[1][0])['macs']


def test_weights_may_be_those_that_the_config_names(tmp_path):
    cfg, weights = config(tmp_path)
    list(prepare_rating(cfg, weights, tmp_path / 'given.jsonl', scales=[.5]).run())
    with pytest.raises(ValueError, match='names no weights .*: give --checkpoint'):
        prepare_rating(cfg, None, tmp_path / 'none.jsonl')
    cfg.model.backbone.init_cfg = dict(type='Pretrained', checkpoint=weights)
    with pytest.raises(ValueError, match='names no weights'):  # the other parts are random
        prepare_rating(cfg, None, tmp_path / 'none.jsonl')
    del cfg.model.backbone.init_cfg
    cfg.load_from = weights
    list(prepare_rating(cfg, None, tmp_path / 'loaded.jsonl', scales=[.5]).run())
    cfg.load_from = None
    cfg.model.init_cfg = dict(type='Pretrained', checkpoint=weights)
    list(prepare_rating(cfg, None, tmp_path / 'parts.jsonl', scales=[.5]).run())
    lines = [(tmp_path / f'{name}.jsonl').read_text().partition('\n')[2]
             for name in ('given', 'loaded', 'parts')]
    assert lines[0] == lines[1] == lines[2]


def test_of_a_spotter_both_parts_are_to_be_trained(tmp_path):
    cfg, _ = config(tmp_path)
    cfg.model = tiny_dld.student_cfg()
    words = {**SHOWN[2], 'with_text': True}
    cfg.val_dataloader.dataset = dict(
        type='EmbeddedTextSpottingDataset', num_images=2, image_size=(128, 96),
        text_height=(14, 30), pipeline=[*SHOWN[:2], words, SHOWN[3]])
    for part in ('detector', 'recognizer'):
        with pytest.raises(ValueError, match='names no weights'):
            prepare_rating(cfg, None, tmp_path / 'none.jsonl')
        weights = tiny.checkpoint(tmp_path / f'{part}.pth', cfg.model[part])['checkpoint']
        cfg.model[part].init_cfg = dict(type='Pretrained', checkpoint=weights)
    rating = prepare_rating(cfg, None, tmp_path / 'spotter.jsonl')
    assert len(list(rating.run())) == 2 and rating.rater.protocol == 'e2e'
    start = torch.load(weights, weights_only=True)['state_dict']
    loaded = rating.rater.model.recognizer.state_dict()
    assert all(torch.equal(loaded[key], value) for key, value in start.items())
    torch.save({'state_dict': rating.rater.model.state_dict()}, tmp_path / 'whole.pth')
    for same in (None, tmp_path / 'whole.pth'):  # wherever these weights come from
        assert list(prepare_rating(cfg, same, tmp_path / 'spotter.jsonl').run()) == []


def test_what_is_wrong_is_said(tmp_path):
    cfg, weights = config(tmp_path)
    for changes, error, says in [
            (dict(split='test'), ValueError, 'has no test_dataloader'),
            (dict(scales=[2.]), ValueError, r'must lie in \(0, 1\]'),
            (dict(checkpoint='gone.pth'), FileNotFoundError, "'gone.pth' does not exist")]:
        with pytest.raises(error, match=says):
            prepare_rating(**{'cfg': cfg, 'checkpoint': weights, 'out': tmp_path / 'x', **changes})
    cfg.model.neck.out_channels = 8
    cfg.model.det_head.in_channels = 32
    with pytest.raises(CheckpointError, match='does not fit DBNet'):
        prepare_rating(cfg, weights, tmp_path / 'x')
    assert not (tmp_path / 'x').exists()
