from fractions import Fraction

import pytest
import torch
from hypothesis import example, given
from hypothesis import strategies as st
from mmocr.structures import TextDetDataSample

from mmocr_kd.adapters.image_sizes import padded, scaled_size, size_with_short_edge, valid_sizes

edge = st.integers(1, 4000)
tenth = st.integers(1, 10)


@given(edge, edge, tenth)
@example(330, 330, 7)
@example(321, 400, 3)
def test_edges_in_exact_arithmetic(height, width, tenths):
    size = scaled_size((height, width), tenths / 10)
    short = max(min(height, width) * tenths // 10, 1)
    exact = Fraction(max(height, width) * short, min(height, width))
    assert min(size) == short
    assert abs(max(size) - exact) <= Fraction(1, 2)
    assert size == scaled_size((width, height), tenths / 10)[::-1]


def test_golden_sizes():
    assert scaled_size((330, 330), .7) == (231, 231)
    assert scaled_size((321, 500), .3) == (96, 150)
    assert scaled_size((896, 1184), .3) == (268, 354)
    assert scaled_size((1, 1), .3) == (1, 1)
    assert scaled_size((4000, 2), .3) == (2000, 1)


@given(edge, edge)
def test_full_size_is_the_size(height, width):
    assert scaled_size((height, width), 1.) == (height, width)


@given(edge, edge, tenth, st.integers(1, 2000))
def test_the_longer_edge_is_limited(height, width, tenths, limit):
    free, capped = (scaled_size((height, width), tenths / 10, cap) for cap in (None, limit))
    if max(free) <= limit:
        assert capped == free
    else:
        exact = Fraction(min(height, width) * limit, max(height, width))
        assert max(capped) == limit
        assert abs(min(capped) - max(exact, 1)) <= Fraction(1, 2)


def test_short_edge():
    assert size_with_short_edge((150, 203), 64) == (64, 87)
    assert size_with_short_edge((203, 150), 64) == (87, 64)
    assert size_with_short_edge((100, 1000), 50, 400) == (40, 400)


@given(st.integers(1, 500), st.integers(1, 64))
def test_padded(length, divisor):
    multiple = padded(length, divisor)
    assert multiple % divisor == 0 and 0 <= multiple - length < divisor


def test_sizes_without_padding():
    inputs = torch.zeros(3, 3, 40, 60)
    data = [TextDetDataSample(metainfo=meta) for meta in
            ({'img_shape': (30, 60)}, {}, {'img_shape': (40, 1, 3)})]
    assert valid_sizes(inputs, data) == [(30, 60), (40, 60), (40, 1)]
    assert valid_sizes(inputs, None) == [(40, 60)] * 3


@pytest.mark.parametrize('size', [(41, 60), (40, 61), (0, 5), (5, 0)])
def test_sizes_that_cannot_be(size):
    data = [TextDetDataSample(metainfo={'img_shape': size, 'img_path': 'a.png'})]
    with pytest.raises(ValueError, match="'a.png' does not fit the batch"):
        valid_sizes(torch.zeros(1, 3, 40, 60), data)
    with pytest.raises(ValueError, match='1 data samples for 2 images'):
        valid_sizes(torch.zeros(2, 3, 40, 60), data)
