"""Mask R-CNN that reads: what it learns from, what is distilled of it, what it predicts."""
import copy

import numpy as np
import pytest
import torch
from mmdet.structures import DetDataSample
from mmengine.structures import InstanceData
from mmocr.structures import TextSpottingDataSample
from tiny_mask_rcnn import detector_cfg, mask_rcnn_spotter, recognizer_cfg, spotter_cfg
from tiny_spotter import batch, page, sample

from mmocr_kd.adapters import rescale_batch
from mmocr_kd.models.spotters import DistillableSpotter, MaskRCNNTextSpotter, Words, distillable

WORDS = [('cat', (10, 36)), ('dog', (60, 80))]
SMALL = ('owl', (12, 40))


@pytest.fixture(scope='module')
def built(tmp_path_factory):
    model = mask_rcnn_spotter(tmp_path_factory.mktemp('dict'))
    for module in model.modules():  # so that eval and training mode differ
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.normal_(std=.1)
            module.running_var.uniform_(.5, 2)
    return model


@pytest.fixture
def model(built):
    return copy.deepcopy(built)


def prepared(model, *pages):
    data = model.data_preprocessor(copy.deepcopy(batch(*pages)), True)
    return data['inputs'], data['data_samples']


def two_sizes():
    return page(WORDS), page([SMALL], size=(64, 120))


def reading_of(model, *pages):
    inputs, samples = prepared(model, *pages)
    return model.read_along(inputs, samples, model.words_of(samples))


def summed(model, losses):
    return model.parse_losses(losses)[0]


def test_is_what_dld_asks_for(model):
    assert isinstance(model, DistillableSpotter) and distillable(model) is model


class TestLoss:

    def test_is_the_parts_losses(self, model):
        losses = model.train().loss(*prepared(model, *two_sizes()))
        assert set(losses) == {
            'det.loss_rpn_cls', 'det.loss_rpn_bbox', 'det.loss_cls', 'det.acc', 'det.loss_bbox',
            'det.loss_mask', 'rec.loss_ce'}
        assert summed(model, losses).isfinite() and losses['rec.loss_ce'] > 2

    def test_every_parameter_learns(self, model):
        summed(model, model.train().loss(*prepared(model, *two_sizes()))).backward()
        assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters())
        assert all(p.grad.abs().sum() > 0 for part in (model.roi_extractor, model.recognizer)
                   for p in part.parameters())

    def test_rec_loss_reaches_backbone_and_neck_but_no_head(self, model):
        model.train().loss(*prepared(model, *two_sizes()))['rec.loss_ce'].backward()
        assert model.detector.backbone.conv1.weight.grad.abs().sum() > 0
        assert model.detector.neck.fpn_convs[0].conv.weight.grad.abs().sum() > 0
        for head in (model.detector.rpn_head, model.detector.roi_head):
            assert all(p.grad is None for p in head.parameters())

    def test_weights(self, model):
        inputs, samples = prepared(model, page(WORDS))
        weighted = copy.deepcopy(model)
        weighted.loss_weights = {'det': .5, 'rec': 3.}
        plain, other = (_seeded_loss(m, inputs, samples) for m in (model, weighted))
        torch.testing.assert_close(other['det.loss_mask'], plain['det.loss_mask'] * .5)
        torch.testing.assert_close(other['rec.loss_ce'], plain['rec.loss_ce'] * 3)
        torch.testing.assert_close(other['det.acc'], plain['det.acc'])

    def test_the_backbone_runs_once(self, model):
        calls = []
        model.detector.backbone.register_forward_hook(lambda *_: calls.append(1))
        model.train().loss(*prepared(model, *two_sizes()))
        assert len(calls) == 1

    def test_annotations_stay_as_they_were(self, model):
        pages = page([*WORDS, ('i', (120, 40))])
        pages[1].gt_instances.ignored[2] = True
        inputs, samples = prepared(model, pages)
        before = copy.deepcopy(samples[0])
        model.train().loss(inputs, samples)
        assert samples[0].metainfo == before.metainfo
        assert {*samples[0].gt_instances.keys()} == {*before.gt_instances.keys()}  # any order
        assert samples[0].gt_instances.ignored.tolist() == [False, False, True]
        for after, polygon in zip(samples[0].gt_instances.polygons, before.gt_instances.polygons):
            np.testing.assert_array_equal(after, polygon)

    def test_the_detector_learns_nothing_from_ignored_words(self, model, monkeypatch):
        seen = []
        monkeypatch.setattr(model.detector.roi_head, 'loss',
                            lambda *args: seen.extend(args[2]) or {})
        one = page([*WORDS, SMALL])
        one[1].gt_instances.ignored[1] = True
        model.train().loss(*prepared(model, one))
        assert len(seen[0].gt_instances.bboxes) == len(seen[0].gt_instances.masks) == 2
        assert len(seen[0].ignored_instances.bboxes) == 1

    @pytest.mark.parametrize('pages', [
        [page([])],
        [page([]), page([], size=(64, 120))],
        [(page(WORDS)[0], sample([[10, 10, 60, 10, 60, 40, 10, 40]], ['cat'], ignored=[True]))],
        [page([('WRONG', (10, 50))])],  # the dictionary has no capital letters
    ])
    def test_batches_without_a_readable_word(self, model, pages):
        inputs, samples = prepared(model, *pages)
        words = model.words_of(samples)
        losses, reading = model.train().losses_and_reading(inputs, samples, words)
        assert len(words) == 0 and reading is None and losses['rec.loss_idle'] == 0
        assert model.read_along(inputs, samples, words) is None
        summed(model, losses).backward()
        assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters())

    def test_words_too_small_to_see(self, model):
        """At the smallest scale words may have less than a pixel."""
        one = page(WORDS)
        one[1].gt_instances.polygons[0] = np.array([5, 5, 5.4, 5, 5.4, 5.3, 5, 5.3], np.float32)
        losses = model.train().loss(*prepared(model, one))
        assert summed(model, losses).isfinite()

    def test_words_without_extent(self, model):
        one = page(WORDS)
        one[1].gt_instances.polygons[0] = np.array([5, 5, 40, 5, 40, 5, 5, 5], np.float32)
        losses = model.train().loss(*prepared(model, one))
        assert summed(model, losses).isfinite()


