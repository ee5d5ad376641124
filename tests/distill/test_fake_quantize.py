import copy
from unittest import mock

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from torch import nn

from mmocr_kd.distill.fake_quantize import quantize_fake, rounded, rounded_weight

# Not so small that their 127th part is none that float32 has.
FLOATS = st.floats(-1000, 1000, width=32).map(lambda value: value if abs(value) > 1e-6 else 0.)
TENSORS = arrays(np.float32, array_shapes(min_dims=1, max_dims=4, max_side=5), elements=FLOATS)
WEIGHTS = arrays(np.float32, array_shapes(min_dims=2, max_dims=4, max_side=4), elements=FLOATS)


@settings(deadline=None)
@given(TENSORS)
def test_activations_go_to_the_nearest_of_256_numbers(values):
    found = rounded(torch.from_numpy(values)).numpy()
    low, high = min(values.min(), 0), max(values.max(), 0)
    step = (float(high) - float(low)) / 255
    grid = (np.arange(256) - round(-low / step)) * step if step else np.zeros(1)
    nearest = grid[np.abs(values[..., None].astype(float) - grid).argmin(-1)]
    # Between two of them rounding may go either way, by arithmetic alone.
    assert np.abs(found - values).max() <= np.abs(nearest - values).max() + step * 2e-3 + 1e-6
    assert np.abs(found[..., None] - grid).min(-1).max() <= step * 2e-3 + 1e-6
    assert not found[values == 0].any()


@settings(deadline=None)
@given(WEIGHTS, st.booleans())
def test_weights_have_a_scale_for_each_channel(values, second):
    axis = int(second)
    found = rounded_weight(torch.from_numpy(values), axis).numpy()
    for one, other in zip(np.moveaxis(values, axis, 0), np.moveaxis(found, axis, 0)):
        step = float(np.abs(one).max()) / 127
        steps = other / step if step else other
        assert np.abs(steps - steps.round()).max() < 1e-3 and np.abs(steps).max() < 127.001
        assert np.abs(one - other).max() <= step * .5005


@pytest.mark.parametrize('of', [rounded, lambda values: rounded_weight(values, 0)])
@pytest.mark.parametrize('dtype', [torch.float32, torch.float16, torch.bfloat16])
def test_gradients_pass_as_if_nothing_was_rounded(of, dtype):
    values = torch.randn(3, 4, dtype=dtype, requires_grad=True)
    found = of(values)
    weights = torch.randn(3, 4, dtype=dtype)
    (found * weights).sum().backward()
    assert found.dtype == dtype and torch.equal(values.grad, weights)


@pytest.mark.parametrize('layer', [nn.Conv2d(4, 6, 3, groups=2), nn.ConvTranspose2d(4, 6, 2)])
def test_folding_normalisation_into_weights_changes_nothing(layer):
    """What a file rounds are folded weights; here they are rounded before."""
    axis = int(isinstance(layer, nn.ConvTranspose2d))
    factors = torch.randn(layer.weight.shape[axis])
    factors = factors.reshape([-1 if place == axis else 1 for place in range(4)])
    torch.testing.assert_close(rounded_weight(layer.weight * factors, axis),
                               rounded_weight(layer.weight, axis) * factors)


def model_of(*layers):
    return nn.Sequential(*layers).eval()


def test_a_layer_computes_with_rounded_numbers():
    layer, inputs = nn.Conv2d(3, 4, 3), torch.randn(2, 3, 9, 9)
    expected = nn.functional.conv2d(rounded(inputs), rounded_weight(layer.weight, 0), layer.bias)
    before, model = layer(inputs), model_of(layer)
    handles = quantize_fake(model)
    assert torch.equal(model(inputs), expected) and not torch.equal(before, expected)
    parameter = layer._parameters['weight']
    assert layer.weight is parameter and [*model.state_dict()] == ['0.weight', '0.bias']
    model(inputs).sum().backward()
    assert parameter.grad.abs().sum() > 0
    for handle in handles:
        handle.remove()
    assert torch.equal(model(inputs), before)


def test_after_a_step_that_raised_the_weight_is_new():
    layer = nn.Conv2d(3, 4, 3)
    quantize_fake(model_of(layer))
    with pytest.raises(RuntimeError):
        layer(torch.randn(1, 5, 9, 9))
    with torch.no_grad():
        layer._parameters['weight'].mul_(2)
    inputs = torch.randn(1, 3, 9, 9)
    assert torch.equal(layer(inputs), nn.functional.conv2d(
        rounded(inputs), rounded_weight(layer._parameters['weight'], 0), layer.bias))


