"""Cutting words out of feature maps, against cropping them one by one."""
import math

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny_mask_rcnn import polygon_words

from mmocr_kd.models.spotters import MaskedRoIExtractor
from mmocr_kd.models.spotters.mask_rcnn.masked_crops import inside

SIZES = [(48, 80), (37, 61)]  # of the images; the maps have 12x20 cells of 4 pixels


def one_by_one(maps, words, sizes, size=(8, 32), stride=4, margin=1):
    """What the official code does: crop, mask, transpose, resize."""
    crops = []
    for polygon, image, vertical in zip(words.points, words.image_index, words.vertical):
        height, width = (math.ceil(edge / stride) for edge in sizes[image])
        (left, top), (right, bottom) = polygon.amin(0).tolist(), polygon.amax(0).tolist()
        left, right = (min(max(math.floor(x / stride) + by, 0), width - 1)
                       for x, by in ((left, -margin), (right, margin)))
        top, bottom = (min(max(math.floor(y / stride) + by, 0), height - 1)
                       for y, by in ((top, -margin), (bottom, margin)))
        crop = maps[image, :, top:bottom + 1, left:right + 1]
        centres = torch.tensor([[[(x + .5) * stride, (y + .5) * stride]
                                 for x in range(left, right + 1)]
                                for y in range(top, bottom + 1)])
        mask = inside(centres.flatten(0, 1)[None], polygon[None])[0].view(crop.shape[1:]).float()
        if vertical:
            crop, mask = crop.mT, mask.T

        def resize(values):
            return F.interpolate(values[None], size, mode='bilinear', align_corners=False)[0]

        seen = resize(mask[None]).sum() > 0
        crops.append(resize(crop * mask if seen else crop))
    return torch.stack(crops)


def extractor(channels=3, **fields):
    torch.manual_seed(0)
    return MaskedRoIExtractor(in_channels=channels, out_channels=channels, **fields).eval()


_POINT = st.tuples(st.floats(-20, 100, width=32), st.floats(-20, 70, width=32))


@settings(max_examples=30)
@given(st.lists(st.tuples(st.integers(0, 1), st.lists(_POINT, min_size=3, max_size=7)),
                min_size=1, max_size=5))
