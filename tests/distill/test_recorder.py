from operator import itemgetter

import pytest
import torch
from torch import nn

from mmocr_kd.distill import Recorder, RecordingError, Source


class Net(nn.Module):

    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(3, 4), nn.ReLU())
        self.unused = nn.Linear(1, 1)

    def forward(self, x, times=1):
        for _ in range(times):
            out = self.body(x)
        return out, x


def run(recorder, net, x, **kwargs):
    recorder.start()
    net(x, **kwargs)
    return recorder.stop()


def test_records_outputs_and_inputs_by_dotted_name():
    net, x = Net(), torch.randn(2, 3)
    recorder = Recorder(net, {
        'out': Source('body.0'),
        'in': Source('body.1', io='input'),
        'item': Source('', pick=itemgetter(1)),
        'found': lambda model: Source('body.1'),
    })
    values = run(recorder, net, x)
    assert torch.equal(values['out'], net.body[0](x))
    assert torch.equal(values['in'], net.body[0](x))
    assert values['item'] is x
    assert torch.equal(values['found'], net.body(x))


def test_recorded_tensors_carry_gradients():
    net = Net()
    run(Recorder(net, {'out': Source('body')}), net, torch.randn(2, 3))['out'].sum().backward()
    assert net.body[0].weight.grad is not None


def test_unknown_path_lists_its_neighbours():
    with pytest.raises(RecordingError, match=r"no module 'body.9'.*body.0.*body.1"):
        Recorder(Net(), {'x': Source('body.9')})
    with pytest.raises(RecordingError, match='body.*unused'):
        Recorder(Net(), {'x': Source('neck')})


def test_module_that_does_not_run_is_an_error():
    net = Net()
    with pytest.raises(RecordingError, match="'unused' did not run"):
        run(Recorder(net, {'x': Source('unused')}), net, torch.randn(2, 3))


def test_module_that_runs_twice_is_an_error():
    net = Net()
    with pytest.raises(RecordingError, match='ran twice'):
        run(Recorder(net, {'x': Source('body')}), net, torch.randn(2, 3), times=2)


def test_a_tuple_needs_an_index():
    net = Net()
    with pytest.raises(RecordingError, match='tuple.*index'):
        run(Recorder(net, {'x': Source('')}), net, torch.randn(2, 3))


def test_nothing_stale_is_ever_returned():
    net, recorder = Net(), None
    recorder = Recorder(net, {'x': Source('body')})
    first = run(recorder, net, torch.randn(2, 3))['x']
    net(torch.randn(2, 3))  # between passes: not listened to
    with pytest.raises(RecordingError, match='without start'):
        recorder.stop()
    recorder.start()
    with pytest.raises(RecordingError, match='did not run'):
        recorder.stop()
    assert run(recorder, net, torch.randn(2, 3))['x'] is not first


def test_a_pass_that_raised_does_not_spoil_the_next():
    net = Net()
    recorder = Recorder(net, {'x': Source('body')})
    recorder.start()
    with pytest.raises(RuntimeError):
        net(torch.randn(2, 5))
    assert run(recorder, net, torch.randn(2, 3))['x'].shape == (2, 4)


def test_a_whole_pass_at_once_listens_to_nothing_else():
    net, x = Net(), torch.randn(2, 3)
    recorder = Recorder(net, {'x': Source('body')})
    assert torch.equal(recorder.record(lambda: net(x))['x'], net.body(x))
    for wrong in (lambda: net(x, times=2), lambda: net.body(x) / 0 + [1]):
        with pytest.raises((RecordingError, TypeError)):
            recorder.record(wrong)
        assert not recorder._values  # a failed pass holds no memory ...
        net(x, times=2)  # ... and nobody minds what the model does next
    assert torch.equal(recorder.record(lambda: net(x))['x'], net.body(x))


def test_remove_leaves_the_model_as_it_was():
    net = Net()
    recorder = Recorder(net, {'x': Source('body'), 'y': Source('body.0')})
    recorder.remove()
    recorder.remove()
    assert not any(module._forward_hooks for module in net.modules())


def test_unknown_io_is_named():
    with pytest.raises(ValueError, match='io='):
        Source('body', io='both')
