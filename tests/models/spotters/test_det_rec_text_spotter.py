"""A detector and a recogniser trained as one, and what they do alone."""
import copy

import numpy as np
import pytest
import torch
from mmengine.config import ConfigDict
from mmengine.structures import InstanceData
from mmocr.registry import MODELS
from mmocr.structures import TextSpottingDataSample
from tiny import dbnet_cfg, pan_cfg
from tiny_mask_rcnn import detector_cfg
from tiny_recog import abinet_cfg, crnn_cfg
from tiny_spotter import batch, page, sample, spotter, spotter_cfg

from mmocr_kd.adapters import rescale_batch
from mmocr_kd.models.spotters import Words

WORDS = [('cat', (10, 36)), ('dog7', (60, 80))]


@pytest.fixture(scope='module')
def model():
    return spotter()


def _prepared(model, *pages):
    data = model.data_preprocessor(copy.deepcopy(batch(*pages)), True)
    return data['inputs'], data['data_samples']


def _loss(model, *pages):
    return model.train().loss(*_prepared(model, *pages))


def _two_sizes():
    return page(WORDS), page([('owl', (12, 40))], size=(64, 120))


class _Detector(torch.nn.Module):
    """Finds exactly what is annotated, in pixels of its input."""

    def __init__(self, polygons):
        super().__init__()
        self.polygons = polygons

    def forward(self, inputs, data_samples, mode):
        for one, polygons in zip(data_samples, self.polygons):
            assert one.scale_factor == (1., 1.)
            one.pred_instances = InstanceData(
                polygons=list(polygons), scores=torch.linspace(.9, .5, len(polygons)))
        return data_samples


def _with_found(model, *polygons):
    """A copy of the model whose detector finds these polygons."""
    changed = copy.deepcopy(model).eval()
    changed.detector = _Detector(polygons)
    return changed


def test_loss_is_the_parts_losses(model):
    losses = _loss(model, page(WORDS))
    assert set(losses) == {'det.loss_prob', 'det.loss_thr', 'det.loss_db', 'rec.loss_ctc'}
    assert all(loss.isfinite() and loss > 0 for loss in losses.values())


def test_every_parameter_learns(model):
    model.zero_grad()
    sum(_loss(model, page(WORDS)).values()).backward()
    assert all(p.grad is not None for p in model.parameters())


def test_weights(model):
    weighted = copy.deepcopy(model)
    weighted.loss_weights = {'det': .5, 'rec': 3.}
    plain, other = (_loss(m, page(WORDS)) for m in (copy.deepcopy(model), weighted))
    torch.testing.assert_close(other['det.loss_db'], plain['det.loss_db'] * .5)
    torch.testing.assert_close(other['rec.loss_ctc'], plain['rec.loss_ctc'] * 3)


def test_the_detector_sees_what_it_sees_alone():
    """Even the padding: it is padded after normalisation."""
    whole = spotter().eval()
    data = batch(*_two_sizes())
    seen = []
    whole.detector.backbone.register_forward_hook(lambda _, inputs, __: seen.append(inputs[0]))
    whole.test_step(copy.deepcopy(data))
    whole.detector.test_step(copy.deepcopy(data))
    torch.testing.assert_close(seen[0], seen[1])


def test_the_recognizer_sees_grey_normalised_words(model):
    inputs, samples = _prepared(model, page(WORDS))
    seen = []
    hook = model.recognizer.backbone.register_forward_pre_hook(lambda _, args: seen.append(args[0]))
    model.train().loss(inputs, samples)
    hook.remove()
    assert seen[0].shape == (2, 1, 32, 100)
    assert seen[0].min() >= -1 and seen[0].max() <= 1.01 and seen[0].std() > .3