def _seeded_loss(model, inputs, samples):
    torch.manual_seed(0)
    return model.train().loss(inputs, samples)


class TestWords:

    def test_are_those_that_can_be_learnt(self, model):
        one = page([*WORDS, ('Cat', (5, 90)), ('toolongfor', (0, 60)), SMALL])
        one[1].gt_instances.ignored[1] = True
        words = model.words_of([one[1]])
        assert isinstance(words, Words) and words.texts == ('cat', 'owl')
        np.testing.assert_allclose(words.points[1].ravel(), one[1].gt_instances.polygons[4])

    @pytest.mark.parametrize('order', [slice(None), slice(None, None, -1)])
    def test_an_image_without_text_does_not_shift_the_others(self, model, order):
        pages = [page(WORDS), page([]), page([SMALL])][order]
        inputs, samples = prepared(model, *pages)
        words = model.words_of(samples)
        expected = [(text, i) for i, one in enumerate(pages) for text in one[1].gt_instances.texts]
        assert list(zip(words.texts, words.image_index.tolist())) == expected
        reading = model.eval().read_along(inputs, samples, words)
        for i, one in enumerate(pages):
            if one[1].gt_instances.texts:
                torch.testing.assert_close(reading.logits[0][reading.image_index == i],
                                           reading_of(model, one).logits[0], atol=1e-4, rtol=1e-4)

    def test_the_same_in_training_and_eval_mode(self, model):
        _, samples = prepared(model, page(WORDS))
        first, second = (m.words_of(samples) for m in (model.train(), model.eval()))
        assert torch.equal(first.points, second.points)


