"""ABCNet's like, read as DLD asks."""
import copy
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from mmengine.structures import InstanceData, LabelData
from mmocr.registry import MODELS
from mmocr.structures import TextRecogDataSample
from stand_in_abcnet import CHANNELS, STEPS, abcnet, abcnet_cfg
from tiny_spotter import sample, spotter
from torch import nn

from mmocr_kd.losses import ResolutionAccuracyLoss
from mmocr_kd.models.spotters import DistillableSpotter, distillable
from mmocr_kd.models.spotters.bezier_cut import BezierCut
from mmocr_kd.models.spotters.roi_head_spotter import RoIHeadSpotter

WORD = [10., 12, 70, 14, 70, 40, 10, 38]
CURVED = [80., 40, 110, 30, 140, 42, 138, 70, 110, 58, 82, 68]
FIRST = ((WORD, CURVED), ('ab0', 'zebra'))
LAST = ((CURVED, ), ('word', ))


@pytest.fixture
def images():
    return torch.randn(3, 3, 96, 160, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def samples():
    return [sample(*FIRST), sample(), sample(*LAST)]


def read(adapter, images, samples):
    return adapter.read_along(images, samples, adapter.words_of(samples))


def same(ours, theirs):
    return torch.equal(ours.image_index, theirs.image_index) and all(
        torch.equal(mine, other) for mine, other in (
            *zip(ours.features.values(), theirs.features.values(), strict=True),
            (ours.labels.indexes, theirs.labels.indexes)))


class TestDistillable:

    def test_keeps_what_fulfils_the_protocol(self):
        model = spotter()
        assert distillable(model) is model and isinstance(model, DistillableSpotter)

    def test_adapts_two_stage_spotters(self):
        model = abcnet()
        adapter = distillable(model)
        assert isinstance(adapter, RoIHeadSpotter) and isinstance(adapter, DistillableSpotter)
        assert adapter.model is model and distillable(adapter) is adapter
        assert adapter.rec_decoder is model.roi_head.rec_head.decoder

    @torch.no_grad()
    def test_detects_in_pixels_of_its_input(self, images):
        adapter = distillable(abcnet().eval())
        found = adapter.detect(images, [sample(scale=(0.5, 0.5)) for _ in images])
        for i, (polygons, scores) in enumerate(found):
            assert len(polygons) == len(scores) == 1
            np.testing.assert_allclose(polygons[0].max(0), [160 / (i + 2), 48])

    def test_adapter_is_no_module(self):
        owner = nn.Module()
        owner.student = abcnet()
        owner.adapter = distillable(owner.student)
        assert {name.split('.')[0] for name in owner.state_dict()} == {'student'}

    def test_looks_at_the_class_alone(self):
        class Lazy(type(spotter())):
            @property
            def rec_decoder(self):
                raise AssertionError('evaluated')

        lazy = Lazy.__new__(Lazy)
        assert distillable(lazy) is lazy

    @pytest.mark.parametrize('part', ['det_head', 'roi_head', 'rec_head', 'roi_extractor'])
    def test_says_what_is_missing(self, part):
        model = abcnet()
        delattr(model.roi_head if hasattr(model.roi_head, part) else model, part)
        with pytest.raises(TypeError, match='StandInABCNet.*roi_head.rec_head.*SPTS'):
            distillable(model)


class TestWords:

    def test_leaves_out_what_cannot_be_learnt(self):
        words = distillable(abcnet()).words_of([
            sample((WORD, WORD, CURVED, WORD), ('ab', 'skip', 'Ab', ''),
                   [False, True, False, False]),
            sample((CURVED, ), ('12', ))])
        assert words.texts == ('ab', '12')
        assert words.image_index.tolist() == [0, 1]

    def test_none(self):
        words = distillable(abcnet()).words_of([sample(), sample((WORD, ), ('ab', ), [True])])
        assert len(words) == 0 and words.points.shape == (0, 1, 2)
        assert len(words.scaled(torch.ones(2, 2))) == 0

    def test_scale_with_their_image(self):
        words = distillable(abcnet()).words_of([sample(*FIRST), sample(*LAST)])
        scaled = words.scaled(torch.tensor([[0.5, 0.25], [1.0, 0.75]])).points
        before = words.points
        assert torch.equal(scaled[:2], before[:2] * torch.tensor([0.5, 0.25]))
        assert torch.equal(scaled[2], before[2] * torch.tensor([1.0, 0.75]))

    def test_need_texts(self):
        annotated = sample(*FIRST)
        del annotated.gt_instances.texts
        with pytest.raises(ValueError, match='with_text=True'):
            distillable(abcnet()).words_of([annotated])

    def test_no_outlines_are_named(self):
        triangle = sample([[10, 10, 40, 10, 40, 30]], ['abc'])
        with pytest.raises(ValueError, match='tiny.png: .* 3 corners.*FixInvalidPolygon'):
            distillable(abcnet()).words_of([triangle])

    def test_images_keep_their_places(self):
        words = distillable(abcnet()).words_of([sample(*FIRST), sample(), sample(*LAST)])
        head = SimpleNamespace(roi_extractor=lambda levels, proposals: proposals)
        proposals = BezierCut(head)([torch.zeros(4)], [(96, 160)] * 4, words)
        assert [one.beziers.shape for one in proposals] == [(2, 16), (0, 16), (1, 16), (0, 16)]


class TestReading:

    def test_shapes(self, images, samples):
        reading = read(distillable(abcnet()), images, samples)
        assert reading.roi.shape == (3, CHANNELS, 8, 32)
        assert reading.context.shape == (3, 32, CHANNELS)
        assert reading.logits[0].shape == (3, STEPS, 37)
        assert reading.image_index.tolist() == [0, 0, 2]

    def test_context_is_of_each_word(self, images, samples):
        adapter = distillable(abcnet())
        words = adapter.words_of(samples)
        one = read(adapter, images[2:], samples[2:])
        many = adapter.read_along(images, samples, words)
        assert torch.allclose(many.context[2], one.context[0], atol=1e-5)

    @pytest.mark.parametrize('teach_prob', [0.0, 0.5, 1.0])
    def test_same_in_both_modes_and_every_time(self, images, samples, teach_prob):
        adapter = distillable(abcnet(teach_prob=teach_prob))
        reference = read(distillable(abcnet(teach_prob=0.0).eval()), images, samples)
        for mode in (True, False, True):
            adapter.model.train(mode)
            assert same(read(adapter, images, samples), reference)

    def test_eval_mode_has_no_dropout(self, images, samples):
        plain = read(distillable(abcnet().eval()), images, samples)
        adapter = distillable(abcnet(dropout=0.5).eval())
        assert same(read(adapter, images, samples), plain)
        adapter.model.train()
        assert not torch.equal(read(adapter, images, samples).logits[0], plain.logits[0])

    def test_follows_the_labels(self, images):
        adapter = distillable(abcnet().eval())
        one, other = (read(adapter, images, [sample((WORD, ), (text, )), sample(), sample()])
                      for text in ('abc', 'abd'))
        # Step t sees the characters before t.
        assert torch.equal(one.logits[0][:, :3], other.logits[0][:, :3])
        assert not torch.allclose(one.logits[0][:, 3], other.logits[0][:, 3])

    def test_decoder_is_as_it_was(self, images, samples):
        adapter = distillable(abcnet(teach_prob=0.3).eval())
        read(adapter, images, samples)
        assert adapter.rec_decoder.teach_prob == 0.3 and not adapter.rec_decoder.training

    def test_decoder_is_as_it_was_after_errors(self, images, samples, monkeypatch):
        adapter = distillable(abcnet(teach_prob=0.3))
        monkeypatch.setattr(adapter.rec_decoder, 'max_seq_len', None)
        with pytest.raises(TypeError):
            read(adapter, images, samples)
        assert adapter.rec_decoder.teach_prob == 0.3

    def test_words_are_read_in_their_own_image(self, images, samples):
        # Dropping images without words, as ABCNet does, would read the last word in image 1.
        adapter = distillable(abcnet())
        with_empty = read(adapter, images, samples)
        alone = read(adapter, images[[2]], [samples[2]])
        elsewhere = read(adapter, images[[1]], [samples[2]])
        assert torch.allclose(with_empty.roi[2], alone.roi[0], atol=1e-5)
        assert not torch.allclose(alone.roi, elsewhere.roi, atol=1e-2)

    def test_neck_of_the_roi_head_takes_part(self, images, samples):
        adapter = distillable(abcnet(roi_neck=True))
        features = adapter.model.extract_feat(images)
        proposals = adapter.words_of(samples).points.flatten(1).split([2, 0, 1])
        proposals = [InstanceData(beziers=mine) for mine in proposals]
        head = adapter.model.roi_head
        expected = head.roi_extractor(head.neck(features[:3]), proposals)
        roi = read(adapter, images, samples).roi
        assert torch.equal(roi, expected)
        assert not torch.allclose(roi, head.roi_extractor(features[:3], proposals))

    def test_losses_of_kd_ltr_find_what_they_need(self, images, samples):
        """Vectors of characters, of which the classifier makes logits; but no scores."""
        adapter = distillable(abcnet().eval())
        reading = read(adapter, images, samples)
        glimpses, = reading.glimpses
        assert glimpses.shape == (3, STEPS, CHANNELS) and reading.score is None
        torch.testing.assert_close(adapter.rec_decoder.out(glimpses), reading.logits[0])

    def test_no_words(self, images):
        adapter = distillable(abcnet())
        assert read(adapter, images[:1], [sample()]) is None

    def test_encoders_that_put_words_first_are_refused(self, images, samples, monkeypatch):
        adapter = distillable(abcnet())
        encoder = adapter.model.roi_head.rec_head.encoder
        monkeypatch.setattr(encoder, 'forward', lambda x, samples: x[:, :, 0].mT)
        with pytest.raises(ValueError, match='expected .steps, words, channels. of 3 words'):
            read(adapter, images, samples)


class TestLabels:

    def test_padding_ends_words(self, images, samples):
        labels = read(distillable(abcnet()), images, samples).labels
        padding = 36
        assert not labels.is_ctc and labels.end_idx == padding and labels.not_read == ()
        assert labels.indexes[0].tolist() == [10, 11, 0] + [padding] * 3  # '0' is class 0
        assert labels.lengths.tolist() == [4, 6, 5]

    def test_long_words_are_cut(self, images):
        reading = read(distillable(abcnet()), images[:1], [sample((WORD, ), ('elephants', ))])
        assert reading.labels.lengths.tolist() == [STEPS] and 36 not in reading.labels.indexes

    def test_are_what_the_decoder_is_trained_on(self, images, samples):
        adapter = distillable(abcnet())
        reading = read(adapter, images, samples)
        words = [TextRecogDataSample(gt_text=LabelData(item=text))
                 for text in ('ab0', 'zebra', 'word')]
        module_loss = adapter.rec_decoder.module_loss
        certain = 50.0 * nn.functional.one_hot(reading.labels.indexes, 37)
        assert module_loss(certain, module_loss.get_targets(words))['loss_ce'] < 1e-6
        accuracy = ResolutionAccuracyLoss(mode='ce')
        loss = accuracy(torch.ones(3, 1), certain[None], reading.image_index, reading.labels, None)
        assert loss['loss_res_acc'] < 1e-6


class TestLosses:

    def test_are_those_of_both_parts(self, images, samples):
        adapter = distillable(abcnet())
        losses, reading = adapter.losses_and_reading(images, samples, adapter.words_of(samples))
        assert set(losses) == {'det.loss_cls', 'rec.loss_ce'}
        assert same(reading, read(adapter, images, samples))
        wanted = nn.functional.cross_entropy(reading.logits[0].flatten(0, 1),
                                             reading.labels.indexes.flatten())
        assert torch.allclose(losses['rec.loss_ce'], wanted)

    def test_features_are_extracted_once(self, images, samples, monkeypatch):
        adapter, calls = distillable(abcnet()), []
        adapter.model.backbone.register_forward_hook(lambda *_: calls.append(1))
        adapter.losses_and_reading(images, samples, adapter.words_of(samples))
        assert len(calls) == 1

    @pytest.mark.parametrize('words', [True, False])
    @pytest.mark.parametrize('roi_neck', [True, False])
    def test_reach_every_parameter(self, images, samples, words, roi_neck):
        adapter = distillable(abcnet(roi_neck=roi_neck))
        samples = samples if words else [sample(), sample((WORD, ), ('ab', ), [True]), sample()]
        losses, reading = adapter.losses_and_reading(images, samples, adapter.words_of(samples))
        sum(losses.values()).backward()
        missed = [name for name, p in adapter.model.named_parameters() if p.grad is None]
        assert not missed
        recognition = adapter.model.roi_head.parameters()
        assert words == any(p.grad.abs().max() > 0 for p in recognition)
        if not words:
            assert reading is None and losses['rec.loss_idle'] == 0

    def test_samples_stay_as_they_were(self, images):
        samples = [sample((WORD, CURVED), ('ab', 'no'), [False, True]), sample(), sample(*LAST)]
        before = copy.deepcopy(samples)
        adapter = distillable(abcnet())
        adapter.losses_and_reading(images, samples, adapter.words_of(samples))
        for now, then in zip(samples, before):
            assert now.metainfo == then.metainfo
            assert _plain(now.gt_instances) == _plain(then.gt_instances)

    def test_detection_head_without_loss(self, images, samples):
        adapter = distillable(abcnet(with_det_loss=False))
        with pytest.raises(ValueError, match='_DetHead.*module_loss'):
            adapter.losses_and_reading(images, samples, adapter.words_of(samples))
        assert read(adapter, images, samples) is not None


def _plain(instances):
    return {name: np.concatenate(value).tolist() if name == 'polygons' and value else list(value)
            for name, value in instances.items() if name != 'bboxes'}


@torch.no_grad()
def test_prediction_is_the_models_own(images):
    samples = [sample(scale=(0.5, 0.5)) for _ in images]
    adapter = distillable(abcnet().eval())
    found = adapter.predict(images, samples)
    assert not any('pred_instances' in given for given in samples)
    expected = adapter.model.predict(images, samples)
    assert [one.pred_instances.texts for one in found] == [
        one.pred_instances.texts for one in expected]


class TestDistillation:
    """DLDTextSpotter around it."""

    LOSSES = {'roi': {}, 'context': {}, 'sequence': {'search': 'greedy', 'topk': 1}}

    def dld(self, tmp_path, **fields):
        checkpoint = str(tmp_path / 'teacher.pth')
        torch.save(abcnet(seed=1).state_dict(), checkpoint)
        torch.manual_seed(0)
        cfg = dict(type='DLDTextSpotter', student=abcnet_cfg(),
                   teacher=dict(config=abcnet_cfg(), checkpoint=checkpoint))
        model = MODELS.build(cfg | fields)
        model.init_weights()
        return model.train()

    def test_student_that_is_its_teacher_has_nothing_to_learn_of_features(
            self, images, samples, tmp_path):
        losses = self.dld(tmp_path, scale_factors=[1.0], losses=self.LOSSES).loss(images, samples)
        assert losses['loss_kd_roi'] < 1e-8 and losses['loss_kd_context'] < 1e-8
        assert losses['loss_kd_seq'] > 0

    def test_trains_selector_and_student(self, images, samples, tmp_path):
        selector = dict(type='ResolutionSelector', scale_factors=[0.5, 1.0], base_channels=8,
                        predicts='logits')
        model = self.dld(tmp_path, selector=selector, losses=self.LOSSES,
                         objective=dict(type='GumbelObjective'))
        values = model.loss(images, samples)
        assert {'det.loss_cls', 'rec.loss_ce', 'loss_res_acc', 'loss_res_cost'} <= set(values)
        sum(value for name, value in values.items() if 'loss' in name).backward()
        assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters())
        assert len({id(p) for p in model.parameters()}) == len(list(model.parameters()))
        assert {name.split('.')[0] for name in model.state_dict()} == {
            'backbone', 'neck', 'det_head', 'roi_head', 'selector'}

    @torch.no_grad()
    def test_predicts_at_a_scale(self, images, tmp_path):
        model = self.dld(tmp_path, scale_factors=[0.5]).eval()
        found = model.predict(images, [sample() for _ in images])
        assert [one.dld_scale for one in found] == [0.5] * 3
        assert all(len(one.pred_instances.texts) == 1 for one in found)
