"""Products of every kind of layer, against closed formulas and against the same layer unfused."""
import re

import pytest
import torch
import torchvision
from mmcv.ops import DeformConv2dPack, ModulatedDeformConv2dPack
from torch import nn
from torch.nn import functional

from mmocr_kd.measure import product_macs

N, LENGTH, WIDTH, HIDDEN, PROJECTED = 2, 5, 8, 6, 4
IMAGE, TOKENS = (N, 4, 7, 9), (N, LENGTH, WIDTH)
PIXELS = 7 * 9
MODES = {'learning': torch.enable_grad, 'no_grad': torch.no_grad,
         'inference': torch.inference_mode}


def recurrence(gates, given=WIDTH, state=HIDDEN):
    """Products of one layer in one direction, for all vectors of TOKENS."""
    return N * LENGTH * gates * HIDDEN * (given + state)


def encoder(**fields):
    layer = nn.TransformerEncoderLayer(WIDTH, 2, HIDDEN, batch_first=True, **fields)
    return nn.TransformerEncoder(layer, 3, enable_nested_tensor=False)


ATTENTION = 4 * N * LENGTH * WIDTH**2 + 2 * N * LENGTH**2 * WIDTH
ENCODER = ATTENTION + 2 * N * LENGTH * WIDTH * HIDDEN
PROJECTION = N * LENGTH * HIDDEN * PROJECTED
# Layer, shape of its input, products.
LAYERS = {
    'convolution': (nn.Conv2d(4, 6, 3, padding=1), IMAGE, N * PIXELS * 6 * 4 * 9),
    'strided convolution': (nn.Conv2d(4, 6, 3, 2), IMAGE, N * 3 * 4 * 6 * 4 * 9),
    'convolution in groups': (nn.Conv2d(4, 6, 1, groups=2), IMAGE, N * PIXELS * 6 * 2),
    'one-dimensional convolution': (nn.Conv1d(4, 6, 3, padding=1), (N, 4, 7), N * 7 * 6 * 4 * 3),
    'transposed convolution': (nn.ConvTranspose2d(4, 6, 2, 2), IMAGE, N * PIXELS * 4 * 6 * 4),
    'transposed in groups': (nn.ConvTranspose2d(4, 6, 3, 2, groups=2), IMAGE,
                             N * PIXELS * 4 * 3 * 9),
    'deformable convolution': (DeformConv2dPack(4, 6, 3, padding=1), IMAGE,
                               N * PIXELS * 9 * 4 * (6 + 18)),
    'deformable in groups': (DeformConv2dPack(4, 6, 3, padding=1, groups=2, deform_groups=2),
                             IMAGE, N * PIXELS * 9 * (2 * 6 + 4 * 36)),
    'modulated convolution': (ModulatedDeformConv2dPack(4, 6, 3, padding=1), IMAGE,
                              N * PIXELS * 9 * 4 * (6 + 27)),
    'linear': (nn.Linear(WIDTH, 3), TOKENS, N * LENGTH * WIDTH * 3),
    'linear without bias': (nn.Linear(WIDTH, 3, bias=False), (N, WIDTH), N * WIDTH * 3),
    'LSTM': (nn.LSTM(WIDTH, HIDDEN), TOKENS, recurrence(4)),
    'LSTM without bias': (nn.LSTM(WIDTH, HIDDEN, bias=False), TOKENS, recurrence(4)),
    'LSTM, batch first': (nn.LSTM(WIDTH, HIDDEN, batch_first=True), TOKENS, recurrence(4)),
    'LSTM, two layers in both directions': (
        nn.LSTM(WIDTH, HIDDEN, 2, bidirectional=True), TOKENS,
        2 * recurrence(4) + 2 * recurrence(4, 2 * HIDDEN)),
    'LSTM with projections': (nn.LSTM(WIDTH, HIDDEN, proj_size=PROJECTED), TOKENS,
                              recurrence(4, state=PROJECTED) + PROJECTION),
    'GRU': (nn.GRU(WIDTH, HIDDEN), TOKENS, recurrence(3)),
    'GRU, two layers in both directions': (
        nn.GRU(WIDTH, HIDDEN, 2, bidirectional=True), TOKENS,
        2 * recurrence(3) + 2 * recurrence(3, 2 * HIDDEN)),
    'plain recurrence': (nn.RNN(WIDTH, HIDDEN, bidirectional=True), TOKENS, 2 * recurrence(1)),
    'LSTM cell': (nn.LSTMCell(WIDTH, HIDDEN), (N * LENGTH, WIDTH), recurrence(4)),
    'GRU cell': (nn.GRUCell(WIDTH, HIDDEN), (N * LENGTH, WIDTH), recurrence(3)),
    'recurrent cell': (nn.RNNCell(WIDTH, HIDDEN), (N * LENGTH, WIDTH), recurrence(1)),
    'encoder layer': (nn.TransformerEncoderLayer(WIDTH, 2, HIDDEN, batch_first=True), TOKENS,
                      ENCODER),
    'encoder layer, norm first': (nn.TransformerEncoderLayer(
        WIDTH, 4, HIDDEN, batch_first=True, norm_first=True, activation='gelu'), TOKENS, ENCODER),
    'encoder': (encoder(), TOKENS, 3 * ENCODER),
    'normalisations': (nn.Sequential(nn.BatchNorm2d(4), nn.GroupNorm(2, 4), nn.ReLU(), nn.GELU(),
                                     nn.Hardswish(), nn.AvgPool2d(2), nn.MaxPool2d(2)), IMAGE, 0),
}


