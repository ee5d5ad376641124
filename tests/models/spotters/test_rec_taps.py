"""What a recogniser shows while it reads along, in training and in eval mode."""
import copy

import pytest
import tiny_parseq
import torch
import torch.nn.functional as F
from mmengine.config import Config
from mmocr.registry import MODELS
from tiny_recog import abinet_cfg, crnn_cfg, sample
from torch import nn

from mmocr_kd.distill import RecordingError
from mmocr_kd.models.spotters import RecTapReader

TEXTS = ['hello', 'ab']
INDEX = torch.tensor([0, 2])


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


def _taps(model, image, with_loss=False, reader=None):
    torch.manual_seed(0)  # for PARSeq's orders
    reader = reader or RecTapReader()
    losses, taps = reader.read(model, *_batch(image), INDEX, with_loss)
    reader._recorder.remove()
    return (losses, taps) if with_loss else taps


def _frozen_norms(model):
    """In training mode, but for batch normalisation: then modes must not differ."""
    model = copy.deepcopy(model).train()
    for module in model.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            module.eval()
    return model


def test_shapes(case):
    model, image, (roi, context, logits) = case
    taps = _taps(model, image)
    assert taps.roi_feature.shape == (2, *roi)
    assert taps.context.shape == (2, *context)
    assert taps.logits.shape[:2] == (2, logits[0])
    assert taps.image_index is INDEX


def test_targets_are_the_texts(case):
    model, image, _ = case
    taps, dictionary = _taps(model, image), model.decoder.dictionary
    for text, target, valid in zip(TEXTS, taps.targets, taps.valid):
        read = target[valid].tolist()
        if not taps.is_ctc:
            assert read.pop() == dictionary.end_idx
        assert dictionary.idx2str(read) == text
    assert taps.is_ctc == (dictionary.end_idx is None)


def test_eval_and_training_mode_read_the_same(case):
    model, image, _ = case
    ours, theirs = _taps(model, image), _taps(_frozen_norms(model), image)
    for name in ('roi_feature', 'context', 'logits'):
        torch.testing.assert_close(getattr(ours, name), getattr(theirs, name),
                                   atol=1e-4, rtol=1e-4)


def test_eval_mode_changes_nothing(case):
    model, image, _ = case
    before = copy.deepcopy(model.state_dict())
    first, again = _taps(model, image), _taps(model, image)
    torch.testing.assert_close(first.logits, again.logits, rtol=0, atol=0)
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())
    assert not any(module.training for module in model.modules())


def test_losses_come_from_the_same_pass(case):
    model, image, _ = case
    model = _frozen_norms(model)
    losses, taps = _taps(model, image, with_loss=True)
    torch.manual_seed(0)
    expected = model.loss(*_batch(image))
    torch.testing.assert_close(losses, expected, atol=1e-4, rtol=1e-4)
    for tap in (taps.roi_feature, taps.context, taps.logits):
        assert tap.requires_grad
    first = next(model.parameters())
    assert torch.autograd.grad(taps.context.sum(), first, allow_unused=True)[0] is not None


def test_logits_stand_at_their_targets(case):
    """MMOCR's own loss pulls the logits of a step towards the target of that step."""
    model, image, _ = case
    losses, taps = _taps(_frozen_norms(model), image, with_loss=True)
    total = sum(value.mean() for name, value in losses.items() if 'loss' in name)
    pull, = torch.autograd.grad(total, taps.logits, retain_graph=True, allow_unused=True)
    if taps.is_ctc:
        ours = F.ctc_loss(taps.logits.log_softmax(-1).transpose(0, 1), taps.targets,
                          taps.labels.frames, taps.labels.lengths, taps.labels.blank_idx)
        torch.testing.assert_close(pull, torch.autograd.grad(ours, taps.logits)[0])
    elif pull is None:
        assert hasattr(model.decoder, 'draw_orders')  # its logits are copies, of the first order
    else:
        torch.testing.assert_close(pull[taps.valid].argmin(-1), taps.targets[taps.valid])


def test_paths_may_be_named():
    model = MODELS.build(crnn_cfg()).eval()
    reader = RecTapReader(roi='backbone.cnn.conv0', context='backbone')
    taps = _taps(model, (1, 16, 50), reader=reader)
    assert taps.roi_feature.shape == (2, 4, 16, 50) and taps.context.shape == (2, 32, 1, 26)
    with pytest.raises(RecordingError, match='backbone.cnn.conv9'):
        RecTapReader(roi='backbone.cnn.conv9').read(model, *_batch((1, 16, 50)), INDEX, False)


def test_valid_steps_bound_the_targets():
    """MMOCR never trains the last step of its ABINet."""
    model = MODELS.build(abinet_cfg()).eval()
    reader = RecTapReader(valid_steps=4)
    assert _taps(model, (3, 16, 64), reader=reader).valid.sum(1).tolist() == [4, 3]
