import pytest
import torch
from mmocr.models.textrecog.backbones import MiniVGG
from torch import nn

from mmocr_kd.models.backbones import LowResMiniVGG, SlimVGG


def spread(model):
    """The model in eval mode, with batch normalisations that do something."""
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            for values in (module.weight, module.bias, module.running_mean):
                nn.init.normal_(values, std=.5)
            nn.init.uniform_(module.running_var, .5, 2)
    return model.eval()


@pytest.mark.parametrize('channels', [1, 3])
@pytest.mark.parametrize('stem_pool, original, size', [(True, MiniVGG, (32, 100)),
                                                       (False, LowResMiniVGG, (16, 50))])
def test_full_width_is_the_minivgg_of_crnn(channels, stem_pool, original, size):
    torch.manual_seed(0)
    theirs = spread(original(leaky_relu=False, input_channels=channels))  # as CRNN has it
    ours = SlimVGG(in_channels=channels, stem_pool=stem_pool)
    assert list(ours.state_dict()) == list(theirs.state_dict())
    ours.load_state_dict(theirs.state_dict())
    images = torch.randn(2, channels, *size)
    with torch.no_grad():
        assert torch.equal(ours.eval()(images), theirs(images))


@pytest.mark.parametrize(('stem_pool', 'height'), [(True, 32), (False, 16)])
@pytest.mark.parametrize('norm_all', [False, True])
def test_every_parameter_gets_a_gradient(stem_pool, height, norm_all):
    model = SlimVGG(width=1 / 32, norm_all=norm_all, stem_pool=stem_pool)
    model(torch.randn(2, 1, height, 50)).square().sum().backward()
    assert all(p.grad is not None for p in model.parameters())


@pytest.mark.parametrize('width', [1 / 64, .1, .25, 1.5])
@pytest.mark.parametrize('norm_all', [False, True])
def test_small_image_without_first_pooling_gives_features_of_the_large_ones_size(width, norm_all):
    large = SlimVGG(width=width, norm_all=norm_all)
    small = SlimVGG(width=width, norm_all=norm_all, stem_pool=False)
    for half in (32, 50, 51):
        shapes = {tuple(model(torch.rand(2, 1, height, w)).shape)
                  for model, height, w in ((large, 32, 2 * half), (small, 16, half))}
        assert shapes == {(2, int(512 * width), 1, half // 2 + 1)}
    assert list(small.state_dict()) == list(large.state_dict())
    small.load_state_dict(large.state_dict())


@pytest.mark.parametrize('norm_all, count', [(False, 3), (True, 7)])
def test_number_of_normalisations(norm_all, count):
    names = [name for name, _ in SlimVGG(1 / 64, norm_all=norm_all).cnn.named_children()]
    normed = [int(name.removeprefix('batchnorm')) for name in names if name.startswith('batch')]
    assert len(normed) == count and set(normed) >= {2, 4, 6}
    # Each stands between its convolution and its ReLU.
    assert all(names[names.index(f'conv{i}') + 1:][:2] == [f'batchnorm{i}', f'relu{i}']
               for i in normed)


def test_normalising_everything_keeps_the_scale_of_features():
    # What norm_all is for: signal and gradient get through from the start.
    images, energy = torch.rand(4, 1, 32, 64), {}
    for norm_all in (False, True):
        torch.manual_seed(0)
        model = SlimVGG(.25, norm_all=norm_all)
        model.init_weights()
        features = model(images)
        energy[norm_all] = features.std().item()
        features.square().mean().backward()
        assert all(p.grad.isfinite().all() and p.grad.any() for p in model.parameters()
                   if p.dim() == 4)
    assert .1 < energy[True] < 10


@pytest.mark.parametrize('width', [1 / 65, 0, -1.])
def test_width_that_leaves_no_channel(width):
    with pytest.raises(ValueError, match=f'width={width} leaves a layer without a channel'):
        SlimVGG(width=width)


def test_image_of_another_height_is_refused():
    with pytest.raises(RuntimeError):  # too small for the last convolution
        SlimVGG(1 / 64)(torch.rand(1, 1, 16, 50))
