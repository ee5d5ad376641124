import pytest
import small_models
import torch
from mmocr.registry import MODELS
from reference_abinet import scramble
from reference_parseq import PARSeq, words

from mmocr_kd.convert import OfficialLayoutError, convert_parseq

DICTIONARY = {'type': 'Dictionary', 'with_end': True,
              'dict_file': str(small_models.CONFIGS / 'dicts/english_digits_punctuation.txt')}
LOW_RESOLUTION = {'patch': (2, 4)}


def model_like(converted):
    """A model with nothing but the sizes that the conversion read off the weights."""
    parts = {'backbone': {'type': 'PARSeqViT'},
             'decoder': {'type': 'PARSeqDecoder', 'dictionary': DICTIONARY,
                         'postprocessor': {'type': 'AttentionPostprocessor', 'ignore_chars': []}},
             'data_preprocessor': {'type': 'TextRecogDataPreprocessor'}}
    for field, value in converted.settings.items():
        _, part, name = field.split('.')
        parts[part][name] = value
    model = MODELS.build({'type': 'PARSeq', **parts}).eval()
    model.load_state_dict(converted.state_dict)
    return model


def official_model(images, **sizes):
    """With random weights that read all kinds of characters and sometimes the end."""
    model = scramble(PARSeq(**sizes))
    with torch.no_grad():
        model.pos_queries.normal_()
        model.head.bias -= model(images, False, False)[0].mean((0, 1))
    return model


def all_logits(model, images, autoregressive, refine):
    """What the classifier said, call after call, in the official order of classes."""
    model.decoder.decode_ar, model.decoder.refine_iters = autoregressive, int(refine)
    said = []
    handle = model.decoder.head.register_forward_hook(lambda *call: said.append(call[-1]))
    texts = small_models.read(model, images)
    handle.remove()
    return torch.cat(said, dim=1)[..., [94, *range(94)]], texts


@pytest.mark.parametrize('refine', [False, True])
@pytest.mark.parametrize('autoregressive', [False, True])
@pytest.mark.parametrize('sizes', [{}, LOW_RESOLUTION])
def test_reads_the_same(sizes, autoregressive, refine):
    images = small_models.images(low_resolution=bool(sizes))
    official = official_model(images, **sizes)
    converted = convert_parseq(official.state_dict())
    with torch.no_grad():
        expected = official(images, autoregressive, refine)
    ours, texts = all_logits(model_like(converted), images, autoregressive, refine)
    torch.testing.assert_close(ours, torch.cat(expected, dim=1), rtol=0, atol=1e-5)
    assert texts == words(expected[-1]) and len(set(''.join(texts))) > 5
    assert converted.low_resolution == bool(sizes)


def test_reads_the_same_with_two_decoder_layers():
    images = small_models.images()
    official = official_model(images, decoder_depth=2, depth=1)
    with torch.no_grad():
        expected = official(images, True, False)[0]
    ours, _ = all_logits(model_like(convert_parseq(official.state_dict())), images, True, False)
    torch.testing.assert_close(ours, expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize('sizes, parameters, settings', [
    (dict(width=384, depth=12), 23.8327e6,
     {'backbone.img_size': [32, 128], 'backbone.patch_size': [4, 8], 'backbone.num_heads': 6,
      'backbone.depth': 12, 'decoder.num_heads': 12, 'decoder.max_seq_len': 25}),
    (dict(width=384, depth=12, patch=(2, 4)), 23.8050e6,
     {'backbone.img_size': [16, 64], 'backbone.patch_size': [2, 4], 'backbone.num_heads': 6}),
    (dict(width=192, depth=12), None,
     {'backbone.embed_dims': 192, 'backbone.num_heads': 3, 'decoder.num_heads': 6,
      'backbone.mlp_ratio': 4., 'decoder.mlp_ratio': 4., 'decoder.depth': 1}),
    (dict(width=384, depth=12, patch=(16, 16), tokens=196), None,
     {'backbone.img_size': [224, 224], 'backbone.patch_size': [16, 16]}),
])
def test_finds_the_sizes_of_published_models(sizes, parameters, settings):
    inner = 4 * sizes['width']
    with torch.device('meta'):
        official = PARSeq(inner=inner, decoder_inner=inner, **sizes)
        converted = convert_parseq(official.state_dict())
    count = sum(value.numel() for value in converted.state_dict.values())
    assert parameters is None or count == pytest.approx(parameters, abs=50)
    found = {key.removeprefix('model.'): value for key, value in converted.settings.items()}
    assert settings.items() <= found.items()
    assert found['data_preprocessor.bgr_to_rgb'] is True
    assert found['data_preprocessor.mean'] == found['data_preprocessor.std'] == [127.5] * 3


def test_rows_go_back_to_where_they_came_from():
    official = scramble(PARSeq()).state_dict()
    state = convert_parseq(official).state_dict
    for new, old, extra in (('decoder.head.weight', 'head.weight', 0),
                            ('decoder.head.bias', 'head.bias', 0),
                            ('decoder.text_embed.embedding.weight',
                             'text_embed.embedding.weight', 2)):
        back = [94, *range(94), *range(95, 95 + extra)]
        assert not state[new].equal(official[old])
        assert state[new][back].equal(official[old])


@pytest.mark.parametrize('count, characters', [
    (36, '0123456789abcdefghijklmnopqrstuvwxyz'), (50, None)])
def test_knows_the_published_sets_of_characters(count, characters):
    converted = convert_parseq(PARSeq(characters=count).state_dict())
    assert converted.characters == characters
    assert len(converted.state_dict['decoder.head.bias']) == count + 1


def test_leaves_the_image_size_open_if_the_patches_do_not_tell():
    settings = convert_parseq(PARSeq(tokens=100).state_dict()).settings
    assert settings['model.backbone.patch_size'] == [4, 8]
    assert 'model.backbone.img_size' not in settings


@pytest.mark.parametrize('key', ['pos_queries', 'encoder.pos_embed', 'head.bias', 'head.weight',
                                 'decoder.layers.0.norm_c.weight', 'encoder.blocks.1.attn.qkv.bias',
                                 'encoder.patch_embed.proj.weight', 'text_embed.embedding.weight'])
def test_names_a_missing_key(key):
    state = PARSeq().state_dict()
    del state[key]
    with pytest.raises(OfficialLayoutError, match=f'missing: {key}$'):
        convert_parseq(state)


def test_names_a_missing_block():
    state = {key: value for key, value in PARSeq(depth=3).state_dict().items()
             if not key.startswith('encoder.blocks.1.')}
    with pytest.raises(OfficialLayoutError, match=r'unknown: encoder\.blocks\.2\.norm1\.weight'):
        convert_parseq(state)
    state = {key: value for key, value in state.items() if not key.startswith('encoder.blocks.')}
    with pytest.raises(OfficialLayoutError, match=r'missing: encoder\.blocks\.0\.\*'):
        convert_parseq(state)


def test_names_unknown_keys_and_other_shapes():
    state = PARSeq().state_dict()
    state['encoder.cls_token'] = torch.zeros(1, 1, 64)
    state['text_embed.embedding.weight'] = torch.zeros(97, 32)
    state['encoder.pos_embed'] = torch.zeros(128, 64, 1)
    with pytest.raises(OfficialLayoutError) as caught:
        convert_parseq(state)
    assert str(caught.value).splitlines()[1:] == [
        '  unknown: encoder.cls_token',
        '  other shape: encoder.pos_embed (128, 64, 1), expected (1, 64, 64)',
        '  other shape: text_embed.embedding.weight (97, 32), expected (97, 64)']
