"""What a teacher must not give is refused by name, wherever it is computed."""
from types import SimpleNamespace

import pytest
import torch

from mmocr_kd.distill import FiniteCheck, TeacherOutputError

BATCH = [SimpleNamespace(img_path='a.jpg'), SimpleNamespace()]


class Elsewhere(torch.Tensor):
    """Data of the CPU that says it is on another device, where work is queued."""

    device = torch.device('meta')


@pytest.mark.parametrize('bad', [float('nan'), float('inf'), -float('inf')])
@pytest.mark.parametrize('position', [0, 5])
def test_the_cpu_is_refused_at_once(bad, position):
    recording = torch.zeros(2, 3)
    recording.view(-1)[position] = bad
    with pytest.raises(TeacherOutputError, match=r"'logits'.*\['a.jpg', '\?'\]"):
        FiniteCheck().watch('logits', recording, BATCH)


@pytest.mark.parametrize('device', [
    'elsewhere', pytest.param('cuda', marks=pytest.mark.skipif(
        not torch.cuda.is_available(), reason='needs a GPU'))])
def test_other_devices_are_refused_when_it_is_settled_and_once(device):
    good, bad = torch.zeros(3), torch.tensor([0., float('nan')])
    if device == 'cuda':
        good, bad = good.cuda(), bad.cuda()
    else:
        good, bad = good.as_subclass(Elsewhere), bad.as_subclass(Elsewhere)
    finite = FiniteCheck()
    finite.watch('good', good, BATCH)
    finite.watch('bad', bad, BATCH)
    with pytest.raises(TeacherOutputError, match="'bad'.*a.jpg"):
        finite.settle()
    finite.settle()


def test_what_is_finite_passes():
    finite = FiniteCheck()
    finite.watch('empty', torch.zeros(0, 3), [])
    finite.watch('large', torch.full((2, ), torch.finfo(torch.float16).max).half(), BATCH)
    finite.settle()
