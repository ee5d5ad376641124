"""The pretended accelerator refuses and notes what a GPU would, and trains what MMOCR trains."""
import copy

import numpy as np
import pytest
import tiny
import tiny_recog
import torch
import torch.nn.functional as F
from fake_device import DEVICE, FakeDevice
from mmengine.optim import OptimWrapper
from mmengine.structures import InstanceData
from mmocr.registry import MODELS


@pytest.fixture
def fake():
    with FakeDevice() as device:
        yield device


@pytest.fixture
def x(fake):
    x = torch.arange(6.).view(2, 3).to(fake.device)
    fake.waits.clear()
    return x


def words(**picture):
    data = tiny_recog.pairs('hello', 'ab', **picture)
    return {key: data[key] for key in ('inputs', 'data_samples')}


@pytest.mark.parametrize('cfg, data, predicts', [
    (tiny.dbnet_cfg(), tiny.batch(), True), (tiny.pan_cfg('PSE'), tiny.batch(), False),
    (tiny_recog.crnn_cfg(), words(), True),
    (tiny_recog.abinet_language_cfg(), words(channels=3, size=(16, 64)), True),
], ids=['DBNet', 'PSENet', 'CRNN', 'ABINet'])
def test_models_of_mmocr_train_and_predict_as_on_the_cpu(cfg, data, predicts):

    def step(device):
        torch.manual_seed(0)
        model = MODELS.build(copy.deepcopy(cfg)).to(device)
        optimizer = OptimWrapper(torch.optim.SGD(model.parameters(), lr=.01))
        model.train_step(copy.deepcopy(data), optimizer)
        assert all(p.device == torch.device(device) for p in model.parameters())
        results = model.eval().test_step(copy.deepcopy(data)) if predicts else []
        return {key: value.cpu() for key, value in model.state_dict().items()}, len(results)

    expected = step('cpu')
    with FakeDevice() as fake:
        weights, count = step(fake.device)
    torch.testing.assert_close(weights, expected[0])
    assert count == expected[1]
    assert not any(wait.ours for wait in fake.waits)


@pytest.mark.parametrize('use', [
    lambda x: x.numpy(), lambda x: np.asarray(x), lambda x: np.array([x[0, 0], x[0, 1]]),
    lambda x: x.detach().numpy()])
def test_numpy_is_refused(x, use):
    with pytest.raises((RuntimeError, TypeError, ValueError)):
        use(x)


@pytest.mark.parametrize('use', [
    lambda x: x + torch.ones(3), lambda x: torch.cat([x, torch.ones(1, 3)]),
    lambda x: torch.stack([x[0, 0], torch.tensor(1.)]),
    lambda x: x.gather(1, torch.zeros(2, 1).long()), lambda x: torch.ones(2, 3)[x.long()],
    lambda x: x.where(torch.ones(2, 3).bool(), 0),
    lambda x: F.linear(x, torch.ones(1, 3)), lambda x: torch.ones(2, 3).add_(x),
    lambda x: F.cross_entropy(x, torch.zeros(2).long())])
def test_tensors_of_the_cpu_are_refused(x, use):
    with pytest.raises(RuntimeError, match='same device'):
        use(x)


@pytest.mark.parametrize('use, expected', [
    (lambda x: x + torch.tensor(1.), [[1., 2, 3], [4, 5, 6]]),
    (lambda x: x[[1]], [[3., 4, 5]]), (lambda x: x[torch.tensor([1])], [[3., 4, 5]]),
    (lambda x: x.cpu() + torch.ones(3), [[1., 2, 3], [4, 5, 6]]),
    (lambda x: x.numpy(force=True)[1:] * 1, [[3., 4, 5]]),
    (lambda x: x.new_tensor([1, 2]), [1., 2]),
    (lambda x: torch.tensor([x[0, 1], 2.], device=x.device), [1., 2]),
    (lambda x: torch.arange(3, device=x.device), [0, 1, 2]),
    (lambda x: copy.deepcopy(x)[0], [0., 1, 2]),
    (lambda x: x.clone().requires_grad_().square().sum().item(), 55.),
])
def test_the_rest_computes_as_ever(x, use, expected):
    result = use(x)
    assert (result.tolist() if hasattr(result, 'tolist') else result) == expected


def test_gradients_flow(fake):
    weight = torch.nn.Parameter(torch.tensor([1., 2]).to(fake.device))
    (weight ** 3).sum().backward()
    assert weight.grad.device == DEVICE and weight.grad.tolist() == [3, 12]


@pytest.mark.parametrize('use, kinds', [
    (lambda x: x.tolist(), ['read']), (lambda x: x[0, 0].item(), ['read']),
    (lambda x: x.cpu(), ['read']), (lambda x: 1 if x.any() else 0, ['read']),
    (lambda x: int(x[0, 0]) + float(x[0, 1]), ['read'] * 2), (lambda x: x.equal(x), ['read']),
    (lambda x: [bool(row) for row in x[0]], ['read'] * 3), (lambda x: x[x > 2], ['size']),
    (lambda x: x.nonzero(), ['size']), (lambda x: x.unique(), ['size']),
    (lambda x: x.long().flatten().bincount(), ['size']), (lambda x: x[[0]], ['upload']),
    (lambda x: x[torch.tensor([0])], ['upload']), (lambda x: x.new_tensor([1]), ['upload']),
    (lambda x: torch.ones(2).to(x), ['upload']), (lambda x: x.copy_(torch.ones(2, 3)), ['upload']),
    (lambda x: torch.tensor([1], device=x.device), ['upload']),
    (lambda x: InstanceData(a=x)[x[:, 0] > 1], ['size', 'size']),
    # What need not wait.
    (lambda x: torch.ones(2).to(x, non_blocking=True), []), (lambda x: x[0, 1:], []),
    (lambda x: x.masked_fill(x > 2, 0), []), (lambda x: x.clone().__setitem__(x > 2, 0.), []),
    (lambda x: x[0, x.argmax(1)], []), (lambda x: torch.zeros(3, device=x.device), []),
    (lambda x: x.where(x > 0, 1).sum(), []), (lambda x: len(x) + x.shape[0], [])])
def test_waits_are_noted(fake, x, use, kinds):
    use(x)
    assert [wait.kind for wait in fake.waits] == kinds
    assert all('test_fake_device.py:<lambda>' in wait.place or '<listcomp>' in wait.place
               for wait in fake.waits)


def test_afterwards_everything_is_as_before():
    before = torch.autocast, InstanceData.__getitem__, torch.backends.cudnn.enabled
    with FakeDevice() as fake:
        torch.ones(2).to(fake.device)
    assert before == (torch.autocast, InstanceData.__getitem__, torch.backends.cudnn.enabled)
    assert torch.ones(2, device='meta').is_meta and not torch.ones(2, device='meta').__dict__
