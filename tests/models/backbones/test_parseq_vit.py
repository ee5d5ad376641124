"""PARSeq's vision transformer: timm's numbers, and a size for half-size images."""
import pytest
import torch
from mmocr.registry import MODELS

SMALL = {'embed_dims': 24, 'depth': 2, 'num_heads': 3}


def build(**fields):
    return MODELS.build({'type': 'PARSeqViT', **SMALL, **fields})


@pytest.mark.parametrize('img_size, patch_size', [((32, 128), (4, 8)), ((16, 64), (2, 4)),
                                                  ([8, 8], [8, 2])])
def test_equals_timms(img_size, patch_size):
    timm = pytest.importorskip('timm.models.vision_transformer')
    reference = timm.VisionTransformer(
        tuple(img_size), tuple(patch_size), embed_dim=24, depth=2, num_heads=3, num_classes=0,
        global_pool='', class_token=False)
    for parameter in reference.parameters():
        torch.nn.init.normal_(parameter, std=.2)
    ours, images = build(img_size=img_size, patch_size=patch_size), torch.randn(2, 3, *img_size)
    ours.load_state_dict(reference.state_dict(), strict=True)
    torch.testing.assert_close(ours(images), reference.eval()(images))


@pytest.mark.parametrize('fields, count', [
    ({}, 21_380_736),
    ({'img_size': (16, 64), 'patch_size': (2, 4)}, 21_353_088),
    ({'embed_dims': 192, 'num_heads': 3}, 5_381_952),
])
def test_published_sizes(fields, count):
    with torch.device('meta'):
        model = MODELS.build({'type': 'PARSeqViT', **fields})
    assert sum(p.numel() for p in model.parameters()) == count
    assert model.pos_embed.shape[1] == 128


def test_half_size_model_differs_in_the_patch_embedding_only():
    high, low = build().state_dict(), build(img_size=(16, 64), patch_size=(2, 4)).state_dict()
    assert [k for k in high if high[k].shape != low.get(k, torch.empty(0)).shape] == [
        'patch_embed.proj.weight']
    assert high.keys() == low.keys()


def test_initialised_as_timm_does():
    model = MODELS.build({'type': 'PARSeqViT', 'depth': 1})
    weights = [m.weight for m in model.blocks.modules() if isinstance(m, torch.nn.Linear)]
    assert len(weights) == 4
    for weight in (*weights, model.pos_embed):
        assert weight.std().item() == pytest.approx(.02, rel=.05)
    assert all(p.abs().max() == 0 for n, p in model.blocks.named_parameters() if n[-4:] == 'bias')
    bound = (3 * 4 * 8)**-.5  # PyTorch's own, uniform
    assert model.patch_embed.proj.weight.abs().max().item() == pytest.approx(bound, rel=.01)


def test_init_weights_keeps_a_fresh_model():
    model = build()
    before = {k: v.clone() for k, v in model.state_dict().items()}
    model.init_weights()
    assert all(torch.equal(v, before[k]) for k, v in model.state_dict().items())


@pytest.mark.parametrize('fields, message', [
    ({'img_size': (32, 100)}, r'patch_size=\(4, 8\) does not tile img_size=\(32, 100\)'),
    ({'num_heads': 5}, 'num_heads=5 does not divide embed_dims=24'),
    ({'patch_size': (4,)}, r'patch_size=\(4,\)'),
    ({'img_size': (0, 8)}, r'img_size=\(0, 8\)'),
])
def test_refuses(fields, message):
    with pytest.raises(ValueError, match=message):
        build(**fields)


def test_refuses_images_of_another_size():
    with pytest.raises(ValueError, match=r'\(16, 64\) pixels.*img_size=\(32, 128\)'):
        build()(torch.zeros(1, 3, 16, 64))
