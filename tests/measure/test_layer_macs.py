"""Operations counted by hand, layer by layer."""
import pytest
import torch
from torch import nn

from mmocr_kd.measure import layer_macs, product_macs

# Layer, shape of its input, operations: products, then bias or affine.
LAYERS = {
    'convolution': (nn.Conv2d(3, 8, 5, stride=2, padding=2), (1, 3, 8, 12),
                    4 * 6 * 8 * (3 * 25) + 4 * 6 * 8),
    'without bias': (nn.Conv2d(3, 8, 1, bias=False), (1, 3, 2, 2), 4 * 8 * 3),
    'groups': (nn.Conv2d(4, 8, 3, padding=1, groups=4, bias=False), (1, 4, 5, 5), 25 * 8 * 9),
    'one-dimensional': (nn.Conv1d(2, 3, 3, bias=False), (1, 2, 10), 8 * 3 * 2 * 3),
    'transposed': (nn.ConvTranspose2d(4, 2, 2, stride=2, bias=False), (1, 4, 3, 3),
                   9 * 4 * 2 * 4),
    'linear': (nn.Linear(6, 5), (1, 6), 6 * 5 + 5),
    # The bias counts once however many vectors there are: ptflops' rule.
    'linear, seven vectors': (nn.Linear(6, 5), (1, 7, 6), 7 * 6 * 5 + 5),
    'linear without bias': (nn.Linear(6, 5, bias=False), (1, 7, 6), 7 * 6 * 5),
    'normalisation': (nn.BatchNorm2d(4), (1, 4, 3, 3), 2 * 36),
    'plain normalisation': (nn.BatchNorm1d(4, affine=False), (1, 4, 9), 36),
    'ReLU': (nn.ReLU(inplace=True), (1, 4, 3, 3), 36),
    'layer normalisation': (nn.LayerNorm(4), (1, 3, 4), 0),
    'dropout': (nn.Dropout(), (1, 3), 0),
}


@pytest.mark.parametrize('name', LAYERS)
def test_layers(name):
    layer, shape, wanted = LAYERS[name]
    assert layer_macs(layer.eval(), lambda: layer(torch.randn(shape))).total() == wanted


def test_a_layer_counts_as_often_as_it_runs_and_idle_ones_do_not():
    model = nn.ModuleDict({'twice': nn.Linear(3, 3, bias=False), 'never': nn.Linear(3, 3)})
    vector = torch.randn(1, 3)
    counts = layer_macs(model, lambda: model['twice'](model['twice'](vector)))
    assert counts == {'twice': 18}


def test_the_model_is_left_without_hooks_even_if_it_fails():
    model = nn.Sequential(nn.Linear(3, 3))
    with pytest.raises(RuntimeError):
        layer_macs(model, lambda: model(torch.randn(1, 4)))
    assert not model[0]._forward_hooks


def test_attention_is_seen_by_its_products_only():
    length, width = 5, 8
    attention = nn.MultiheadAttention(width, 2)
    tokens = torch.randn(length, 1, width)
    assert layer_macs(attention, lambda: attention(tokens, tokens, tokens)).total() == 0
    projections, weights = 4 * length * width * width, 2 * length * length * width
    assert product_macs(lambda: attention(tokens, tokens, tokens)) == projections + weights


def test_products_of_convolutions_and_matrices():
    conv, linear = nn.Conv2d(3, 8, 3, padding=1), nn.Linear(8, 5)
    image = torch.randn(2, 3, 4, 4)

    def run():
        vectors = linear(conv(image).flatten(2).transpose(1, 2))  # (2, 16, 5)
        return vectors.transpose(1, 2) @ vectors
    assert product_macs(run) == 2 * (16 * 8 * 27 + 16 * 8 * 5 + 5 * 16 * 5)
