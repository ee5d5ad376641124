import pytest
import tiny
import torch
from mmocr.registry import MODELS

from mmocr_kd.adapters import build_source, text_logits
from mmocr_kd.distill import Recorder, RecordingError, Source


def record(model, inputs, samples, mode):
    recorder = Recorder(model, {'logits': text_logits})
    recorder.start()
    model(inputs, samples, mode=mode)
    return recorder.stop()['logits']


@pytest.mark.parametrize('mode', ['loss', 'tensor', 'predict'])
def test_dbnet_gives_the_logits_behind_its_probability_map(mode):
    model = MODELS.build(tiny.dbnet_cfg()).eval()
    data = tiny.prepared(model)
    logits = record(model, data['inputs'], data['data_samples'], mode)
    with torch.no_grad():
        expected = model(data['inputs'], None, mode='tensor')
    assert logits.shape == (2, 64, 96)
    assert torch.allclose(logits.sigmoid(), expected)


@pytest.mark.parametrize('kind', ['PAN', 'PSE'])
@pytest.mark.parametrize('mode', ['loss', 'tensor'])
def test_pan_and_pse_give_their_text_channel(kind, mode):
    model = MODELS.build(tiny.pan_cfg(kind)).eval()
    data = tiny.prepared(model)
    logits = record(model, data['inputs'], data['data_samples'], mode)
    with torch.no_grad():
        expected = model(data['inputs'], None, mode='tensor')
    assert logits.shape == (2, 16, 24)
    assert torch.equal(logits, expected[:, 0])


def test_dbnetpp_is_a_dbnet():
    cfg = tiny.dbnet_cfg()
    cfg['neck']['asf_cfg'] = {'attention_type': 'ScaleChannelSpatial'}
    model = MODELS.build(cfg)
    assert text_logits(model).path == 'det_head.binarize'


def test_a_model_without_probability_map_is_named():
    with pytest.raises(RecordingError, match='Linear.*DBHead, PSEHead or PANHead'):
        text_logits(torch.nn.Linear(1, 1))


def test_sources_from_configs():
    assert build_source('text_logits') is text_logits
    assert build_source('neck') == Source('neck')
    source = build_source({'path': 'backbone', 'io': 'output', 'index': 2})
    assert source.path == 'backbone' and source.pick('abc') == 'c'


@pytest.mark.parametrize('source', [3, None, {}, {'io': 'input'}, {'path': 'x', 'idx': 1}])
def test_bad_sources_are_named(source):
    with pytest.raises(TypeError, match='source='):
        build_source(source)
