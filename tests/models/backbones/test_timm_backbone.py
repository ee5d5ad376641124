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


def test_without_timm_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, 'timm', None)
    with pytest.raises(ImportError, match='pip install timm'):
        TIMMFeatures('resnet18')
