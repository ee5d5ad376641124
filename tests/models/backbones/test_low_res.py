"""Half the image, the same maps, the parent's weights; whole recognisers: tests/configs."""
import pytest
import torch
from mmocr.registry import MODELS
from torch import nn

SLIM31 = dict(layers=[1, 1, 1, 1], channels=[8, 8, 16, 16, 24, 24, 32])

# Parent, its fields, its input, and the shape of its features.
BACKBONES = [
    ('MiniVGG', dict(input_channels=1), (1, 32, 100), (512, 1, 26)),
    ('MiniVGG', dict(leaky_relu=False), (3, 32, 64), (512, 1, 17)),
    ('ResNet31OCR', SLIM31, (3, 48, 160), (24, 6, 40)),
    ('ResNet31OCR', dict(SLIM31, last_stage_pool=True), (3, 32, 160), (24, 2, 20)),
    ('ShallowCNN', dict(input_channels=3, hidden_dim=8), (3, 32, 100), (8, 8, 25)),
    ('NRTRModalityTransform', dict(in_channels=1), (1, 32, 160), (512, 1, 40)),
]


@pytest.mark.parametrize(('name', 'fields', 'image', 'features'), BACKBONES)
def test_half_the_size_gives_the_same_maps(name, fields, image, features):
    parent, backbone = pair(name, fields)
    channels, height, width = image
    assert parent(torch.randn(2, *image)).shape[1:] == features
    assert backbone(torch.randn(2, channels, height // 2, width // 2)).shape[1:] == features


@pytest.mark.parametrize(('name', 'fields', 'image', 'features'), BACKBONES)
def test_loads_its_parents_weights_and_fields(name, fields, image, features):
    parent, backbone = pair(name, fields)
    assert [*backbone.state_dict()] == [*parent.state_dict()]
    assert isinstance(backbone, type(parent))


@pytest.mark.parametrize(('name', 'fields', 'image', 'features'), BACKBONES)
def test_every_parameter_gets_a_gradient(name, fields, image, features):
    backbone = MODELS.build(dict(type=f'LowRes{name}', **fields)).train()
    channels, height, width = image
    backbone(torch.randn(2, channels, height // 2, width // 2)).square().sum().backward()
    assert [n for n, p in backbone.named_parameters() if p.grad is None] == []


def pair(name, fields):
    parent = MODELS.build(dict(type=name, **fields)).eval()
    backbone = MODELS.build(dict(type=f'LowRes{name}', **fields)).eval()
    backbone.load_state_dict(parent.state_dict())
    return parent, backbone


@pytest.mark.parametrize(('name', 'pooling'), [('MiniVGG', 'cnn.pooling0'),
                                               ('ResNet31OCR', 'pool2')])
def test_is_the_parent_but_for_one_pooling(name, pooling):
    parent, backbone = pair(name, {})
    *path, last = pooling.split('.')
    setattr(parent.get_submodule('.'.join(path)), last, nn.Identity())
    image = torch.randn(1, 3, 16, 40)
    assert torch.equal(backbone(image), parent(image))


def test_shallow_cnn_pools_after_both_convolutions():
    parent, backbone = pair('ShallowCNN', dict(input_channels=3, hidden_dim=8))
    image = torch.randn(1, 3, 16, 50)
    expected = nn.functional.max_pool2d(parent.conv2(parent.conv1(image)), 2)
    assert torch.equal(backbone(image), expected)


def test_modality_transform_is_the_parent_but_for_one_stride():
    # With the parent's stride put back it gives what the parent gives.
    parent, backbone = pair('NRTRModalityTransform', {})
    backbone.conv_1.stride = parent.conv_1.stride
    image = torch.randn(1, 3, 32, 160)
    assert torch.equal(backbone(image), parent(image))
