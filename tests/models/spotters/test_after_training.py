"""Spotters that have been trained, or were about to: they still predict, and can be copied."""
import copy
import pickle

import pytest
import torch
from stand_in_abcnet import abcnet
from tiny_dld import dld, dld_cfg, prepared, shake
from tiny_mask_rcnn import mask_rcnn_spotter
from tiny_spotter import page, spotter

from mmocr_kd.models.spotters import distillable

WORDS = [('cat', (10, 36)), ('dog', (60, 80))]
SPOTTERS = {
    'two parts': lambda folder: spotter(),
    'Mask R-CNN': mask_rcnn_spotter,
    'ABCNet': lambda folder: abcnet(),
}
COPIES = [copy.deepcopy, lambda model: pickle.loads(pickle.dumps(model))]


@pytest.fixture(params=SPOTTERS)
def model(request, tmp_path):
    return shake(SPOTTERS[request.param](tmp_path)).train()


def train(model, data):
    """One training pass; gives its losses."""
    torch.manual_seed(0)
    student = distillable(model)
    losses, _ = student.losses_and_reading(*data, student.words_of(data[1]))
    return losses


def texts(model, data):
    with torch.no_grad():
        found = model.eval().predict(data[0], copy.deepcopy(data[1]))
    return [one.pred_instances.texts for one in found]


def interrupted(*_):
    raise RuntimeError('out of memory')


@pytest.mark.parametrize('where', ['decoder', 'encoder', 'detector'])
def test_a_pass_that_failed_leaves_nothing_behind(model, where):
    data = prepared(model, page(WORDS))
    train(model, data)  # hooks are there
    expected = texts(model, data)
    recognizer = getattr(model, 'recognizer', None) or model.roi_head.rec_head
    part = {'decoder': recognizer.decoder,
            'encoder': getattr(recognizer, 'encoder', recognizer.backbone),
            'detector': getattr(model, 'detector', model).backbone}[where]
    hook = part.register_forward_hook(interrupted)
    with pytest.raises(RuntimeError, match='out of memory'):
        train(model.train(), data)
    hook.remove()
    assert texts(model, data) == expected == texts(model, data)  # twice: nothing is recorded
    assert train(model.train(), data)


@pytest.mark.parametrize('copied', COPIES, ids=['deepcopy', 'pickle'])
def test_what_was_used_can_be_copied(model, copied):
    data = prepared(model, page(WORDS))
    train(model, data)
    other = copied(model)
    torch.testing.assert_close(train(other, data), train(model, data))
    assert texts(other, data) == texts(model, data)
    # It listens to itself, not to what it was copied from.
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.zero_()
    student = distillable(other.eval())
    words = student.words_of(data[1])
    assert all(value.abs().max() > 0 for value in
               student.read_along(*data, words).features.values())


@pytest.mark.parametrize('copied', COPIES, ids=['deepcopy', 'pickle'])
def test_what_chooses_scales_can_be_copied(tmp_path, copied):
    checkpoint = tmp_path / 'teacher.pth'
    cfg = dld_cfg()['student']
    torch.save(spotter(recognizer=cfg['recognizer']).state_dict(), checkpoint)
    model = dld({'config': cfg, 'checkpoint': str(checkpoint)}, initialise=True).train()
    data = prepared(model)
    model.loss(*data)
    other = copied(model)
    losses = []
    for one in (model, other):
        torch.manual_seed(1)
        losses.append(one.train().loss(*data))
    torch.testing.assert_close(losses[0], losses[1])
    assert texts(other, data) == texts(model, data)


def test_adapters_can_be_copied():
    adapter = distillable(abcnet())
    data = prepared(adapter.model, page(WORDS))
    words = adapter.words_of(data[1])
    expected = adapter.read_along(*data, words)
    for copied in COPIES:
        other = copied(adapter)
        assert other.model is not adapter.model
        torch.testing.assert_close(other.read_along(*data, words).features, expected.features)
