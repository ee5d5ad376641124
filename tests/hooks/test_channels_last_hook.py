import copy
from types import SimpleNamespace

import pytest
import tiny
import torch
import torch.distributed as dist
from mmcv.ops import ModulatedDeformConv2dPack
from mmengine.model import MMDistributedDataParallel
from mmocr.registry import MODELS
from test_masket_distill_hook import Spy, build_runner, forward_hooks, hook
from torch import nn

from mmocr_kd.hooks import ChannelsLastHook

CHANNELS_LAST = {'type': 'ChannelsLastHook'}


class Layout(Spy):
    """Remembers in which layout the neck put out its maps, by mode."""

    def before_train(self, runner):
        super().before_train(runner)
        self.seen = set()
        self.handle = runner.model.neck.register_forward_hook(
            lambda neck, args, maps: self.seen.add((neck.training, is_fast(maps))))

    def after_train(self, runner):
        self.handle.remove()


def is_fast(maps):
    return maps.is_contiguous(memory_format=torch.channels_last) and not maps.is_contiguous()


@pytest.fixture
def spec(tmp_path):
    return tiny.checkpoint(tmp_path / 'teacher.pth', tiny.dbnet_cfg(width=.5, neck=8))


def train(tmp_path, *hooks, **fields):
    spy = Layout()
    runner = build_runner(tmp_path, *hooks, epochs=1, **fields)
    runner.register_hook(spy)
    runner.train()
    return runner, spy


def test_trains_as_ever(tmp_path, spec):
    plain, usual = train(tmp_path, hook(spec), name='plain')
    model, fast = train(tmp_path, hook(spec), CHANNELS_LAST, name='fast')
    assert (usual.seen, fast.seen) == ({(True, False)}, {(True, True)})
    for one, other in zip(usual.steps, fast.steps):
        assert one == pytest.approx(other, rel=2e-3)
    for (name, one), other in zip(plain.model.state_dict().items(),
                                  model.model.state_dict().values()):
        torch.testing.assert_close(one, other, rtol=2e-3, atol=2e-4, msg=name)


@pytest.mark.parametrize('ema', [[], [{'type': 'EMAHook'}]])
def test_leaves_model_and_checkpoint_as_they_were(tmp_path, spec, ema):
    runner, _ = train(tmp_path, hook(spec), CHANNELS_LAST, *ema)
    assert forward_hooks(runner.model) == 0
    saved = torch.load(tmp_path / 'run' / 'epoch_1.pth', weights_only=False)
    states = [saved['state_dict'], *([saved['ema_state_dict']] if ema else [])]
    assert all(value.is_contiguous() for state in states for value in state.values())
    MODELS.build(tiny.dbnet_cfg()).load_state_dict(saved['state_dict'])


def test_validation_is_in_the_usual_layout():
    model, layout = MODELS.build(tiny.dbnet_cfg()), ChannelsLastHook()
    inputs = tiny.prepared(model)['inputs']
    expected = model.eval()(inputs)
    layout.before_train(SimpleNamespace(model=model))
    assert torch.equal(model(inputs), expected) and not is_fast(model.neck(
        model.backbone(inputs)))
    assert not model.train()(inputs).isnan().any()


def test_grey_images_too():
    model, layout = nn.Conv2d(1, 4, 3), ChannelsLastHook()
    layout.before_train(SimpleNamespace(model=model))
    assert is_fast(model(torch.rand(2, 1, 9, 9)))


def test_compiled_by_mmengine(tmp_path):
    """The hooks that record, and that change the layout, are inside what is compiled."""
    model = tiny.four_convs_cfg()
    spec = tiny.checkpoint(tmp_path / 'teacher.pth', model)
    model['det_head']['module_loss'] = {'type': 'PreparedDBModuleLoss'}  # DB's would be traced
    fields = {'model': model, 'dataset': {'type': 'PreparedTinyTextDet', 'length': 4}}
    _, usual = train(tmp_path, hook(spec), name='usual', **fields)
    _, both = train(tmp_path, hook(spec), CHANNELS_LAST, compile={'backend': 'eager'}, **fields)
    for one, other in zip(usual.steps, both.steps):
        assert one == pytest.approx(other, rel=2e-3)


class Deformed(nn.Module):
    """A convolution in front of one that needs the usual layout."""

    def __init__(self):
        super().__init__()
        self.conv, self.deform = nn.Conv2d(3, 4, 3), ModulatedDeformConv2dPack(4, 4, 3)

    def forward(self, x):
        return self.deform(self.conv(x))


def test_modules_that_need_the_usual_layout_get_it():
    model, layout, seen = Deformed(), ChannelsLastHook(), []
    images = torch.rand(1, 3, 9, 9)
    expected = model(images)
    for part in (model.conv, model.deform):
        part.register_forward_hook(lambda part, args, out: seen.append(is_fast(args[0])))
    layout.before_train(SimpleNamespace(model=model))
    found = model(images)
    assert seen == [True, False]
    torch.testing.assert_close(found, expected)
    layout.after_train(None)
    assert not model._forward_pre_hooks and not model.deform._forward_pre_hooks


def test_under_ddp(tmp_path):
    """Each gradient, also of the first step, is that of the plain model."""
    dist.init_process_group('gloo', rank=0, world_size=1,
                            init_method=f'file://{tmp_path / "rendezvous"}')
    try:
        plain = MODELS.build(tiny.dbnet_cfg()).train()
        wrapped = MMDistributedDataParallel(copy.deepcopy(plain))
        ChannelsLastHook().before_train(SimpleNamespace(model=wrapped))
        for _ in range(2):  # DDP makes its buckets anew after the first step
            for model in (plain, wrapped):
                model.zero_grad()
                sum(model(**tiny.prepared(plain), mode='loss').values()).backward()
            for one, other in zip(plain.parameters(), wrapped.module.parameters()):
                torch.testing.assert_close(one.grad, other.grad, rtol=1e-3, atol=1e-4)
    finally:
        dist.destroy_process_group()
