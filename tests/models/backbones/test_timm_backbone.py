import sys

import pytest
import torch

from mmocr_kd.models import TIMMFeatures


def test_pyramid_of_a_timm_model():
    pytest.importorskip('timm')
    model = TIMMFeatures('efficientnet_lite0').eval()
    maps = model(torch.randn(1, 3, 64, 96))
    assert [m.shape[1] for m in maps] == model.out_channels == [24, 40, 112, 320]
    assert [m.shape[2:] for m in maps] == [(16, 24), (8, 12), (4, 6), (2, 3)]


@pytest.mark.parametrize('out_indices', [(1, ), (1, 2), (1, 2, 3, 4)])
@pytest.mark.parametrize('name', ['efficientnet_lite0', 'resnet10t', 'mobilenetv3_small_050'])
def test_every_parameter_gets_a_gradient(name, out_indices):
    pytest.importorskip('timm')
    model = TIMMFeatures(name, out_indices=out_indices).train()
    sum(m.square().sum() for m in model(torch.randn(2, 3, 64, 64))).backward()
    assert [n for n, p in model.named_parameters() if p.grad is None] == []


def test_without_timm_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, 'timm', None)
    with pytest.raises(ImportError, match='pip install timm'):
        TIMMFeatures('resnet18')
