"""A selector in front of a detector that a frozen recogniser trains."""
import pytest
import torch
from deferred import defer_checks, poison
from tiny_dld_detector import (
    SCALES,
    dld,
    losses_of,
    prepared,
    selector_cfg,
    touched,
    wide_and_narrow,
)
from tiny_recog import abinet_cfg, checkpoint, crnn_cfg
from tiny_spotter import batch, page, spotter

from mmocr_kd.adapters import rescale_batch
from mmocr_kd.distill import TeacherOutputError
from mmocr_kd.losses import word_log_probs

GUMBEL = {'type': 'GumbelObjective', 'preset': 'official'}


def _reading(tmp_path, recognizer=None, objective=None, **fields):
    """A model whose selector a frozen recogniser trains, as published."""
    teacher = checkpoint(tmp_path / 'rec.pth', recognizer or crnn_cfg(low_res=False))
    reader = {**teacher, 'crop': {'size': (32, 100)}, 'color_type': 'grayscale', **fields}
    objective = objective or GUMBEL
    return dld(recognizer=reader, objective=objective, selector=selector_cfg(
        predicts='logits' if objective['type'] == 'GumbelObjective' else 'errors'))


def _drawn(model, monkeypatch, index):
    """Losses if both images get one scale."""
    logits = torch.full((2, len(SCALES)), -30.).index_fill_(1, torch.tensor([index]), 30.)
    monkeypatch.setattr(model.selector, 'forward', lambda *_: logits)
    return losses_of(model, _pages())


def _pages():
    return batch(page([('cat', (10, 36)), ('dog7', (60, 80))]), page([('owl', (12, 40))]))


def test_a_frozen_recogniser_trains_the_selector_alone(tmp_path):
    torch.manual_seed(0)
    model = _reading(tmp_path, objective={**GUMBEL, 'accuracy': {'combine': 'loss'}})
    keys = set(model.state_dict())
    losses = losses_of(model, _pages())
    losses['loss_res_acc'].backward()
    assert touched(model) == {'selector'}
    assert set(model.state_dict()) == keys  # the recogniser stays outside
    reader = model.spotter.reader
    assert not any(p.requires_grad for p in reader.model.parameters())
    assert not any(module.training for module in reader.model.modules())


def test_no_recogniser_is_built_for_prediction(tmp_path):
    model = _reading(tmp_path)
    (tmp_path / 'rec.pth').unlink()
    assert len(model.eval().test_step(wide_and_narrow())) == 2
    with pytest.raises(FileNotFoundError):
        losses_of(model, _pages())
    with pytest.raises(FileNotFoundError, match='rec.pth'):  # before the first training step
        model.init_weights()


@pytest.mark.parametrize('scale', [.5, 1.])
def test_it_sees_what_a_spotter_would_show_it(tmp_path, scale):
    """The detector's normalisation is undone, and words shrink with their image."""
    model = _reading(tmp_path)
    whole = spotter().eval()
    reader = model.spotter.reader
    reader.bind(model)
    crops, reading = [], []
    for owner, read, recognizer in ((model, reader, reader.model),
                                    (whole, whole, whole.recognizer)):
        recognizer.backbone.register_forward_pre_hook(lambda _, args: crops.append(args[0]))
        inputs, samples = prepared(owner, _pages())
        words = read.words_of(samples)
        small, moved = rescale_batch(inputs, samples, [scale] * 2)
        reading.append(read.read_along(small, moved, words.scaled(torch.full((2, 2), scale))))
    assert reading[0].image_index.tolist() == [0, 0, 1]
    torch.testing.assert_close(reading[0].labels.indexes, reading[1].labels.indexes)
    assert crops[0].shape == (3, 1, 32, 100) and crops[0].std() > .3
    torch.testing.assert_close(crops[0], crops[1], rtol=0, atol=1e-3)


def _attentively(module, inputs, features):
    """Random weights hardly look at the image: make differences large."""
    dims = 0, 2, 3
    spread = features.std(dims, keepdim=True) + 1e-6
    return 10 * (features - features.mean(dims, keepdim=True)) / spread


