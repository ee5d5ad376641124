"""What a recogniser shows while it reads along, in training and in eval mode."""
import copy
from dataclasses import replace

import pytest
import tiny_parseq
import torch
import torch.nn.functional as F
from mmengine.config import Config
from mmocr.registry import MODELS
from tiny_recog import abinet_cfg, crnn_cfg, sample
from torch import nn

from mmocr_kd.adapters.recognition import ReadingRecorder, reading_recorder, reading_sources
from mmocr_kd.distill import RecordingError
from mmocr_kd.losses import Hypotheses

TEXTS = ['hello', 'ab']


def _aster(folder):
    root = folder.config.rootpath
    cfg = Config.fromfile(root / 'configs/textrecog/kd_ltr/_base_/models/aster_lr.py').model
    return cfg.to_dict()


# How to make it, image, shapes of the visual feature, the context and the logits.
RECOGNIZERS = {
    'crnn': (lambda request: crnn_cfg(), (1, 16, 50), (32, 1, 26), (26, 512), (26, 37)),
    'abinet': (lambda request: abinet_cfg(), (3, 16, 64), (64, 8, 32), (64, 8, 32), (26, 37)),
    'parseq': (lambda request: tiny_parseq.recognizer_cfg(request.getfixturevalue('tmp_path')),
               (3, 8, 32), (16, 16), (6, 16), (6, 27)),
    'aster': (_aster, (3, 32, 128), (512, 1, 25), (25, 512), (25, 94)),
}


@pytest.fixture(params=RECOGNIZERS)
def case(request):
    make, image, *shapes = RECOGNIZERS[request.param]
    torch.manual_seed(0)
    model = MODELS.build(make(request)).eval()
    for module in model.modules():
        for name in ('p', 'dropout'):  # of dropout layers and of attention
            if isinstance(getattr(module, name, None), float):
                setattr(module, name, 0.)
    return model, image, shapes


def _batch(image, texts=TEXTS):
    generator = torch.Generator().manual_seed(0)
    samples = [sample(text, image[1:]) for text in texts]
    return torch.rand(len(texts), *image, generator=generator), samples


def _read(model, image, with_loss=False, **fields):
    torch.manual_seed(0)  # for PARSeq's orders
    recorder = ReadingRecorder(model, **fields)
    losses, reading = recorder(*_batch(image), with_loss)
    recorder._recorder.remove()
    return (losses, reading) if with_loss else reading


def _valid(reading):
    """Which steps count."""
    return torch.arange(reading.labels.indexes.shape[1]) < reading.labels.lengths[:, None]


def _frozen_norms(model):
    """In training mode, but for batch normalisation: then modes must not differ."""
    model = copy.deepcopy(model).train()
    for module in model.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            module.eval()
    return model


def test_shapes(case):
    model, image, (roi, context, logits) = case
    reading = _read(model, image)
    assert reading.roi.shape == (2, *roi)
    assert reading.context.shape == (2, *context)
    assert reading.logits[0].shape[:2] == (2, logits[0])
    assert len(reading.logits) == 1 and reading.image_index is None


def test_targets_are_the_texts(case):
    model, image, _ = case
    reading, dictionary = _read(model, image), model.decoder.dictionary
    for text, target, valid in zip(TEXTS, reading.labels.indexes, _valid(reading)):
        read = target[valid].tolist()
        if not reading.labels.is_ctc:
            assert read.pop() == dictionary.end_idx
        assert dictionary.idx2str(read) == text
    assert reading.labels.is_ctc == (dictionary.end_idx is None)


def test_eval_and_training_mode_read_the_same(case):
    model, image, _ = case
    ours, theirs = _read(model, image), _read(_frozen_norms(model), image)
    for name in ('roi', 'context', 'logits'):
        torch.testing.assert_close(ours.features[name], theirs.features[name],
                                   atol=1e-4, rtol=1e-4)


def test_eval_mode_changes_nothing(case):
    model, image, _ = case
    before = copy.deepcopy(model.state_dict())
    first, again = _read(model, image), _read(model, image)
    torch.testing.assert_close(first.logits[0], again.logits[0], rtol=0, atol=0)
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())
    assert not any(module.training for module in model.modules())


