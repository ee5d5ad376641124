import pytest
import small_models
import torch
from reference_abinet import ABINet, balance, scramble, words
from reference_matrn import MATRN

from mmocr_kd.convert import OfficialLayoutError, convert_abinet, convert_matrn

PUBLISHED = dict(stem=32, blocks=(3, 4, 6, 6, 3), layers=3, inner=2048, hidden=64,
                 language=dict(inner=2048, layers=4), fusion=dict(inner=2048, hidden=64))


def logits(model, images):
    """As the reference's, in the official order of classes."""
    out = small_models.decoder_outputs(model, images)
    fused = out['out_fusers'][-1]
    parts = [out['out_vis']['logits'], out['out_langs'][-1]['logits'], fused['visual_logits'],
             fused['semantic_logits'], fused['logits']]
    return [part[..., small_models.OFFICIAL_CLASSES] for part in parts]


@pytest.mark.parametrize('low_resolution, iterations', [(False, 3), (True, 3), (True, 1)])
def test_reads_the_same(low_resolution, iterations):
    images = small_models.images(low_resolution)
    official = balance(scramble(MATRN(low_resolution=low_resolution)), images)
    converted = convert_matrn(official.state_dict())
    model = small_models.matrn(low_resolution, iterations)
    model.load_state_dict(converted.state_dict)
    with torch.no_grad():
        expected = official(images, iterations)
    for ours, theirs in zip(logits(model, images), expected):
        torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-5)
    texts = words(expected[-1])
    assert small_models.read(model, images) == texts and len(set(''.join(texts))) > 5
    assert converted.low_resolution == low_resolution
    assert converted.settings['model.data_preprocessor.bgr_to_rgb'] is True


def test_the_reference_is_as_large_as_the_published_student():
    with torch.device('meta'):
        model = MATRN(low_resolution=True, **PUBLISHED)
    assert sum(p.numel() for p in model.parameters()) == pytest.approx(44.1574e6, abs=50)
    assert len(model.state_dict()) == 538


@pytest.mark.parametrize('key', ['v_token', 'model1.layers.1.norm2.bias', 'w_att.weight',
                                 'model2_vis.k_encoder.3.1.running_mean', 'cls_sem.bias'])
def test_names_a_missing_key(key):
    state = MATRN().state_dict()
    del state[f'semantic_visual.{key}']
    with pytest.raises(OfficialLayoutError, match=f'missing: semantic_visual.{key}$'):
        convert_matrn(state)


def test_names_unknown_keys_and_other_shapes():
    state = MATRN().state_dict()
    state['semantic_visual.cls_new.bias'] = torch.zeros(3)
    state['semantic_visual.v_token'] = torch.zeros(32)
    with pytest.raises(OfficialLayoutError) as caught:
        convert_matrn(state)
    assert str(caught.value).splitlines()[1:] == [
        '  unknown: semantic_visual.cls_new.bias',
        r'  other shape: semantic_visual.v_token (32,), expected (1, 32)']


@pytest.mark.parametrize('convert, official, name', [
    (convert_matrn, ABINet, 'abinet'), (convert_abinet, MATRN, 'matrn')])
def test_tells_the_two_apart(convert, official, name):
    with pytest.raises(OfficialLayoutError, match=f'look like {name}: convert them as that'):
        convert(official().state_dict())
