import pytest
import torch
from torch import nn

from mmocr_kd.measure import peak_bytes, tensor_bytes

MB = 1024 * 1024
DEVICES = ['cpu', *(['cuda'] if torch.cuda.is_available() else [])]


@pytest.fixture(params=DEVICES)
def device(request):
    return request.param


def blocks(count, device):
    return [torch.zeros(MB, device=device, dtype=torch.uint8) for _ in range(count)]


def test_what_is_freed_in_between_does_not_add_up(device):
    def call():
        for _ in range(5):
            blocks(3, device)

    assert peak_bytes(call, device) == pytest.approx(3 * MB, rel=.01)


def test_counts_the_peak_and_not_what_is_left(device):
    kept = []

    def call():
        blocks(7, device)
        kept.extend(blocks(2, device))

    assert peak_bytes(call, device) == pytest.approx(7 * MB, rel=.01)


def test_what_was_there_before_does_not_count(device):
    before = blocks(9, device)
    assert peak_bytes(lambda: before[0] + 1, device) == pytest.approx(MB, rel=.01)


def test_sees_the_backward_pass(device):
    layers = nn.Sequential(*[nn.Tanh() for _ in range(4)])
    inputs = torch.zeros(MB // 4, device=device, requires_grad=True)
    forward = peak_bytes(lambda: layers(inputs), device)
    both = peak_bytes(lambda: layers(inputs).sum().backward(), device)
    assert forward == pytest.approx(4 * MB, rel=.01)
    assert both >= forward + MB


def test_cpu_peak_is_the_same_in_every_run():
    model, inputs = nn.Conv2d(8, 8, 3), torch.zeros(2, 8, 64, 64)
    peaks = {peak_bytes(lambda: model(inputs).relu().sum().backward(), 'cpu') for _ in range(3)}
    # the first run also allocates the gradients
    assert len(peaks) <= 2 and max(peaks) - min(peaks) <= 8 * (8 * 9 + 1) * 8


def test_tensor_bytes_counts_shared_storage_once():
    weight = torch.zeros(10, 10)
    assert tensor_bytes([weight, weight.t(), torch.zeros(5, dtype=torch.int64)]) == 400 + 40
    assert tensor_bytes(['no tensor', 3]) == 0