def test_losses_come_from_the_same_pass(case):
    model, image, _ = case
    model = _frozen_norms(model)
    losses, reading = _read(model, image, with_loss=True)
    torch.manual_seed(0)
    expected = model.loss(*_batch(image))
    torch.testing.assert_close(losses, expected, atol=1e-4, rtol=1e-4)
    for tap in (reading.roi, reading.context, reading.logits[0]):
        assert tap.requires_grad
    first = next(model.parameters())
    assert torch.autograd.grad(reading.context.sum(), first, allow_unused=True)[0] is not None


def test_logits_stand_at_their_targets(case):
    """MMOCR's own loss pulls the logits of a step towards the target of that step."""
    model, image, _ = case
    losses, reading = _read(_frozen_norms(model), image, with_loss=True)
    total = sum(value.mean() for name, value in losses.items() if 'loss' in name)
    pull, = torch.autograd.grad(total, reading.logits[0], retain_graph=True, allow_unused=True)
    if reading.labels.is_ctc:
        labels = reading.labels
        ours = F.ctc_loss(reading.logits[0].log_softmax(-1).transpose(0, 1), labels.indexes,
                          labels.frames, labels.lengths, labels.blank_idx)
        torch.testing.assert_close(pull, torch.autograd.grad(ours, reading.logits[0])[0])
    elif pull is None:
        assert hasattr(model.decoder, 'draw_orders')  # its logits are copies, of the first order
    else:
        valid = _valid(reading)
        torch.testing.assert_close(pull[valid].argmin(-1), reading.labels.indexes[valid])


def test_paths_may_be_named():
    model = MODELS.build(crnn_cfg()).eval()
    reading = _read(model, (1, 16, 50), roi='backbone.cnn.conv0', context='backbone')
    assert reading.roi.shape == (2, 4, 16, 50) and reading.context.shape == (2, 32, 1, 26)
    with pytest.raises(RecordingError, match='backbone.cnn.conv9'):
        ReadingRecorder(model, roi='backbone.cnn.conv9')(*_batch((1, 16, 50)))


def test_valid_steps_bound_the_targets():
    """MMOCR never trains the last step of its ABINet."""
    model = MODELS.build(abinet_cfg()).eval()
    assert _read(model, (3, 16, 64), valid_steps=4).labels.lengths.tolist() == [4, 3]


def test_it_scores_what_may_have_been_read(case):
    """The labels themselves: the sum over their steps, or CTC's likelihood."""
    model, image, _ = case
    reading = _read(model, image)
    longest = max(map(len, TEXTS))
    indexes = torch.tensor([model.decoder.dictionary.str2idx(text) + [0] * (longest - len(text))
                            for text in TEXTS])[:, None]
    hypotheses = Hypotheses([[text] for text in TEXTS], indexes,
                            torch.tensor([[len(text)] for text in TEXTS]), torch.zeros(2, 1),
                            torch.ones(2))
    labels, log_probs = reading.labels, reading.logits[0].log_softmax(-1)
    if labels.is_ctc:
        expected = -F.ctc_loss(log_probs.transpose(0, 1), labels.indexes, labels.frames,
                               labels.lengths, labels.blank_idx, reduction='none')
    else:
        steps = log_probs.gather(2, labels.indexes[:, :, None])[:, :, 0]
        expected = (steps * _valid(reading)).sum(1)
    torch.testing.assert_close(reading.score(hypotheses)[:, 0], expected, atol=1e-3, rtol=1e-4)


def test_attention_is_a_map_over_the_visual_feature(case):
    model, image, _ = case
    reading = _read(model, image)
    if reading.attention is not None:
        assert reading.attention.shape[2:] == reading.visual.shape[2:]
        torch.testing.assert_close(reading.attention.sum((2, 3)), torch.ones(2, 26))


def test_attention_over_something_else_is_left_out(case, monkeypatch):
    """Losses that do without it still get their reading."""
    model, image, _ = case
    found = reading_sources(model.decoder)
    other = replace(found, attention=replace(found.logits, pick=lambda _: torch.ones(2, 26, 7)))
    monkeypatch.setattr(reading_recorder, 'reading_sources', lambda decoder: other)
    reading = _read(model, image)
    assert reading.attention is None and reading.logits[0].shape[0] == 2