def test_colour_recognizers_get_rgb():
    recognizer = crnn_cfg(low_res=False)
    recognizer['backbone']['in_channels'] = 3
    recognizer['data_preprocessor'] = {
        'type': 'TextRecogDataPreprocessor', 'mean': [10., 20., 30.], 'std': [1., 2., 4.],
        'bgr_to_rgb': True}
    coloured = spotter(recognizer=recognizer, color_type='color').eval()
    blue = torch.zeros(3, 96, 160, dtype=torch.uint8)
    blue[0] = 255
    inputs, samples = _prepared(coloured, (blue, page(WORDS)[1]))
    seen = []
    coloured.recognizer.backbone.register_forward_pre_hook(lambda _, args: seen.append(args[0]))
    coloured.read_along(inputs, samples, coloured.words_of(samples))
    torch.testing.assert_close(seen[0].mean((0, 2, 3)), torch.tensor([-10., -10., 56.25]))


def test_annotations_stay_as_they_were(model):
    """DB moves polygons and ignores small words in place."""
    pages = page([*WORDS, ('i', (120, 40))])
    pages[1].gt_instances.polygons[2] = np.array([120, 30, 123, 30, 123, 40, 120, 40], np.float32)
    inputs, samples = _prepared(model, pages)
    before = copy.deepcopy(samples[0].gt_instances)
    assert len(model.words_of(samples)) == 3
    model.train().loss(inputs, samples)
    torch.testing.assert_close(samples[0].gt_instances.ignored, before.ignored)
    for after, polygon in zip(samples[0].gt_instances.polygons, before.polygons):
        np.testing.assert_array_equal(after, polygon)


def test_images_of_different_sizes_train_together(model):
    losses = _loss(model, *_two_sizes())
    assert all(loss.isfinite() for loss in losses.values())


@pytest.mark.parametrize('pages', [
    [page([])],
    [page([]), page([])],
    [(page(WORDS)[0], sample([[10, 10, 60, 10, 60, 40, 10, 40]], ['cat'], ignored=[True]))],
    [page([('Ünïcode', (10, 50))])],
])
def test_batches_without_a_readable_word(model, pages):
    model.zero_grad()
    losses = _loss(model, *pages)
    assert losses['rec.loss_idle'] == 0
    sum(losses.values()).backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters())


@pytest.mark.parametrize('order', [slice(None), slice(None, None, -1)])
def test_an_image_without_text_does_not_shift_the_others(model, order):
    pages = [page(WORDS), page([]), page([('owl', (12, 40))])][order]
    inputs, samples = _prepared(model, *pages)
    words = model.words_of(samples)
    expected = [(text, i) for i, one in enumerate(pages) for text in one[1].gt_instances.texts]
    assert list(zip(words.texts, words.image_index.tolist())) == expected
    reading = model.eval().read_along(inputs, samples, words)
    for i, one in enumerate(pages):
        if one[1].gt_instances.texts:
            alone = _prepared(model, one)
            mine = model.read_along(*alone, model.words_of(alone[1]))
            torch.testing.assert_close(reading.logits[0][reading.image_index == i], mine.logits[0],
                                       atol=1e-4, rtol=1e-4)


def test_images_of_a_batch_may_shrink_each_on_its_own(model):
    """Words are fixed at full resolution and follow their image."""
    model, scales = copy.deepcopy(model).eval(), (.3, .8)
    inputs, samples = _prepared(model, page(WORDS), page([('owl', (12, 40))], size=(64, 120)))
    words = model.words_of(samples)
    small, small_samples = rescale_batch(inputs, samples, scales)
    factors = torch.tensor([one.scale_factor for one in small_samples])
    reading = model.read_along(small, small_samples, words.scaled(factors))
    assert model.words_of(small_samples).texts == words.texts
    for i, scale in enumerate(scales):
        height, width = samples[i].img_shape
        alone = rescale_batch(inputs[i:i + 1, :, :height, :width], samples[i:i + 1], [scale])
        mine = model.read_along(*alone, model.words_of(alone[1]))
        torch.testing.assert_close(reading.logits[0][reading.image_index == i], mine.logits[0],
                                   atol=1e-3, rtol=1e-3)
    losses = model.train().det_loss(small, small_samples)
    assert all(loss.isfinite() for loss in losses.values())
    assert not any(one.gt_instances.ignored.any() for one in (*samples, *small_samples))


