import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from mmocr_kd.distill import sum_pool_patch

SIDES = st.integers(1, 3)


@given(patch=st.tuples(SIDES, SIDES), factor=st.tuples(SIDES, SIDES), grid=st.tuples(SIDES, SIDES),
       channels=SIDES)
def test_reads_small_images_as_the_large_layer_reads_them_enlarged(patch, factor, grid, channels):
    kernel = tuple(p * f for p, f in zip(patch, factor))
    large = nn.Conv2d(channels, 5, kernel, stride=kernel).double()
    small = nn.Conv2d(channels, 5, patch, stride=patch).double()
    small.load_state_dict({
        'weight': sum_pool_patch(large.weight.detach(), small.weight.shape), 'bias': large.bias})
    image = torch.randn(2, channels, *(p * g for p, g in zip(patch, grid)), dtype=torch.double)
    enlarged = image.repeat_interleave(factor[0], 2).repeat_interleave(factor[1], 3)
    assert torch.allclose(small(image), large(enlarged), atol=1e-12)


def test_known_sums_keep_their_dtype():
    weight = torch.arange(16, dtype=torch.float16).reshape(1, 1, 2, 8)
    pooled = sum_pool_patch(weight, torch.Size([1, 1, 1, 4]))
    assert pooled.dtype == torch.float16
    assert pooled.flatten().tolist() == [0 + 1 + 8 + 9, 2 + 3 + 10 + 11, 4 + 5 + 12 + 13,
                                         6 + 7 + 14 + 15]


@pytest.mark.parametrize('shape', [(7, 3, 2, 4), (8, 1, 2, 4), (8, 3, 3, 4), (8, 3, 2, 5),
                                   (8, 3, 8, 8), (8, 3, 2)])
def test_refuses_shapes_that_do_not_fit(shape):
    with pytest.raises(ValueError, match=r'\(8, 3, 4, 8\) cannot be summed to \(\d'):
        sum_pool_patch(torch.zeros(8, 3, 4, 8), torch.Size(shape))