@pytest.mark.parametrize('recognizer', [crnn_cfg(low_res=False), abinet_cfg(low_res=False)],
                         ids=['CTC', 'attention'])
def test_reading_as_at_full_resolution_is_perfect(tmp_path, monkeypatch, recognizer):
    fields = {} if 'CRNN' in recognizer['type'] else {'crop': {'size': (32, 128)},
                                                      'color_type': 'color'}
    model = _reading(tmp_path, recognizer, {**GUMBEL, 'accuracy': {'mode': 'kl'}}, **fields)
    model.spotter.reader.bind(model)
    model.spotter.reader.model.backbone.register_forward_hook(_attentively)
    values = [_drawn(model, monkeypatch, i)['loss_res_acc'].item() for i in range(len(SCALES))]
    assert values[0] > 1e-5 and values[1] > 1e-5
    assert values[2] == pytest.approx(0, abs=1e-8)


def test_nothing_to_read(tmp_path):
    data = _pages()
    for one in data['data_samples']:
        one.gt_instances.ignored[:] = True
    model = _reading(tmp_path)
    losses = losses_of(model, data)
    assert losses['loss_res_acc'] == 0
    model.parse_losses(losses)[0].backward()
    assert all(p.grad is not None for p in model.parameters())


def test_words_without_texts_cannot_be_read(tmp_path):
    with pytest.raises(ValueError, match='words without texts'):
        losses_of(_reading(tmp_path), wide_and_narrow())


@pytest.mark.parametrize('queued', [False, True])
@pytest.mark.parametrize('mode', ['ce', 'kl'])
def test_a_recogniser_that_gives_no_number_trains_nothing(tmp_path, mode, queued, monkeypatch):
    model = _reading(tmp_path, objective={**GUMBEL, 'accuracy': {'mode': mode}})
    poison(next(model.spotter.reader.build().decoder.parameters()))
    if queued:
        defer_checks(monkeypatch)
    with pytest.raises(TeacherOutputError, match="NaN or Inf for 'logits"):
        losses_of(model, _pages())


def test_a_word_that_is_found_counts_as_far_as_it_is_read(tmp_path):
    """The whole word's probability, from the shrunk image; by detection alone without a reader."""
    model = _reading(tmp_path, objective={'type': 'ErrorObjective'}).eval()
    inputs, samples = prepared(model, _pages())
    model.spotter.detect = lambda images, moved: [
        ([polygon.reshape(-1, 2) * one.dld_scale for polygon in own.gt_instances.polygons],
         torch.ones(len(own.gt_instances))) for own, one in zip(samples, moved)]
    model.spotter.bind(model)
    words = model.spotter.words_of(samples)
    errors = model.objective.errors(model, inputs, samples, words)
    for k, scale in enumerate(SCALES):
        small, moved = rescale_batch(inputs, samples, [scale] * 2)
        reading = model.spotter.reader.read_along(small, moved,
                                                  words.scaled(torch.full((2, 2), scale)))
        read = word_log_probs(reading.logits[0], reading.labels).exp()
        expected = torch.stack([2 - read[:2].sum(), 1 - read[2]])
        torch.testing.assert_close(errors[:, k], expected, atol=1e-4, rtol=1e-3)
    alone = dld().eval()
    alone.spotter.detect = model.spotter.detect
    assert not alone.objective.errors(alone, inputs, samples, None).any()


def test_errors_of_a_reader_train_the_selector_alone(tmp_path):
    model = _reading(tmp_path, objective={'type': 'ErrorObjective'})
    losses = losses_of(model, _pages())
    losses['loss_res_error'].backward()
    assert touched(model) == {'selector'}


def test_nobody_reads_for_the_published_objective():
    with pytest.raises(ValueError, match='nobody does: give recognizer='):
        dld(objective=GUMBEL, selector=selector_cfg(predicts='logits'))
