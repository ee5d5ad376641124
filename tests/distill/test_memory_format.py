"""Frozen networks in channels-last layout, beside operators that take any layout for the usual one.

Compiled mmcv is not needed: without it, operators get what it makes of their inputs, the memory
read as if it were contiguous.
"""
import pytest
import tiny
import torch
from mmcv import _ext
from mmcv.ops import DeformConv2dPack, ModulatedDeformConv2dPack, RoIAlign
from mmocr.models.textrecog.preprocessors.base import BasePreprocessor
from mmocr.registry import MODELS
from torch import nn

from mmocr_kd.adapters import text_logits
from mmocr_kd.distill import ModelTeacher
from mmocr_kd.distill.memory_format import fast_layout, needs_contiguous, to_channels_last

READS_MAPS = ('deform_conv_forward', 'modulated_deform_conv_forward', 'roi_align_forward')


def misread(tensor):
    """What compiled mmcv sees: numbers in the order in which they lie in memory."""
    if tensor.dim() != 4:
        return tensor
    return tensor.as_strided(tensor.shape, torch.empty(tensor.shape, device='meta').stride())


@pytest.fixture
def compiled(monkeypatch):
    """MMCV's operators read as compiled ones do."""
    def unchecked(op):
        return lambda *tensors, **geometry: op(*map(misread, tensors), **geometry)

    if not _ext.__file__.endswith('.py'):
        return  # they are
    for name in READS_MAPS:
        monkeypatch.setattr(_ext, name, unchecked(getattr(_ext, name)))


def shaken(model):
    """No parameter as it starts: offsets of deformable convolutions start at 0."""
    torch.manual_seed(0)
    for parameter in model.parameters():
        nn.init.normal_(parameter, std=.2)
    return model.eval().requires_grad_(False)


class Regions(nn.Module):
    """A convolution in front of RoIAlign, whose maps come by name."""

    def __init__(self):
        super().__init__()
        self.conv, self.align = nn.Conv2d(4, 4, 3), RoIAlign(2)

    def forward(self, x):
        return self.align(input=self.conv(x), rois=x.new_tensor([[0, 1, 1, 4, 4.]]))


class Own(ModulatedDeformConv2dPack):
    """A user's class, in a module of theirs."""


PARTS = {'DCN': lambda: DeformConv2dPack(4, 4, 3, padding=1),
         'DCNv2': lambda: ModulatedDeformConv2dPack(4, 4, 3, padding=1),
         'derived': lambda: Own(4, 4, 3, padding=1), 'RoIAlign': Regions}


@pytest.fixture(params=PARTS)
def network(request):
    return shaken(nn.Sequential(nn.Conv2d(3, 4, 3), PARTS[request.param](), nn.Conv2d(4, 2, 1)))


def misreads(network, images, expected):
    try:
        return not torch.allclose(network(images), expected, atol=1e-3)
    except RuntimeError as error:  # the one compiled operator that looks
        return 'must be contiguous' in str(error)


def test_values_stay_with_operators_that_read_unchecked(network, compiled):
    images = torch.randn(2, 3, 9, 8)
    expected = network(images)
    last = images.contiguous(memory_format=torch.channels_last)
    assert misreads(network, last, expected)
    to_channels_last(network)
    torch.testing.assert_close(network(last), expected, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(network(images), expected, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize('part', ['DCN', 'DCNv2'])
def test_the_rest_of_the_network_is_channels_last(part, compiled):
    network = shaken(nn.Sequential(nn.Conv2d(3, 4, 3), PARTS[part](), nn.Conv2d(4, 8, 3)))
    to_channels_last(network)
    seen = []
    for layer in network:
        layer.register_forward_hook(lambda _, args, output: seen.append(output.stride(1) == 1))
    network(torch.randn(2, 3, 9, 8).contiguous(memory_format=torch.channels_last))
    assert seen == [True, False, True]


@pytest.mark.parametrize('dcn', ['DCN', 'DCNv2'])
def test_a_teacher_gives_the_maps_of_its_model(dcn, tmp_path, compiled):
    cfg = tiny.dbnet_cfg(backbone={
        'type': 'mmdet.ResNet', 'depth': 50, 'base_channels': 4, 'style': 'pytorch',
        'norm_cfg': {'type': 'BN'}, 'dcn': {'type': dcn, 'deform_groups': 1},
        'stage_with_dcn': (False, True, True, False)})  # the last map is too small for compiled DCN
    cfg['neck']['in_channels'] = [16, 32, 64, 128]
    model = MODELS.build(cfg)
    for name, parameter in model.named_parameters():
        if 'conv_offset' in name:
            nn.init.normal_(parameter, std=.1)
    torch.save({'state_dict': model.state_dict()}, tmp_path / 'teacher.pth')
    teacher = ModelTeacher(cfg, str(tmp_path / 'teacher.pth'))
    teacher.bind(model, {'logits': text_logits})
    inputs = tiny.prepared(model)['inputs']
    with torch.no_grad():
        expected = model.eval().det_head(model.extract_feat(inputs), None, mode='loss')[0]
    torch.testing.assert_close(teacher(inputs, None)['logits'], expected, atol=1e-4, rtol=1e-4)


def test_which_modules_need_the_usual_layout():
    class OwnRectifier(BasePreprocessor):
        pass

    for part in (Own(1, 1, 1), RoIAlign(2), OwnRectifier()):
        assert needs_contiguous(part)
    for part in (nn.Conv2d(1, 1, 1), nn.Sequential(RoIAlign(2))):  # its children are asked
        assert not needs_contiguous(part)


def test_fast_layout_undoes_the_layout_for_those_that_need_the_usual_one():
    last = torch.rand(2, 3, 4, 6).contiguous(memory_format=torch.channels_last)
    with torch.no_grad():
        assert fast_layout(last, nn.Sequential(RoIAlign(2))).is_contiguous()
        assert fast_layout(last, nn.Conv2d(3, 3, 1)).stride(1) == 1
