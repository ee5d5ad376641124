from itertools import combinations

import pytest
import torch
import torchvision
from mmocr.registry import MODELS
from torch import nn

from mmocr_kd.models import MobileNetV3

CHANNELS = {'large': [24, 40, 112, 960], 'small': [16, 24, 48, 576]}


@pytest.mark.parametrize('arch', ['large', 'small'])
@pytest.mark.parametrize('size', [(64, 96), (65, 33)])
def test_four_maps_at_strides_4_to_32(arch, size):
    model = MODELS.build({'type': 'MobileNetV3', 'arch': arch}).eval()
    maps = model(torch.randn(1, 3, *size))
    assert [m.shape[1] for m in maps] == model.out_channels == CHANNELS[arch]
    for m, stride in zip(maps, (4, 8, 16, 32)):
        assert m.shape[2:] == tuple(-(-side // stride) for side in size)


@pytest.mark.parametrize('arch', ['large', 'small'])
def test_last_map_is_torchvisions(arch, tmp_path):
    reference = getattr(torchvision.models, f'mobilenet_v3_{arch}')(weights=None).eval()
    torch.save(reference.state_dict(), tmp_path / 'imagenet.pth')
    model = MobileNetV3(arch, init_cfg={'type': 'Pretrained',
                                        'checkpoint': str(tmp_path / 'imagenet.pth')})
    model.init_weights()
    x = torch.randn(1, 3, 64, 64)
    assert torch.equal(model.eval()(x)[-1], reference.features(x))


def test_torchvision_addresses_resolve(monkeypatch):
    reference = torchvision.models.mobilenet_v3_large(weights=None)
    addresses = []

    def load_url(url, *args, **kwargs):
        addresses.append(url)
        return reference.state_dict()

    monkeypatch.setattr('mmengine.runner.checkpoint.load_url', load_url)
    model = MobileNetV3(init_cfg={'type': 'Pretrained',
                                  'checkpoint': 'torchvision://mobilenet_v3_large'})
    model.init_weights()
    assert 'mobilenet_v3_large' in addresses[0]
    assert torch.equal(model.features[0][0].weight, reference.features[0][0].weight)


def test_foreign_weights_are_refused(tmp_path):
    torch.save(torchvision.models.mobilenet_v3_small(weights=None).state_dict(),
               tmp_path / 'small.pth')
    model = MobileNetV3('large', init_cfg={'type': 'Pretrained',
                                           'checkpoint': str(tmp_path / 'small.pth')})
    with pytest.raises(RuntimeError, match='size mismatch'):
        model.init_weights()


@pytest.mark.parametrize('out_indices', [(0, ), (1, 3), (0, 1, 2, 3)])
def test_out_indices(out_indices):
    model = MobileNetV3('small', out_indices=out_indices).eval()
    maps = model(torch.randn(1, 3, 64, 64))
    assert [m.shape[1] for m in maps] == [CHANNELS['small'][i] for i in out_indices]


ALL_OUT_INDICES = [c for n in range(1, 5) for c in combinations(range(4), n)]


@pytest.mark.parametrize('out_indices', ALL_OUT_INDICES)
def test_every_parameter_gets_a_gradient(out_indices):
    model = MobileNetV3('small', width_mult=.35, out_indices=out_indices).train()
    sum(m.square().sum() for m in model(torch.randn(2, 3, 64, 64))).backward()
    assert all(p.grad is not None for p in model.parameters())


@pytest.mark.parametrize('arch', ['large', 'small'])
@pytest.mark.parametrize('out_indices', [(0, ), (1, 2), (3, )])
def test_pretrained_weights_load_into_what_is_left(arch, out_indices, tmp_path):
    reference = getattr(torchvision.models, f'mobilenet_v3_{arch}')(weights=None)
    torch.save(reference.state_dict(), tmp_path / 'imagenet.pth')
    model = MobileNetV3(arch, out_indices=out_indices, init_cfg={
        'type': 'Pretrained', 'checkpoint': str(tmp_path / 'imagenet.pth')})
    model.init_weights()
    expected = reference.state_dict()
    assert all(torch.equal(value, expected[key]) for key, value in model.state_dict().items())


@pytest.mark.parametrize(('stages', 'last'), [(-1, -1), (0, 0), (1, 1), (2, 3), (3, 8), (4, 12)])
def test_frozen_stages_neither_learn_nor_count(stages, last):
    model = MobileNetV3('small', frozen_stages=stages).train()
    model(torch.randn(2, 3, 64, 64, requires_grad=True))[-1].sum().backward()
    for index, block in enumerate(model.features):
        frozen = index <= last
        assert all((p.grad is None) == frozen for p in block.parameters())
        norms = [m for m in block.modules() if isinstance(m, nn.BatchNorm2d)]
        assert norms and all((m.num_batches_tracked == 0) == frozen for m in norms)


def test_norm_eval_keeps_statistics_but_learns_weights():
    model = MobileNetV3('small', norm_eval=True).train()
    model(torch.randn(2, 3, 64, 64))[-1].sum().backward()
    norms = [m for m in model.modules() if isinstance(m, nn.BatchNorm2d)]
    assert all(m.num_batches_tracked == 0 and m.weight.grad is not None for m in norms)
    assert model.features[4].training


@pytest.mark.parametrize('fields', [
    {'arch': 'tiny'}, {'width_mult': 0}, {'out_indices': (4, )}, {'out_indices': ()},
    {'out_indices': (2, 1)}, {'frozen_stages': 5}
])
def test_bad_fields_are_named(fields):
    with pytest.raises(ValueError, match=next(iter(fields))):
        MobileNetV3(**fields)
