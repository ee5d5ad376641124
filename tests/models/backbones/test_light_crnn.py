"""From 8 cells of height to one."""
import pytest
import torch
from torch import nn

from mmocr_kd.models.backbones import LightCRNN


def test_full_size():
    model = LightCRNN()
    assert model(torch.randn(2, 256, 8, 32)).shape == (2, 256, 1, 33)
    shapes = [tuple(m.weight.shape[2:]) for m in model.modules() if isinstance(m, nn.Conv2d)]
    assert shapes == [(3, 3)] * 4 + [(2, 2)] * 2
    assert sum(isinstance(m, nn.BatchNorm2d) for m in model.modules()) == 6
    weights = 4 * 9 * 256 ** 2 + 2 * 4 * 256 ** 2 + 6 * 2 * 256  # no bias before a norm
    assert sum(p.numel() for p in model.parameters()) == weights


@pytest.mark.parametrize('width', [1, 16, 40])
def test_width_grows_by_one(width):
    model = LightCRNN(in_channels=3, out_channels=4)
    assert model(torch.randn(1, 3, 8, width)).shape == (1, 4, 1, width + 1)


def test_other_norms():
    model = LightCRNN(4, 4, norm_cfg={'type': 'GN', 'num_groups': 2})
    kinds = {type(module) for module in model.modules()}
    assert nn.GroupNorm in kinds and nn.BatchNorm2d not in kinds