def test_one_word(model):
    assert _loss(model, page(WORDS[:1]))['rec.loss_ctc'] > 0


def test_a_detector_that_finds_nothing(model):
    inputs, samples = _prepared(model, page(WORDS))
    found = _with_found(model, []).predict(inputs, samples)[0].pred_instances
    assert found.texts == [] and found.polygons == []
    assert len(found.scores) == len(found.text_scores) == 0


def test_predictions_are_in_original_coordinates(model):
    """A 96x160 input stands for an image twice as wide and four times as high."""
    one = page(WORDS, scale=(.5, .25))
    inputs, samples = _prepared(model, one)
    polygons = one[1].gt_instances.polygons
    result = _with_found(model, polygons).predict(inputs, samples)[0]
    assert isinstance(result, TextSpottingDataSample)
    for mine, polygon in zip(result.pred_instances.polygons, polygons):
        np.testing.assert_allclose(mine.reshape(4, 2), polygon.reshape(4, 2) * [2, 4])
    for text, chars, score in zip(*map(result.pred_instances.get, (
            'texts', 'char_scores', 'text_scores'))):
        assert len(text) == len(chars) and score == pytest.approx(np.mean(chars or [0.]))
    assert result.scale_factor == (.5, .25) and result.gt_instances.texts == ['cat', 'dog7']
    torch.testing.assert_close(result.pred_instances.scores, torch.tensor([.9, .5]))


def test_reads_found_words_as_it_reads_annotated_ones(model):
    inputs, samples = _prepared(model, page(WORDS))
    polygons = samples[0].gt_instances.polygons
    found = _with_found(model, polygons)
    reads = []
    hook = found.recognizer.decoder.register_forward_hook(lambda _, __, out: reads.append(out))
    found.predict(inputs, samples)
    hook.remove()
    reading = found.read_along(inputs, samples, found.words_of(samples))
    torch.testing.assert_close(reads[0], reading.logits[0].softmax(-1), atol=1e-4, rtol=1e-3)


@pytest.mark.parametrize('scale, turned', [((1., 1.), False), ((1., .5), True), ((.4, 1.), False)])
def test_which_way_up_a_word_is_depends_on_the_original(model, scale, turned):
    """36x36 pixels of the input are a word that is read downwards if the image lost half its
    height."""
    inputs, samples = _prepared(model, page(WORDS, scale=scale))
    square = np.array([[10, 10], [46, 10], [46, 46], [10, 46]], np.float32)
    found = _with_found(model, [square.ravel()])
    crops = []
    found.recognizer.backbone.register_forward_pre_hook(lambda _, args: crops.append(args[0]))
    found.predict(inputs, samples)
    quad = torch.from_numpy(np.roll(square, -1, axis=0) if turned else square)
    expected = found._cut(inputs, [(96, 160)], Words(quad[None], torch.tensor([0]),
                                                     torch.tensor([False])))
    torch.testing.assert_close(crops[0], expected, atol=1e-4, rtol=0)


def test_detections_are_in_pixels_of_the_input(model):
    one = page(WORDS, scale=(.5, .25))
    inputs, samples = _prepared(model, one)
    polygons = one[1].gt_instances.polygons
    (found, scores), = _with_found(model, polygons).detect(inputs, samples)
    np.testing.assert_array_equal(found, [polygon.reshape(4, 2) for polygon in polygons])
    torch.testing.assert_close(scores, torch.tensor([.9, .5]))


