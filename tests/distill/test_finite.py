"""What a teacher must not give is refused by name, wherever it is computed."""
from types import SimpleNamespace

import pytest
import torch
from fake_device import FakeDevice

from mmocr_kd.distill import FiniteCheck, TeacherOutputError

BATCH = [SimpleNamespace(img_path='a.jpg'), SimpleNamespace()]


@pytest.mark.parametrize('bad', [float('nan'), float('inf'), -float('inf')])
@pytest.mark.parametrize('position', [0, 5])
def test_the_cpu_is_refused_at_once(bad, position):
    recording = torch.zeros(2, 3)
    recording.view(-1)[position] = bad
    with pytest.raises(TeacherOutputError, match=r"'logits'.*\['a.jpg', '\?'\]"):
        FiniteCheck().watch('logits', recording, BATCH)


def refused_when_settled_and_once(device, waits):
    recordings = {'good': torch.zeros(3), 'bad': torch.tensor([0., float('nan')])}
    recordings = {name: value.to(device) for name, value in recordings.items()}
    waits.clear()
    finite = FiniteCheck()
    for name, value in recordings.items():
        finite.watch(name, value, BATCH)
    assert not waits
    with pytest.raises(TeacherOutputError, match="'bad'.*a.jpg"):
        finite.settle()
    finite.settle()


def test_other_devices_are_refused_when_it_is_settled():
    with FakeDevice() as fake:
        refused_when_settled_and_once(fake.device, fake.waits)


@pytest.mark.skipif(not torch.cuda.is_available(), reason='needs a GPU')
def test_gpus_are_refused_when_it_is_settled():
    torch.cuda.set_sync_debug_mode('error')  # of what waits by itself
    try:
        refused_when_settled_and_once('cuda', [])
    finally:
        torch.cuda.set_sync_debug_mode('default')


def test_what_is_finite_passes():
    finite = FiniteCheck()
    finite.watch('empty', torch.zeros(0, 3), [])
    finite.watch('large', torch.full((2, ), torch.finfo(torch.float16).max).half(), BATCH)
    finite.settle()
