import numpy as np
import pytest
import torch
from fake_device import FakeDevice
from mmengine.structures import InstanceData
from mmocr.structures import TextDetDataSample

from mmocr_kd.adapters import ignored_flags

FLAGS = [[True, False, True], [], [False]]


def samples(convert):
    return [TextDetDataSample(gt_instances=InstanceData(
        polygons=[[0., 0, 1, 0, 1, 1]] * len(flags), ignored=convert(flags))) for flags in FLAGS]


@pytest.mark.parametrize('convert', [
    list, lambda flags: np.array(flags, bool), lambda flags: torch.tensor(flags, dtype=torch.bool),
    lambda flags: torch.tensor(flags, dtype=torch.uint8)])
def test_flags_are_plain(convert):
    found = ignored_flags(samples(convert))
    assert found == FLAGS
    assert all(type(flag) is bool for flags in found for flag in flags)


def test_a_batch_on_a_device_costs_one_wait():
    with FakeDevice() as fake:
        batch = samples(lambda flags: torch.tensor(flags, dtype=torch.bool).to(fake.device))
        fake.waits.clear()
        assert ignored_flags(batch) == FLAGS and len(fake.waits) == 1


def test_without_flags_all_count():
    batch = samples(lambda flags: torch.tensor(flags, dtype=torch.bool))
    del batch[0].gt_instances.ignored
    assert ignored_flags(batch) == [[False] * 3, *FLAGS[1:]]
    assert ignored_flags([]) == []