def test_found_words_are_taken_upright(model):
    """Detectors begin at any corner; only annotations say which is the first."""
    inputs, samples = _prepared(model, page(WORDS))
    crops = []
    for steps in range(3):
        polygons = [np.roll(polygon.reshape(4, 2), steps, axis=0).ravel()
                    for polygon in samples[0].gt_instances.polygons]
        found = _with_found(model, polygons)
        found.recognizer.backbone.register_forward_pre_hook(lambda _, args: crops.append(args[0]))
        found.predict(inputs, samples)
    torch.testing.assert_close(crops[1], crops[0], atol=1e-3, rtol=0)
    torch.testing.assert_close(crops[2], crops[0], atol=1e-3, rtol=0)


@pytest.mark.parametrize('original', [(48, 80), (384, 320)])
def test_detectors_with_masks_draw_them_on_what_they_see(original):
    """MMDetection draws them on the original: on a smaller one they would be cut."""
    cfg = ConfigDict({**detector_cfg(), '_scope_': 'mmdet', 'data_preprocessor': {
        'type': 'DetDataPreprocessor', 'pad_size_divisor': 32}})
    whole = spotter(detector={'type': 'MMDetWrapper', 'cfg': cfg, 'text_repr_type': 'poly'}).eval()
    inputs, samples = _prepared(whole, page(WORDS))
    samples[0].set_metainfo({'ori_shape': original, 'scale_factor': (
        160 / original[1], 96 / original[0])})
    heads = whole.detector.wrapped_model.roi_head
    heads.predict_bbox = lambda *_, **__: [InstanceData(
        bboxes=torch.tensor([[30., 20, 130, 80]]), scores=torch.ones(1),
        labels=torch.zeros(1, dtype=torch.long))]
    torch.nn.init.constant_(heads.mask_head.conv_logits.bias, 50.)  # the whole box is text
    (polygons, _), = whole.detect(inputs, samples)
    np.testing.assert_allclose(polygons[0].min(0), [30, 20], atol=1)
    np.testing.assert_allclose(polygons[0].max(0), [129, 79], atol=1)


def test_corners_are_jittered_in_training_alone(model):
    jittery = spotter(crop={'size': (32, 100), 'jitter': .2})
    _, samples = _prepared(jittery, page(WORDS))
    exact = model.words_of(samples).points
    for mode in (True, False):
        moved = [(jittery.train(mode).words_of(samples).points - exact).abs().max() > .1
                 for _ in range(3)]
        assert moved == [mode] * 3


@pytest.mark.parametrize('pad_value', [0, -1.5])
def test_the_detector_is_padded_with_what_it_was_trained_on(pad_value):
    """After normalisation, where 0 of the raw image is something else."""
    preprocessor = {**dbnet_cfg()['data_preprocessor'], 'pad_value': pad_value}
    whole = spotter(detector=dbnet_cfg(data_preprocessor=preprocessor)).eval()
    data = batch(*_two_sizes())
    seen = []
    whole.detector.backbone.register_forward_hook(lambda _, inputs, __: seen.append(inputs[0]))
    whole.test_step(copy.deepcopy(data))
    whole.detector.test_step(copy.deepcopy(data))
    torch.testing.assert_close(seen[0], seen[1])
    assert (seen[0][1, :, 64:] == pad_value).all() and (seen[0][1, :, :, 120:] == pad_value).all()


def test_chunks_and_batches_do_not_matter(model):
    pages = [*_two_sizes(), page([])]
    polygons = [one[1].gt_instances.polygons for one in pages]
    found = _with_found(model, *polygons)
    together = found.predict(*_prepared(model, *pages))
    found.chunk_size = 2
    chunked = found.predict(*_prepared(model, *pages))
    for i, one in enumerate(pages):
        alone = _with_found(model, polygons[i]).predict(*_prepared(model, one))[0]
        for other in (together[i], chunked[i]):
            assert other.pred_instances.texts == alone.pred_instances.texts
            torch.testing.assert_close(other.pred_instances.text_scores,
                                       alone.pred_instances.text_scores, atol=1e-4, rtol=1e-4)


def test_tensor_mode(model):
    inputs, samples = _prepared(model, page(WORDS))
    model.eval()
    with torch.no_grad():
        assert isinstance(model(inputs), torch.Tensor)
        detected, logits = model(inputs, samples, mode='tensor')
    assert logits.shape[0] == 2 and detected.shape[0] == 1