class TestReading:

    def test_shapes_and_labels(self, model):
        reading = reading_of(model.eval(), *two_sizes())
        assert reading.roi.shape == (3, 8, 8, 32)
        assert reading.context.shape == (3, 33, 8)
        assert reading.logits[0].shape == (3, 9, 28)
        assert reading.image_index.tolist() == [0, 0, 1]
        assert reading.labels.indexes[0].tolist()[:4] == [4, 2, 21, 1]
        assert reading.labels.lengths.tolist() == [4] * 3 and not reading.labels.is_ctc
        assert reading.labels.end_idx == 1 and reading.labels.not_read == (0, )

    def test_are_what_the_parts_compute(self, model):
        model.eval()
        inputs, samples = prepared(model, *two_sizes())
        words = model.words_of(samples)
        reading = model.read_along(inputs, samples, words)
        finest = model.extract_feat(inputs)[0]
        roi = model.roi_extractor(finest, words, [one.img_shape for one in samples])
        torch.testing.assert_close(reading.roi, roi)
        context = model.recognizer.encoder(model.recognizer.backbone(roi))
        torch.testing.assert_close(reading.context, context)

    def test_are_those_of_the_training_pass(self, model):
        inputs, samples = prepared(model, *two_sizes())
        words = model.words_of(samples)
        losses, reading = model.train().losses_and_reading(inputs, samples, words)
        labels = reading.labels
        valid = torch.arange(labels.indexes.shape[1]) < labels.lengths[:, None]
        expected = torch.nn.functional.cross_entropy(reading.logits[0][valid],
                                                     labels.indexes[valid])
        torch.testing.assert_close(losses['rec.loss_ce'], expected)
        again = model.read_along(inputs, samples, words)
        for name in ('roi', 'context', 'logits'):
            torch.testing.assert_close(again.features[name], reading.features[name])
            assert reading.features[name].requires_grad

    def test_training_mode_with_fixed_statistics_reads_as_eval_mode(self, model):
        """There is no dropout, and both follow the labels."""
        pages, reference = two_sizes(), None
        for mode in (False, True):
            model.train(mode)
            for module in model.modules():
                if isinstance(module, torch.nn.BatchNorm2d):
                    module.eval()
            reading = reading_of(model, *pages)
            reference = reference or reading
            for name in ('roi', 'context', 'logits'):
                torch.testing.assert_close(reading.features[name], reference.features[name])

    def test_eval_mode_changes_nothing_in_the_model(self, model):
        before = copy.deepcopy(model.eval().state_dict())
        modes = [module.training for module in model.modules()]
        reading_of(model, *two_sizes())
        assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
        assert [module.training for module in model.modules()] == modes

    def test_no_proposals_and_no_heads(self, model):
        for part in (model.detector.rpn_head, model.detector.roi_head):
            for module in part.modules():
                module.register_forward_hook(lambda *_: pytest.fail('a head ran'))
        assert reading_of(model.eval(), *two_sizes()) is not None

    def test_order_of_words(self, model):
        """Each word is read for itself."""
        forth, back = page(WORDS), page(WORDS[::-1])
        first, second = (reading_of(model.eval(), (forth[0], one[1])) for one in (forth, back))
        for name in ('roi', 'context', 'logits'):
            torch.testing.assert_close(first.features[name], second.features[name].flip(0))
        assert torch.equal(first.labels.indexes, second.labels.indexes.flip(0))

    def test_images_of_a_batch_may_shrink_each_on_its_own(self, model):
        """As they would alone on the same canvas; orientation and words are those of HR."""
        model, scales = model.eval(), (.3, .8)
        inputs, samples = prepared(model, page(WORDS), page([SMALL], size=(64, 120)))
        words = model.words_of(samples)
        small, small_samples = rescale_batch(inputs, samples, scales)
        factors = torch.tensor([one.scale_factor for one in small_samples])
        reading = model.read_along(small, small_samples, words.scaled(factors))
        for i in range(2):
            mine = reading_of_one(model, small, small_samples, i)
            torch.testing.assert_close(reading.logits[0][reading.image_index == i], mine.logits[0],
                                       atol=1e-4, rtol=1e-4)
        losses, _ = model.train().losses_and_reading(small, small_samples, words.scaled(factors))
        assert summed(model, losses).isfinite()

    def test_a_word_between_two_orientations(self, model):
        """Exactly at the threshold rounding would tip it: HR decides for all scales."""
        one = page(WORDS)
        one[1].gt_instances.polygons[0] = np.array([9, 5, 39, 5, 39, 50.2, 9, 50.2], np.float32)
        inputs, samples = prepared(model, one)
        words = model.words_of(samples)
        assert words.vertical.tolist() == [True, False]
        for scale in (.3, .5, .7):
            _, small = rescale_batch(inputs, samples, [scale])
            follows = words.scaled(torch.tensor([small[0].scale_factor]))
            assert follows.vertical.tolist() == [True, False]


def reading_of_one(model, inputs, samples, i):
    words = model.words_of(samples[i:i + 1])
    return model.read_along(inputs[i:i + 1], samples[i:i + 1], words)