def test_equals_cropping_one_by_one(words):
    """Polygons of any kind: tiny, self-crossing, beyond the image."""
    words = polygon_words([points for _, points in words], [image for image, _ in words])
    maps = torch.randn(2, 3, 12, 20)
    crops = extractor().cut(maps, words, SIZES)
    torch.testing.assert_close(crops, one_by_one(maps, words, SIZES), atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize('fields', [{'featmap_stride': 8}, {'margin': 0}, {'output_size': (4, 9)}])
def test_fields_count(fields):
    words = polygon_words([[8, 8, 70, 10, 60, 40, 10, 30], [5, 5, 9, 5, 9, 40, 5, 40]], [0, 1])
    maps = torch.randn(2, 3, 12, 20)
    model = extractor(**fields)
    expected = one_by_one(maps, words, SIZES, model.output_size, model.featmap_stride,
                          model.margin)
    torch.testing.assert_close(model.cut(maps, words, SIZES), expected)


def test_the_whole_map_goes_through_the_convolution_first():
    model, feature = extractor(), torch.randn(2, 3, 12, 20)
    words = polygon_words([[8, 8, 70, 10, 60, 40, 10, 30]], [1])
    conv = model.conv.conv
    maps = F.relu(model.conv.bn(F.conv2d(feature, conv.weight, padding=1)))
    torch.testing.assert_close(model(feature, words, SIZES), one_by_one(maps, words, SIZES))


def test_full_size():
    model = MaskedRoIExtractor()
    words = polygon_words([[8, 8, 70, 10, 60, 40, 10, 30]] * 2, [0, 0])
    assert model(torch.randn(1, 256, 12, 20), words, SIZES[:1]).shape == (2, 256, 8, 32)
    assert sum(p.numel() for p in model.parameters()) == 9 * 256 ** 2 + 2 * 256


def test_cells_outside_the_outline_are_zero():
    """A word along the diagonal: its box's other corners belong to others."""
    maps = torch.ones(1, 1, 12, 20)
    words = polygon_words([[4, 4, 12, 4, 76, 40, 76, 44, 68, 44, 4, 8]], [0])
    crop, = extractor(1).cut(maps, words, SIZES[:1])[0]
    assert crop[0, -1] == crop[-1, 0] == 0 and crop.amax() == 1


def test_vertical_words_are_transposed():
    """A word that reads downwards looks as its transposed image does."""
    maps = torch.randn(1, 3, 16, 16)
    high = polygon_words([[9, 5, 21, 5, 21, 57, 9, 57]], [0])
    wide = polygon_words([[5, 9, 57, 9, 57, 21, 5, 21]], [0])
    assert high.vertical.all() and not wide.vertical.any()
    model = extractor()
    torch.testing.assert_close(model.cut(maps, high, [(64, 64)]),
                               model.cut(maps.mT, wide, [(64, 64)]))


def test_orientation_is_the_same_at_every_scale():
    """The official code decides after rounding to cells: HR and LR may contradict each other."""
    words = polygon_words([[8, 8, 40, 8, 40, 56.5, 8, 56.5]], [0])  # 1.516 times as high as wide
    model, smooth = extractor(1), torch.linspace(0, 1, 64)[:, None].expand(64, 64)

    def at(scale):
        cells = round(16 * scale)
        maps = F.interpolate(smooth[None, None], (cells, cells), mode='area')
        small = words.scaled(torch.full((1, 2), float(scale)))
        return model.cut(maps, small, [(cells * 4, cells * 4)])[0, 0, 3]

    for scale in (1, .75, .5, .25):
        assert at(scale)[6] < at(scale)[26]  # from top to bottom it grows: along the rows


@pytest.mark.parametrize('polygon', [
    [30, 30, 30, 30, 30, 30],  # a point
    [200, 200, 300, 200, 300, 220],  # beyond the image
    [-50, -50, -40, -50, -40, -45],
    [10, 10.5, 70, 10.5, 70, 11, 10, 11],  # half a pixel high
])
def test_degenerate_words(polygon):
    maps = torch.rand(1, 3, 12, 20).add(1).requires_grad_()
    crops = extractor().cut(maps, polygon_words([polygon], [0]), SIZES[:1])
    assert crops.shape == (1, 3, 8, 32) and crops.isfinite().all() and (crops > 0).all()
    crops.sum().backward()
    assert maps.grad.isfinite().all() and maps.grad.abs().sum() > 0


def test_a_coordinate_of_zero_is_no_image_number():
    """In the official code a box that begins at 0.0 also counts for the image number 0."""
    polygons = [[0, 0, 40, 0, 40, 20, 0, 20], [1, 1, 41, 1, 41, 21, 1, 21]]
    maps = torch.randn(2, 3, 12, 20)
    crops = extractor().cut(maps, polygon_words(polygons, [0, 1]), SIZES)
    assert crops.shape[0] == 2
    for i in range(2):
        alone = extractor().cut(maps[i:i + 1], polygon_words(polygons[i:i + 1], [0]),
                                SIZES[i:i + 1])
        torch.testing.assert_close(crops[i:i + 1], alone)


def test_no_words():
    assert extractor().cut(torch.randn(2, 3, 12, 20), polygon_words([], []), SIZES).shape == (
        0, 3, 8, 32)


def test_gradient():
    model = extractor(2, output_size=(3, 5)).double()
    words = polygon_words([[2, 2, 22, 3, 20, 14, 3, 10], [5, 1, 9, 1, 9, 16, 5, 16]], [0, 0])
    maps = torch.randn(1, 2, 4, 6).double().requires_grad_()
    assert torch.autograd.gradcheck(lambda value: model.cut(value, words, [(16, 24)]), [maps])


def test_half_precision():
    maps = torch.randn(1, 3, 12, 20).bfloat16()
    crops = extractor().cut(maps, polygon_words([[8, 8, 70, 10, 60, 40]], [0]), SIZES[:1])
    assert crops.dtype == torch.bfloat16


def test_the_wrong_stride():
    with pytest.raises(ValueError, match=r'featmap_stride=2 does not fit.*\(48, 80\)'):
        extractor(featmap_stride=2).cut(torch.randn(1, 3, 12, 20), polygon_words([], []),
                                        SIZES[:1])


@pytest.mark.parametrize('fields, message', [
    ({'output_size': (8, )}, r'output_size=\(8,\)'), ({'output_size': (0, 3)}, 'output_size'),
    ({'featmap_stride': 0}, 'featmap_stride=0 must be at least 1'), ({'margin': -1}, 'margin=-1'),
    ({'featmap_level': -1}, 'featmap_level=-1'),
])
def test_bad_fields(fields, message):
    with pytest.raises(ValueError, match=message):
        MaskedRoIExtractor(**fields)