def test_parts_start_from_checkpoints_of_their_own(tmp_path):
    cfg = spotter_cfg()
    saved = {}
    for i, part in enumerate(('detector', 'recognizer')):
        torch.manual_seed(7 + i)
        saved[part] = MODELS.build(copy.deepcopy(cfg[part])).state_dict()
        torch.save({'state_dict': saved[part]}, tmp_path / f'{part}.pth')
        cfg[part]['init_cfg'] = {'type': 'Pretrained', 'checkpoint': str(tmp_path / f'{part}.pth')}
    model = MODELS.build(cfg)
    model.init_weights()
    for part, state in saved.items():
        torch.testing.assert_close(dict(getattr(model, part).state_dict()), dict(state))


def test_other_detectors_and_recognizers():
    """PANet resizes predictions to its targets, ABINet is an attention decoder in colour."""
    other = spotter(detector=pan_cfg(), recognizer=abinet_cfg(low_res=False),
                    color_type='color', crop={'size': (32, 128)})
    losses = _loss(other, *_two_sizes())
    assert all(loss.isfinite() for loss in losses.values()), losses
    pages = _two_sizes()
    found = _with_found(other, *(one[1].gt_instances.polygons for one in pages))
    results = found.predict(*_prepared(other, *pages))
    assert [len(one.pred_instances.texts) for one in results] == [2, 1]


def test_reads_the_words_of_a_batch_it_was_trained_on():
    """End to end: with the boxes the detector finds by then."""
    recognizer = crnn_cfg(low_res=False, width=1 / 8)
    recognizer['decoder']['rnn_flag'] = False  # convolutions learn faster
    model = spotter(detector=dbnet_cfg(neck=8), recognizer=recognizer,
                    crop={'size': (32, 100), 'margin': .1, 'jitter': .05})
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.momentum = .3  # few iterations
    pages = [page([('cat', (8, 26)), ('dog', (10, 56))], size=(64, 96)),
             page([('owl', (22, 40))], size=(64, 96))]
    data = model.data_preprocessor(batch(*pages), True)
    optimizer = torch.optim.Adam(model.parameters(), lr=8e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 8e-3, 80)
    model.train()
    for _ in range(80):
        optimizer.zero_grad()
        sum(model(**data, mode='loss').values()).backward()
        optimizer.step()
        schedule.step()
    results = model.eval()(**data, mode='predict')
    assert [sorted(one.pred_instances.texts) for one in results] == [['cat', 'dog'], ['owl']]


@pytest.mark.parametrize('fields, match', [
    ({'chunk_size': 0}, 'chunk_size=0'),
    ({'loss_weights': {'detection': 1}}, "'detection'"),
    ({'color_type': 'rgb'}, "color_type='rgb'"),
    ({'crop': {'size': (32, )}}, 'size='),
    ({'crop': {'size': (32, 100), 'jitter': .5}}, 'jitter=0.5'),
    ({'crop': {'size': (32, 100), 'corners': 'first'}}, "corners='first'"),
    ({'texts': {'unknown': 'keep'}}, "unknown='keep'"),
    ({'data_preprocessor': {'type': 'TextDetDataPreprocessor', 'mean': [1.] * 3,
                            'std': [1.] * 3}}, 'changes pixels'),
])
def test_bad_fields(fields, match):
    with pytest.raises(ValueError, match=match):
        MODELS.build(spotter_cfg(**fields))


def test_samples_without_texts(model):
    one = page(WORDS)
    del one[1].gt_instances.texts
    with pytest.raises(ValueError, match='with_text=True'):
        _loss(model, one)


def test_samples_without_a_scale_factor(model):
    inputs, samples = _prepared(model, page(WORDS))
    del samples[0].scale_factor
    with pytest.raises(ValueError, match='scale_factor'):
        _with_found(model, []).predict(inputs, samples)