class _Found:
    """Stands for the detector's prediction: finds these polygons, in pixels of its input."""

    def __init__(self, *polygons):
        self.polygons = polygons

    def __call__(self, features, proposals, data_samples, rescale):
        assert rescale is False
        return [self.found(*each) for each in zip(data_samples, self.polygons)]

    def found(self, one: DetDataSample, polygons):
        import cv2
        assert one.scale_factor == (1., 1.)
        masks = torch.zeros(len(polygons), *one.img_shape, dtype=torch.bool)
        boxes = torch.zeros(len(polygons), 4)
        for mask, box, polygon in zip(masks, boxes, polygons):
            drawn = np.zeros(one.img_shape, np.uint8)
            points = np.asarray(polygon).reshape(-1, 2)
            cv2.fillPoly(drawn, [points.astype(int)], 1)
            mask[:] = torch.from_numpy(drawn).bool()
            box[:] = torch.tensor([*points.min(0), *points.max(0)])
        return InstanceData(masks=masks, bboxes=boxes, labels=torch.zeros(len(polygons)).long(),
                            scores=torch.linspace(.9, .6, len(polygons)))


class TestPredict:

    def finding(self, model, *polygons):
        model.eval().detector.roi_head.predict = _Found(*polygons)
        return model

    def test_original_coordinates(self, model):
        """A 96x160 input stands for an image twice as wide and four times as high."""
        one = page(WORDS, scale=(.5, .25))
        inputs, samples = prepared(model, one)
        polygons = one[1].gt_instances.polygons
        result, = self.finding(model, polygons).predict(inputs, samples)
        assert isinstance(result, TextSpottingDataSample) and 'gt_instances' in result
        found = result.pred_instances
        for mine, polygon in zip(found.polygons, polygons):
            expected = polygon.reshape(-1, 2) / [.5, .25]
            mine = np.asarray(mine).reshape(-1, 2)
            np.testing.assert_allclose(mine.min(0), expected.min(0), atol=4)
            np.testing.assert_allclose(mine.max(0), expected.max(0), atol=4)
        torch.testing.assert_close(found.scores, torch.tensor([.9, .6]))
        assert len(found.texts) == len(found.char_scores) == len(found.text_scores) == 2

    def test_texts_belong_to_their_words(self, model):
        """They are those of each word alone, whatever the chunk."""
        pages = two_sizes()
        inputs, samples = prepared(model, *pages)
        polygons = [one[1].gt_instances.polygons for one in pages]
        model = self.finding(model, *polygons)
        together = model.predict(inputs, samples)
        model.chunk_size = 1
        alone = model.predict(inputs, samples)
        assert [len(one.pred_instances.texts) for one in together] == [2, 1]
        for a, b in zip(together, alone):
            assert a.pred_instances.texts == b.pred_instances.texts
            torch.testing.assert_close(a.pred_instances.text_scores,
                                       b.pred_instances.text_scores)

    def test_reads_where_it_learns(self, model):
        """What is cut out of a found word is what is cut out of the annotated one."""
        one = page(WORDS)
        inputs, samples = prepared(model, one)
        annotated = model.words_of(samples)
        found = model._reader.found([[p.reshape(-1, 2) for p in one[1].gt_instances.polygons]],
                                    samples)
        assert torch.equal(found.points, annotated.points)
        assert torch.equal(found.vertical, annotated.vertical)

    def test_orientation_is_decided_on_the_original(self, model):
        square = [np.array([[0, 0], [10, 0], [10, 10], [0, 10]], np.float32)]
        for factors, vertical in (((1., 1.), False), ((1., .5), True), ((.5, 1.), False)):
            found = model._reader.found([square], [sample(scale=factors)])
            assert found.vertical.tolist() == [vertical]
            np.testing.assert_allclose(found.points[0], square[0])

    def test_an_image_without_words_and_none_at_all(self, model):
        inputs, samples = prepared(model, *two_sizes())
        first, second = self.finding(model, page(WORDS)[1].gt_instances.polygons, []).predict(
            inputs, samples)
        assert len(first.pred_instances.texts) == 2 and second.pred_instances.texts == []
        assert second.pred_instances.polygons == [] and len(second.pred_instances.scores) == 0
        nothing = self.finding(model, [], []).predict(inputs, samples)
        assert all(one.pred_instances.texts == [] for one in nothing)

    def test_quads(self, tmp_path):
        model = mask_rcnn_spotter(tmp_path, text_repr_type='quad')
        inputs, samples = prepared(model, page(WORDS))
        result, = self.finding(model, [[10, 10, 60, 12, 90, 30, 50, 40, 9, 30]]).predict(
            inputs, samples)
        assert len(result.pred_instances.polygons[0]) == 8

    def test_with_the_real_heads(self, model):
        results = model.eval()(*prepared(model, *two_sizes()), mode='predict')
        for one in results:
            assert len(one.pred_instances.texts) == len(one.pred_instances.polygons)

    @pytest.mark.parametrize('original', [(48, 80), (96, 160), (384, 320)])
    def test_outlines_do_not_depend_on_the_size_of_the_original(self, model, original):
        """Masks are drawn on what the model sees; on a smaller original they would be cut."""
        inputs, samples = prepared(model, page(WORDS))
        samples[0].set_metainfo({'ori_shape': original, 'scale_factor': (
            160 / original[1], 96 / original[0])})
        heads = model.eval().detector.roi_head
        heads.predict_bbox = lambda *_, **__: [InstanceData(
            bboxes=torch.tensor([[30., 20, 130, 80]]), scores=torch.ones(1),
            labels=torch.zeros(1, dtype=torch.long))]
        torch.nn.init.constant_(heads.mask_head.conv_logits.bias, 50.)  # the whole box is text
        (polygons, scores), = model.detect(inputs, samples)
        np.testing.assert_allclose(polygons[0].min(0), [30.5, 20.5], atol=.01)
        np.testing.assert_allclose(polygons[0].max(0), [129.5, 79.5], atol=.01)
        assert scores.tolist() == [1.]
        found = model.predict(inputs, samples)[0].pred_instances
        np.testing.assert_allclose(np.reshape(found.polygons[0], (-1, 2)),
                                   polygons[0] / samples[0].scale_factor, rtol=1e-5)

    def test_no_scale_factor(self, model):
        inputs, samples = prepared(model, page(WORDS))
        del samples[0].scale_factor
        with pytest.raises(ValueError, match='has no scale_factor'):
            self.finding(model, []).predict(inputs, samples)


