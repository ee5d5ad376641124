"""A selector behind a frozen backbone: what it pools, what learns, what it refuses."""
import copy

import numpy as np
import pytest
import torch
from mmengine.structures import BaseDataElement
from mmocr.registry import MODELS
from torch import nn

from mmocr_kd.models.selectors import BackboneSelector


@MODELS.register_module()
class TwoMaps(nn.Module):
    """Maps of strides 2 and 4, with a batch normalisation whose statistics must not move."""

    def __init__(self):
        super().__init__()
        self.first = nn.Conv2d(3, 4, 3, stride=2, padding=1)
        self.norm = nn.BatchNorm2d(4)
        self.second = nn.Conv2d(4, 6, 3, stride=2, padding=1)

    def forward(self, x):
        x = self.norm(self.first(x))
        return x, self.second(x)


def selector(**fields):
    torch.manual_seed(0)
    return BackboneSelector(**{'backbone': dict(type='TwoMaps'), 'in_channels': [4, 6],
                               'scale_factors': [.5, 1.], 'input_short_edge': 64, **fields})


def images(*sizes, seed=0):
    """A padded batch and its samples."""
    torch.manual_seed(seed)
    canvas = [max(length) for length in zip(*sizes)]
    batch = torch.zeros(len(sizes), 3, *canvas)
    for one, (h, w) in zip(batch, sizes):
        one[:, :h, :w] = torch.randn(3, h, w)
    return batch, [BaseDataElement(metainfo={'img_shape': size}) for size in sizes]


def test_it_pools_mean_largest_and_spread_of_each_channel():
    made, seen = selector().eval(), []
    made.norm.register_forward_hook(lambda module, given, out: seen.append(given[0]))
    batch, samples = images((64, 96))
    made(batch, samples)
    expected = []
    for pool in (np.mean, np.max, np.std):
        for one in made.backbone(batch):
            expected += [pool(channel) for channel in one[0].detach().numpy()]
    values = np.array(expected)
    assert seen[0].shape == (1, 3 * (4 + 6))
    np.testing.assert_allclose(seen[0][0], np.sign(values) * np.log1p(np.abs(values)), rtol=1e-4,
                               atol=1e-5)


def test_each_image_goes_alone_whatever_it_was_padded_to():
    made = selector().eval()
    made.norm.running_var.fill_(.01)
    batch, samples = images((64, 96), (128, 200))
    together = made(batch, samples)
    for i, (h, w) in enumerate([(64, 96), (128, 200)]):
        torch.testing.assert_close(made(batch[i:i + 1, :, :h, :w]), together[i:i + 1])


def test_the_backbone_stays_as_it_is():
    made = selector(scale_factors=[.25, .5, 1.]).train()
    before = copy.deepcopy(made.backbone.state_dict())
    assert made.norm.training and not made.backbone.training
    optimizer = torch.optim.SGD([p for p in made.parameters() if p.requires_grad], .1)
    weights = made.fc.weight.detach().clone()
    made(*images((64, 96), (64, 64), (96, 64))).sum().backward()
    optimizer.step()
    assert not torch.equal(made.fc.weight, weights)
    assert {name for name, p in made.named_parameters() if p.requires_grad} == {'fc.weight',
                                                                                'fc.bias'}
    for key, value in made.backbone.state_dict().items():
        assert torch.equal(value, before[key]), key


def test_it_learns_what_a_map_shows():
    """Errors that follow the contrast of an image, which a random convolution passes on."""
    made = selector(scale_factors=[1.]).train()
    optimizer = torch.optim.Adam([*made.fc.parameters()], 1e-2)
    rng = np.random.default_rng(0)

    def draw():
        contrast = torch.tensor(rng.uniform(.2, 3, 16), dtype=torch.float32)
        return images(*[(64, 64)] * 16, seed=int(rng.integers(1e6)))[0] * contrast[
            :, None, None, None], contrast[:, None]

    for _ in range(120):
        batch, errors = draw()
        made.note_errors(errors)
        optimizer.zero_grad()
        (made(batch) - errors).square().mean().backward()
        optimizer.step()
    batch, errors = draw()
    assert (made.eval()(batch) - errors).abs().mean() < .25  # .7 by the mean


def test_it_starts_from_a_detectors_checkpoint(tmp_path):
    torch.manual_seed(1)
    trained = TwoMaps()
    state = {f'backbone.{key}': value for key, value in trained.state_dict().items()}
    torch.save({'state_dict': {**state, 'neck.weight': torch.zeros(1)}}, tmp_path / 'det.pth')

    @MODELS.register_module(force=True)
    class TwoMapsFromFile(TwoMaps):
        def __init__(self, init_cfg=None):
            super().__init__()
            self.init_cfg = init_cfg

        def init_weights(self):
            from mmengine.model import initialize
            initialize(self, self.init_cfg)

    made = selector(backbone=dict(type='TwoMapsFromFile', init_cfg=dict(
        type='Pretrained', checkpoint=str(tmp_path / 'det.pth'), prefix='backbone.')))
    made.init_weights()
    assert torch.equal(made.backbone.second.weight, trained.second.weight)


@pytest.mark.parametrize('kind, fields, message', [
    (TypeError, {'base_channels': 64}, "'base_channels'.*has a backbone"),
    (TypeError, {'per_image': True}, 'per_image'),
    (ValueError, {'input_short_edge': 0}, 'input_short_edge=0'),
    (ValueError, {'scale_factors': []}, 'scale')])
def test_impossible_fields(kind, fields, message):
    with pytest.raises(kind, match=message):
        selector(**fields)


def test_what_does_not_fit():
    with pytest.raises(ValueError, match=r'maps of \[4, 6\] channels, in_channels says \[4, 8\]'):
        selector(in_channels=[4, 8]).eval()(*images((64, 64)))
    with pytest.raises(ValueError, match='batches of two images or more'):
        selector().train()(*images((64, 64)))
