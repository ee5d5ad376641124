"""The stand-in for mmcv's operators beside the compiled ones, in an environment that has them."""
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest
import torch
from mmcv.ops import batched_nms, deform_conv2d, modulated_deform_conv2d, nms, roi_align

from mmocr_kd import compat

COMPILED = not sys.modules['mmcv._ext'].__file__.endswith('.py')
pytestmark = pytest.mark.skipif(not COMPILED, reason='needs mmcv with compiled operators')
SHAPES = [(1, 1, 1, 1, 1), (2, 1, 1, 2, 1), (1, 2, 2, 1, 2), (2, 0, 1, 2, 2)]


@pytest.fixture
def both(monkeypatch):
    """Call a function once with the compiled operators and once with the stand-in."""
    spec = spec_from_file_location('stand_in', Path(compat.__file__).parent / 'ops' / '__init__.py')
    stand_in = module_from_spec(spec)
    monkeypatch.setitem(sys.modules, 'stand_in', stand_in)
    spec.loader.exec_module(stand_in)

    def call(function):
        compiled = function()
        for module in {m for name, m in sys.modules.items() if name.startswith('mmcv.ops.')}:
            if hasattr(module, 'ext_module'):
                monkeypatch.setattr(module, 'ext_module', stand_in)
        return compiled, function()

    return call


def assert_equal(results):
    for compiled, ours in zip(*results, strict=True):
        torch.testing.assert_close(ours, compiled, rtol=1e-4, atol=1e-4)


def with_gradients(function, *inputs):
    inputs = [x.clone().requires_grad_() for x in inputs]
    output = function(*inputs)
    (output * torch.linspace(-1, 1, output.numel()).view_as(output)).sum().backward()
    return [output.detach(), *(x.grad for x in inputs)]


@pytest.mark.parametrize('modulated', [False, True])
@pytest.mark.parametrize('shape', SHAPES)
def test_deformable_convolutions(both, modulated, shape):
    stride, padding, dilation, groups, deform_groups = shape
    x, weight, bias = torch.randn(2, 4, 9, 11), torch.randn(6, 4 // groups, 3, 3), torch.randn(6)
    size = [(n + 2 * padding - 2 * dilation - 1) // stride + 1 for n in x.shape[2:]]
    offset = 2 * torch.randn(2, 18 * deform_groups, *size)
    mask = torch.rand(2, 9 * deform_groups, *size)
    if modulated:
        results = both(lambda: with_gradients(
            lambda x, o, m, w, b: modulated_deform_conv2d(x, o, m, w, b, *shape),
            x, offset, mask, weight, bias))
    else:
        results = both(lambda: with_gradients(
            lambda x, o, w: deform_conv2d(x, o, w, *shape), x, offset, weight))
    assert_equal(results)


@pytest.mark.parametrize('aligned', [True, False])
@pytest.mark.parametrize('sampling_ratio', [0, 2])
def test_roi_align(both, aligned, sampling_ratio):
    corners = 30 * torch.rand(4, 2)
    rois = torch.cat([torch.tensor([[0.], [1], [0], [1]]), corners, corners + 20], 1)
    assert_equal(both(lambda: with_gradients(
        lambda x: roi_align(x, rois, (3, 5), .25, sampling_ratio, 'avg', aligned),
        torch.ones(2, 3, 16, 20).cumsum(3))))


@pytest.mark.parametrize('threshold', [.3, .5, .7])
@pytest.mark.parametrize('offset', [0, 1])
def test_nms(both, threshold, offset):
    boxes = 50 * torch.rand(200, 4)
    boxes[:, 2:] += boxes[:, :2]
    scores = torch.rand(200)
    assert_equal(both(lambda: nms(boxes, scores, threshold, offset)))
    classes, cfg = torch.arange(200) % 5, {'type': 'nms', 'iou_threshold': threshold}
    assert_equal(both(lambda: batched_nms(boxes, scores, classes, cfg)))


def test_the_stand_in_is_really_used(both):
    both(lambda: [])
    assert sys.modules[nms.__module__].ext_module.__name__ == 'stand_in'