@pytest.fixture(params=MODES)
def mode(request):
    return MODES[request.param]


@pytest.mark.filterwarnings('error::RuntimeWarning')
@pytest.mark.parametrize('name', LAYERS)
def test_layers(name, mode):
    layer, shape, wanted = LAYERS[name]
    layer.eval()
    with mode():
        assert product_macs(lambda: layer(torch.randn(shape))) == wanted


@pytest.mark.filterwarnings('error::RuntimeWarning')
@pytest.mark.parametrize('train', [False, True])
@pytest.mark.parametrize('weights', [False, True])
def test_self_attention(train, weights, mode):
    """Fused in evaluation without gradients, single products otherwise."""
    attention = nn.MultiheadAttention(WIDTH, 2, batch_first=True).train(train)
    tokens = torch.randn(TOKENS)
    with mode():
        assert product_macs(
            lambda: attention(tokens, tokens, tokens, need_weights=weights)) == ATTENTION


def test_attention_to_other_tokens(mode):
    attention = nn.MultiheadAttention(WIDTH, 2, batch_first=True, kdim=3, vdim=7).eval()
    queries, keys, values = torch.randn(TOKENS), torch.randn(N, 4, 3), torch.randn(N, 4, 7)
    projections = 2 * LENGTH * WIDTH**2 + 4 * (3 + 7) * WIDTH
    with mode():
        assert product_macs(lambda: attention(queries, keys, values)) == N * (
            projections + 2 * LENGTH * 4 * WIDTH)


@pytest.mark.filterwarnings('error::RuntimeWarning')
@pytest.mark.parametrize('mask', [None, torch.ones(LENGTH, 3, dtype=torch.bool)])
@pytest.mark.parametrize('value_width', [WIDTH, 4])
def test_scaled_dot_product_attention(mask, value_width, mode):
    query, key = torch.randn(N, 2, LENGTH, WIDTH), torch.randn(N, 2, 3, WIDTH)
    value = torch.randn(N, 2, 3, value_width)
    with mode():
        assert product_macs(lambda: functional.scaled_dot_product_attention(
            query, key, value, mask)) == N * 2 * LENGTH * 3 * (WIDTH + value_width)


def test_nested_sequences_count_what_they_hold():
    """Padding that is taken out before it is computed costs nothing."""
    layer = nn.TransformerEncoderLayer(WIDTH, 2, HIDDEN, batch_first=True)
    model = nn.TransformerEncoder(layer, 1).eval()
    tokens = torch.randn(TOKENS)
    padding = torch.arange(LENGTH) >= torch.tensor([[3], [LENGTH]])
    with torch.no_grad():
        found = product_macs(lambda: model(tokens, src_key_padding_mask=padding))
    vectors, pairs = 3 + LENGTH, 3**2 + LENGTH**2
    assert found == vectors * (4 * WIDTH**2 + 2 * WIDTH * HIDDEN) + 2 * pairs * WIDTH


