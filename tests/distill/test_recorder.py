import copy
from operator import itemgetter

import pytest
import torch
from torch import nn
from torch.utils.checkpoint import checkpoint

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


def test_only_what_runs_after_start_is_recorded():
    net, x = Net(), torch.randn(2, 3)
    recorder = Recorder(net, {'out': Source('body')})
    net(x, times=2)
    with pytest.raises(RecordingError, match='without start'):
        recorder.stop()
    assert torch.equal(run(recorder, net, x)['out'], net.body(x))


def test_what_becomes_of_a_recording_is_no_concern_of_the_next_pass():
    net, x = Net(), torch.randn(2, 3)
    recorder = Recorder(net, {'out': Source('body')})
    before = run(recorder, net, x)['out']
    expected = before.detach().clone()
    before.detach().zero_()
    assert torch.equal(run(recorder, net, x)['out'], expected)


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


def test_a_block_listens_to_its_pass_and_to_nothing_else():
    net, x = Net(), torch.randn(2, 3)
    recorder = Recorder(net, {'x': Source('body')})

    def record(run):
        with recorder as recorded:
            run()
            assert recorded == {}  # not before the pass is over
        return recorded['x']

    assert torch.equal(record(lambda: net(x)), net.body(x))
    for wrong in (lambda: net(x, times=2), lambda: net.body(x) / 0 + [1], lambda: None):
        with pytest.raises((RecordingError, TypeError)):
            record(wrong)
        assert not recorder._values and not recorder._heard  # a failed pass holds no memory ...
        net(x, times=2)  # ... and nobody minds what the model does next
    assert torch.equal(record(lambda: net(x)), net.body(x))


def hooks(net):
    return [*net._forward_hooks, *net._forward_pre_hooks,
            *(hook for child in net.children() for hook in hooks(child))]


def test_remove_leaves_the_model_as_it_was():
    net = Net()
    recorder = Recorder(net, {'x': Source('body'), 'y': Source('body.0'),
                              'z': Source('body.1', io='input')})
    assert len(hooks(net)) == 3
    recorder.remove()
    recorder.remove()
    assert not hooks(net)


@pytest.mark.parametrize('wrong', [Source('nowhere'), lambda model: 1 / 0, lambda model: 'body'])
def test_a_source_that_is_wrong_leaves_no_hooks(wrong):
    net = Net()
    with pytest.raises((RecordingError, ZeroDivisionError, AttributeError)):
        Recorder(net, {'x': Source('body'), 'y': wrong, 'z': Source('body.0')})
    assert not hooks(net)


def in_place():
    return nn.Sequential(nn.Linear(3, 4), nn.ReLU(inplace=True), nn.Linear(4, 4))


@pytest.mark.parametrize('source', [
    Source('0'), Source('1', io='input'), Source('0', pick=lambda t: t[:, 0]),
    Source('0', calls='all', pick=torch.cat)])
@pytest.mark.parametrize('grad', [False, True])  # a teacher's pass has none
def test_what_is_changed_in_place_afterwards_is_an_error(source, grad):
    net = in_place()
    recorder = Recorder(net, {'x': source})
    with torch.set_grad_enabled(grad), pytest.raises(RecordingError, match='changed in place'):
        run(recorder, net, torch.randn(2, 3))


def test_what_is_changed_in_place_before_is_not():
    net, x = in_place(), torch.randn(2, 3)
    values = run(Recorder(net, {
        'relu': Source('1'), 'next': Source('2', io='input'),
        'copy': Source('0', pick=lambda t: t.clone())}), net, x)
    assert torch.equal(values['relu'], net[0](x).relu())
    assert torch.equal(values['next'], values['relu'])
    assert torch.equal(values['copy'], net[0](x))


def test_other_items_of_a_tuple_may_change():
    class Two(nn.Module):
        def forward(self, x):
            return x + 1, x + 2

    class Whole(nn.Module):
        def __init__(self):
            super().__init__()
            self.two = Two()

        def forward(self, x):
            kept, changed = self.two(x)
            return kept + changed.zero_()

    net, x = Whole(), torch.ones(2)
    assert run(Recorder(net, {'x': Source('two', pick=itemgetter(0))}), net, x)['x'][0] == 2
    with pytest.raises(RecordingError, match='in place'):
        run(Recorder(net, {'x': Source('two', pick=itemgetter(1))}), net, x)


class Checkpointed(nn.Module):
    """Throws the activations of its body away and computes them again, going back."""

    def __init__(self, use_reentrant):
        super().__init__()
        self.stem = nn.Linear(3, 3)
        self.body = nn.Sequential(nn.Linear(3, 4), nn.Tanh())
        self.use_reentrant = use_reentrant

    def forward(self, x):
        return checkpoint(self.body, self.stem(x), use_reentrant=self.use_reentrant)


@pytest.mark.parametrize('path', ['body', 'body.0'])
def test_reentrant_checkpointing_inside_is_refused(path):
    net = Checkpointed(use_reentrant=True)
    with pytest.raises(RecordingError, match=f"'{path}' ran without gradient.*use_reentrant=False"):
        run(Recorder(net, {'x': Source(path)}), net, torch.randn(2, 3))


@pytest.mark.parametrize('path', ['body', 'body.0'])
def test_the_other_kind_gives_all_gradients(path):
    net, x = Checkpointed(use_reentrant=False), torch.randn(2, 3)
    plain = copy.deepcopy(net)
    plain.forward = lambda x: plain.body(plain.stem(x))
    for model in (net, plain):
        recorder = Recorder(model, {'x': Source(path)})
        recorder.start()
        out = model(x)
        (out.sum() + recorder.stop()['x'].square().sum()).backward()
    for ours, theirs in zip(net.parameters(), plain.parameters()):
        assert torch.allclose(ours.grad, theirs.grad)


def test_a_copy_of_the_model_is_heard_by_a_copy():
    net = Net()
    recorder = Recorder(net, {'x': Source('body'), 'y': Source('body', io='input')})
    twin, ears = copy.deepcopy((net, recorder))
    recorder.start()
    twin(torch.randn(2, 3))
    with pytest.raises(RecordingError, match='did not run'):
        recorder.stop()
    assert set(run(ears, twin, torch.randn(2, 3))) == {'x', 'y'}


def test_unknown_io_is_named():
    with pytest.raises(ValueError, match='io='):
        Source('body', io='both')