def test_tensor_mode(model):
    inputs, samples = prepared(model.eval(), *two_sizes())
    assert [len(level) for level in model(inputs, None, mode='tensor')] == [2] * 5
    _, logits = model(inputs, samples, mode='tensor')
    assert logits.shape == (3, 9, 28)
    inputs, samples = prepared(model, page([]))
    assert model(inputs, samples, mode='tensor')[1] is None


def test_learns_to_read_two_words(tmp_path):
    """Off the features of a detector that knows nothing yet.

    Two words whose first letter is not yet told apart cost ln(2) / 3 = .23.
    """
    recognizer = recognizer_cfg(tmp_path)
    recognizer['decoder']['max_seq_len'] = 2
    model = mask_rcnn_spotter(tmp_path, recognizer=recognizer).train()
    inputs, samples = prepared(model, page([('at', (10, 36)), ('go', (60, 80))]))
    words, sizes = model.words_of(samples), [samples[0].img_shape]
    with torch.no_grad():
        feature = model.extract_feat(inputs)[0]
    parts = torch.nn.ModuleList([model.roi_extractor, model.recognizer])
    optimizer = torch.optim.Adam(parts.parameters(), lr=.02)  # .05 may end there
    for _ in range(400):
        optimizer.zero_grad()
        losses, _ = model._reader.read_along(feature, sizes, words, with_loss=True)
        losses['loss_ce'].backward()
        optimizer.step()
        if losses['loss_ce'] < .05:
            break
    model.recognizer.decoder.eval()  # batch normalisation keeps the statistics of this batch
    read = model._reader.read(feature, sizes, words, chunk_size=64)
    assert [text for text, _ in read] == ['at', 'go']


class TestBadFields:

    @pytest.mark.parametrize('fields, message', [
        ({'chunk_size': 0}, 'chunk_size=0 must be at least 1'),
        ({'loss_weights': {'seg': 1}}, r"\['seg'\]: it takes 'det' and 'rec'"),
        ({'text_repr_type': 'box'}, "text_repr_type='box' is unknown"),
        ({'texts': {'unknown': 'skip'}}, "unknown='skip' is unknown"),
        ({'detector': {**detector_cfg(), 'data_preprocessor': {}}}, 'move its fields'),
    ])
    def test_are_named(self, tmp_path, fields, message):
        with pytest.raises(ValueError, match=message):
            mask_rcnn_spotter(tmp_path, **fields)

    def test_config_stays_as_it_was(self, tmp_path):
        cfg = spotter_cfg(tmp_path)
        before = copy.deepcopy(cfg)
        MaskRCNNTextSpotter(**{k: v for k, v in cfg.items() if k != 'type'})
        assert cfg == before

    def test_a_recognizer_without_a_loss(self, tmp_path):
        recognizer = recognizer_cfg(tmp_path)
        recognizer['decoder']['module_loss'] = None
        with pytest.raises(ValueError, match='module_loss'):
            mask_rcnn_spotter(tmp_path, recognizer=recognizer)