def test_packed_sequences_count_what_they_hold():
    lstm = nn.LSTM(WIDTH, HIDDEN).eval()
    packed = nn.utils.rnn.pack_sequence([torch.randn(LENGTH, WIDTH), torch.randn(3, WIDTH)])
    assert product_macs(lambda: lstm(packed)) == (LENGTH + 3) * 4 * HIDDEN * (WIDTH + HIDDEN)


def left():
    return torch.ones(N, LENGTH, WIDTH)


def right():
    return torch.ones(N, WIDTH, HIDDEN)


def added():
    return torch.ones(N, LENGTH, HIDDEN)


PRODUCTS = {
    'matmul': (lambda: left() @ right(), N * LENGTH * WIDTH * HIDDEN),
    'shared matrix': (lambda: left() @ right()[0], N * LENGTH * WIDTH * HIDDEN),
    'matrix and vector': (lambda: left()[0] @ right()[0, :, 0], LENGTH * WIDTH),
    'vectors': (lambda: left()[0, 0] @ right()[0, :, 0], WIDTH),
    'einsum': (lambda: torch.einsum('nlw,nwh->nlh', left(), right()), N * LENGTH * WIDTH * HIDDEN),
    'einsum to a number': (lambda: torch.einsum('nlw,nlw->', left(), left()), N * LENGTH * WIDTH),
    'bmm': (lambda: torch.bmm(left(), right()), N * LENGTH * WIDTH * HIDDEN),
    'mm into a tensor': (lambda: torch.mm(left()[0], right()[0], out=added()[0]),
                         LENGTH * WIDTH * HIDDEN),
    'addmm': (lambda: torch.addmm(added()[0], left()[0], right()[0]), LENGTH * WIDTH * HIDDEN),
    'addmm in place': (lambda: added()[0].addmm_(left()[0], right()[0]), LENGTH * WIDTH * HIDDEN),
    'baddbmm': (lambda: torch.baddbmm(added(), left(), right()), N * LENGTH * WIDTH * HIDDEN),
    'baddbmm in place': (lambda: added().baddbmm_(left(), right()), N * LENGTH * WIDTH * HIDDEN),
    'addbmm': (lambda: torch.addbmm(added()[0], left(), right()), N * LENGTH * WIDTH * HIDDEN),
    'addmv': (lambda: torch.addmv(added()[0, :, 0], left()[0], right()[0, :, 0]), LENGTH * WIDTH),
    'tensordot': (lambda: torch.tensordot(left(), right()[0], 1), N * LENGTH * WIDTH * HIDDEN),
}


@pytest.mark.filterwarnings('error::RuntimeWarning')
@pytest.mark.parametrize('name', PRODUCTS)
def test_matrix_products(name, mode):
    run, wanted = PRODUCTS[name]
    with mode():
        assert product_macs(run) == wanted


def test_deformable_convolution_of_torchvision():
    image, weight = torch.randn(IMAGE), torch.randn(6, 4, 3, 3)
    offset = torch.zeros(N, 18, 5, 7)
    assert product_macs(lambda: torchvision.ops.deform_conv2d(image, offset, weight)) == (
        N * 5 * 7 * 6 * 4 * 9)


@pytest.mark.filterwarnings('error::RuntimeWarning')
@pytest.mark.parametrize('layer, shape', [(nn.Conv2d(4, 6, 3), IMAGE),
                                          (nn.ConvTranspose2d(4, 6, 3, 2), IMAGE),
                                          (nn.Linear(WIDTH, 3), TOKENS)])
def test_a_backward_pass_takes_twice_the_products_of_the_forward_one(layer, shape):
    given = torch.randn(shape, requires_grad=True)
    forward = product_macs(lambda: layer(given))
    assert product_macs(lambda: layer(given).sum().backward()) == 3 * forward > 0


def test_the_model_computes_what_it_does_otherwise():
    model, tokens = encoder().eval(), torch.randn(TOKENS)
    found = []
    with torch.no_grad():
        product_macs(lambda: found.append(model(tokens)))
        torch.testing.assert_close(found[0], model(tokens))


@pytest.mark.parametrize('run, name', [
    (lambda: nn.Bilinear(3, 4, 5)(torch.ones(2, 3), torch.ones(2, 4)), '_trilinear'),
    (lambda: torch.linalg.inv(torch.eye(3)), 'linalg_inv_ex')])
def test_what_is_not_known_is_named(run, name):
    with pytest.warns(RuntimeWarning, match=re.escape(name)):
        product_macs(run)