def test_in_front_of_a_relu_nothing_is_rounded():
    inputs = torch.randn(2, 3)
    for curve, changed in ((nn.ReLU(), False), (nn.Hardswish(), True), (nn.Sigmoid(), True)):
        model = model_of(nn.Linear(3, 3), curve)
        quantize_fake(model)
        seen = []
        model[1].register_forward_hook(lambda part, args, out, seen=seen: seen.append(args[0]))
        linear = nn.functional.linear(rounded(inputs), rounded_weight(
            model[0]._parameters['weight'], 0), model[0].bias)
        model(inputs)
        assert torch.equal(seen[0], rounded(linear) if changed else linear)


def test_copies_compute_in_full_precision():
    model, inputs = model_of(nn.Conv2d(3, 4, 3), nn.Hardswish()), torch.randn(1, 3, 9, 9)
    expected = model(inputs)
    quantize_fake(model)
    assert torch.equal(copy.deepcopy(model)(inputs), expected)
    assert not torch.equal(model(inputs), expected)


def test_what_no_student_keeps_is_left_alone():
    model = nn.ModuleDict({name: nn.ModuleList([nn.Conv2d(1, 1, 1)])
                           for name in ('adaptors', 'selector', 'neck')})
    quantize_fake(model)
    assert {name for name, part in model.items() if part[0]._forward_pre_hooks} == {'neck'}


def test_without_layers():
    with pytest.raises(ValueError, match='ReLU has no convolution or linear layer'):
        quantize_fake(nn.ReLU())


def test_nothing_goes_in():
    model = model_of(nn.Conv2d(3, 4, 3))
    quantize_fake(model)
    assert model(torch.empty(0, 3, 9, 9)).shape == (0, 4, 7, 7)


@torch.no_grad()
@pytest.mark.parametrize('depth', [2, 4, 6, 10])
def test_rounds_as_a_file_in_8_bits_does(tmp_path, depth):
    """Layers quantised by ONNX Runtime, with ranges from the very batch that they are given.

    Deeper down both round the other way ever more often, because a last digit was different.
    """
    pytest.importorskip('onnx')
    pytest.importorskip('onnxruntime')
    import onnxruntime
    from onnxruntime import quantization
    torch.manual_seed(0)
    layers = [nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.Hardswish(),
              nn.Conv2d(8, 8, 3, groups=8), nn.BatchNorm2d(8), nn.ReLU(),
              nn.ConvTranspose2d(8, 4, 2, stride=2), nn.BatchNorm2d(4), nn.Hardswish(),
              nn.Conv2d(4, 1, 1)]
    images, model = torch.randn(2, 3, 24, 24), nn.Sequential(*layers[:depth])
    model.train()(images)  # so that normalisation is more than nothing
    model.eval()
    graph, small = str(tmp_path / 'graph.onnx'), str(tmp_path / 'small.onnx')
    torch.onnx.export(model, (images, ), graph, input_names=['images'], opset_version=17,
                      dynamo=False)
    batches = mock.Mock(get_next=mock.Mock(side_effect=[{'images': images.numpy()}, None]))
    quantization.quantize_static(graph, small, batches, per_channel=True,
                                 activation_type=quantization.QuantType.QUInt8,
                                 weight_type=quantization.QuantType.QInt8)
    file, = onnxruntime.InferenceSession(small).run(None, {'images': images.numpy()})
    exact = model(images)
    quantize_fake(model)
    # What comes out of the last layer is held in 8 bits, too.
    theirs, ours = torch.from_numpy(file) - exact, rounded(model(images)) - exact
    assert ours.abs().mean() / theirs.abs().mean() == pytest.approx(1, abs=.2)
    if depth < 6:
        alike = torch.corrcoef(torch.stack([ours.flatten(), theirs.flatten()]))[0, 1]
        assert alike > (.95 if depth == 2 else .5)


def test_what_learns_with_rounding_loses_less_by_it():
    """Two numbers share a scale that suits one of them: without rounding there is nothing to learn,
    with it the weights come to share it fairly."""
    torch.manual_seed(0)
    inputs = torch.rand(256, 2) * 2 - 1
    target = inputs.sum(1, keepdim=True)
    errors = {}
    for rounds in (False, True):
        model = nn.Sequential(nn.Linear(2, 2, bias=False), nn.Linear(2, 1, bias=False))
        with torch.no_grad():
            model[0].weight.copy_(torch.tensor([[100., 0], [0, 1]]))
            model[1].weight.copy_(torch.tensor([[.01, 1]]))
        handles = quantize_fake(model) if rounds else []
        optimizer = torch.optim.Adam(model.parameters(), lr=.3)
        for _ in range(300):
            optimizer.zero_grad()
            nn.functional.mse_loss(model(inputs), target).backward()
            optimizer.step()
        for handle in handles:
            handle.remove()
        quantize_fake(model)
        errors[rounds] = nn.functional.mse_loss(model(inputs), target).item()
    assert errors[True] < .5 * errors[False]
