import pytest
import small_models
import torch
from mmocr.registry import MODELS
from reference_abinet import ABINet, balance, scramble, words

from mmocr_kd.convert import OfficialLayoutError, convert_abinet

PUBLISHED = dict(stem=32, blocks=(3, 4, 6, 6, 3), layers=3, inner=2048, hidden=64,
                 language=dict(inner=2048, layers=4))


def logits(model, images):
    """Logits of vision, last language model and last fusion in the official order of classes."""
    out = small_models.decoder_outputs(model, images)
    parts = out['out_vis'], out['out_langs'][-1], out['out_fusers'][-1]
    return [part['logits'][..., small_models.OFFICIAL_CLASSES] for part in parts]


@pytest.mark.parametrize('iterations', [1, 3])
@pytest.mark.parametrize('low_resolution', [False, True])
def test_reads_the_same(low_resolution, iterations):
    images = small_models.images(low_resolution)
    official = balance(scramble(ABINet(low_resolution=low_resolution)), images)
    converted = convert_abinet(official.state_dict())
    model = small_models.abinet(low_resolution, iterations)
    model.load_state_dict(converted.state_dict)
    with torch.no_grad():
        expected = official(images, iterations)
    for ours, theirs in zip(logits(model, images), expected):
        torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-5)
    texts = words(expected[-1])
    assert small_models.read(model, images) == texts and len(set(''.join(texts))) > 5
    assert converted.low_resolution == low_resolution


def test_reads_the_same_at_the_published_size():
    images = small_models.images(count=1)
    official = scramble(ABINet(**PUBLISHED))
    parameters = sum(p.numel() for p in official.parameters())
    assert parameters == pytest.approx(36.7387e6, abs=50)
    model = MODELS.build(small_models.model_cfg(small_models.ABINET)).eval()
    model.load_state_dict(convert_abinet(official.state_dict()).state_dict)
    with torch.no_grad():
        expected = official(images, 3)
    for ours, theirs in zip(logits(model, images), expected):
        scale = theirs.std().item()
        torch.testing.assert_close(ours / scale, theirs / scale, rtol=0, atol=1e-5)


def test_does_not_change_what_it_is_given():
    official = ABINet().state_dict()
    before = {key: value.clone() for key, value in official.items()}
    state = convert_abinet(official).state_dict
    for value in state.values():
        value += 1
    assert all(value.equal(before[key]) for key, value in official.items())


def test_says_what_the_config_needs():
    high, low = (convert_abinet(ABINet(low_resolution=low).state_dict()) for low in (False, True))
    assert high.settings['model.data_preprocessor.bgr_to_rgb'] is True
    assert high.settings['model.decoder.max_seq_len'] == 26
    assert 'model.backbone.strides' not in high.settings
    assert low.settings['model.backbone.strides'] == [1, 1, 2, 1, 1]
    assert high.characters == '0123456789abcdefghijklmnopqrstuvwxyz'


@pytest.mark.parametrize('key', [
    'vision.backbone.resnet.layer3.0.downsample.0.weight', 'alignment.w_att.bias',
    'vision.backbone.resnet.bn1.num_batches_tracked', 'language.token_encoder.pe',
    'language.model.layers.1.multihead_attn.in_proj_bias', 'vision.attention.k_decoder.2.1.bias',
    'vision.backbone.resnet.conv1.weight', 'language.model.layers.0.linear1.weight',
])
def test_names_a_missing_key(key):
    state = ABINet().state_dict()
    del state[key]
    with pytest.raises(OfficialLayoutError, match=f'missing: {key}$'):
        convert_abinet(state)


@pytest.mark.parametrize('key', ['vision.extra.weight', 'language.model.layers.2.norm2.weight',
                                 'vision.backbone.resnet.layer2.1.downsample.0.weight'])
def test_names_an_unknown_key(key):
    state = ABINet().state_dict()
    state[key] = torch.ones(1)
    with pytest.raises(OfficialLayoutError, match=f'(unknown: {key}|missing: .*layers.2.*)$'):
        convert_abinet(state)


def test_names_all_problems_at_once():
    state = ABINet().state_dict()
    state['vision.clf.weight'] = state.pop('vision.cls.weight')
    state['alignment.cls.bias'] = torch.zeros(95)
    with pytest.raises(OfficialLayoutError) as caught:
        convert_abinet(state)
    assert str(caught.value).splitlines()[1:] == [
        '  missing: vision.cls.weight', '  unknown: vision.clf.weight',
        '  other shape: alignment.cls.bias (95,), expected (37,)']


def test_refuses_other_tables_of_positions():
    state = scramble(ABINet()).state_dict()
    state['language.pos_encoder.pe'] += .01
    with pytest.raises(OfficialLayoutError, match='language_decoder.pos_encoder.*not the sinusoid'):
        convert_abinet(state)


def test_a_student_with_half_a_shortcut_is_neither():
    state = ABINet().state_dict()
    del state['vision.backbone.resnet.layer1.0.downsample.0.weight']
    with pytest.raises(OfficialLayoutError, match=r'unknown: .*layer1.0.downsample.1.running_var'):
        convert_abinet(state)

