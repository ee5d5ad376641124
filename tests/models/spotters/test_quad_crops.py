"""Crops are what OpenCV cuts out, of the right image, and let gradients through to it."""
import cv2
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from mmocr_kd.models.spotters import QuadCut, Words, crop_quads


def _noise(count=1, size=(24, 32), seed=0):
    return torch.rand(count, 3, *size, generator=torch.Generator().manual_seed(seed)) * 255


def _smooth(size=(48, 64)):
    y, x = torch.meshgrid(torch.arange(size[0]), torch.arange(size[1]), indexing='ij')
    waves = [torch.sin(x / 9 + y / 13), torch.cos(x / 11 - y / 7), torch.sin(y / 8)]
    return (100 * torch.stack(waves) + 120)[None]


def _positions(size):
    """x and y of each pixel's centre: on such a ramp bilinear sampling is exact."""
    y, x = torch.meshgrid(torch.arange(size[0]) + .5, torch.arange(size[1]) + .5, indexing='ij')
    return torch.stack([x, y])[None]


def _quad(*points):
    return torch.tensor([points], dtype=torch.float)


def _box(x, y, width, height):
    return _quad((x, y), (x + width, y), (x + width, y + height), (x, y + height))


def _crop(image, quad, size, **fields):
    return crop_quads(image, quad, torch.zeros(len(quad), dtype=torch.long), size, **fields)


def _opencv(image, quad, size):
    """OpenCV puts pixels' centres on whole numbers, we on halves."""
    height, width = size
    flat = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32) - .5
    homography = cv2.getPerspectiveTransform(quad[0].numpy() - .5, flat)
    pixels = np.ascontiguousarray(image[0].permute(1, 2, 0).numpy())
    crop = cv2.warpPerspective(pixels, homography, (width, height), flags=cv2.INTER_LINEAR,
                               borderMode=cv2.BORDER_REPLICATE)
    return torch.from_numpy(crop).permute(2, 0, 1)[None]


@pytest.mark.parametrize('quad, size', [
    (_box(0, 0, 32, 24), (24, 32)),  # the image itself
    (_box(5, 3, 16, 8), (8, 16)),
    (_box(4, 2, 8, 4), (8, 16)),  # twice as large
    (_box(4, 2, 16, 8), (4, 8)),  # half as large
    (_box(-4, 18, 16, 8), (8, 16)),  # partly outside
    (_quad((20, 4), (20, 20), (12, 20), (12, 4)), (8, 16)),  # read downwards
    (_quad((20, 20), (4, 20), (4, 12), (20, 12)), (8, 16)),  # upside down
])
def test_agrees_with_opencv_to_the_pixel(quad, size):
    image = _noise()
    torch.testing.assert_close(_crop(image, quad, size), _opencv(image, quad, size),
                               atol=2e-3, rtol=0)


@pytest.mark.parametrize('quad', [
    _quad((10, 8), (50, 14), (46, 30), (8, 22)),
    _quad((5, 20), (40, 3), (58, 12), (12, 44)),
    _quad((20, 5), (44, 5), (60, 40), (4, 40)),
])
def test_agrees_with_opencv_in_perspective(quad):
    """On a smooth image, because OpenCV rounds positions to 1/32 of a pixel."""
    image = _smooth()
    torch.testing.assert_close(_crop(image, quad, (16, 48)), _opencv(image, quad, (16, 48)),
                               atol=1., rtol=0)


def test_is_exact_in_perspective_on_a_ramp():
    quad = _quad((10, 8), (50, 14), (46, 40), (8, 22))
    crop = _crop(_positions((48, 64)), quad, (16, 48))[0]
    flat = np.array([[0, 0], [48, 0], [48, 16], [0, 16]], np.float32)
    homography = cv2.getPerspectiveTransform(flat, quad[0].numpy())
    for row, column in ((0, 0), (15, 47), (7, 20)):
        centre = np.array([[[column + .5, row + .5]]], np.float64)
        expected = cv2.perspectiveTransform(centre, homography)[0, 0]
        torch.testing.assert_close(crop[:, row, column].double(), torch.from_numpy(expected),
                                   atol=1e-3, rtol=0)


def test_takes_each_word_from_its_image_in_order():
    images = _noise(3)
    quads = torch.cat([_box(x, 2., 8, 8) for x in (1., 9, 4, 20)])
    index = torch.tensor([2, 0, 2, 1])
    crops = crop_quads(images, quads, index, (8, 8))
    for crop, quad, i in zip(crops, quads, index):
        torch.testing.assert_close(crop, _crop(images[i:i + 1], quad[None], (8, 8))[0])


def test_no_words_give_no_crops():
    crops = crop_quads(_noise(2), torch.zeros(0, 4, 2), torch.zeros(0, dtype=torch.long), (8, 16))
    assert crops.shape == (0, 3, 8, 16)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.integers(-10, 40), st.integers(-10, 40)), min_size=4, max_size=4))
def test_any_four_points_give_a_finite_crop_within_the_images_range(points):
    image = _noise()
    crop = _crop(image, _quad(*points), (4, 8), margin=.1)
    assert crop.isfinite().all()
    assert crop.min() >= image.min() - 1e-3 and crop.max() <= image.max() + 1e-3


def test_padding_does_not_matter():
    image, quad = _noise(), _box(20, 15, 16, 12)
    padded = F.pad(image, (0, 32, 0, 8), value=1e4)
    crop = _crop(padded, quad, (8, 16), valid_sizes=torch.tensor([[24, 32]]))
    torch.testing.assert_close(crop, _crop(image, quad, (8, 16)), atol=2e-3, rtol=0)


def test_quads_that_shrink_with_their_image_show_the_same():
    image, quad = _positions((96, 128)), _quad((20, 16), (100, 28), (92, 60), (16, 44))
    shrunk = F.interpolate(image, scale_factor=.25, mode='bilinear', align_corners=False)
    torch.testing.assert_close(_crop(shrunk, quad / 4, (16, 48)), _crop(image, quad, (16, 48)),
                               atol=1e-3, rtol=0)


def test_margin_counts_in_heights():
    image = _noise()
    torch.testing.assert_close(_crop(image, _box(10, 10, 16, 4), (8, 20), margin=.5),
                               _crop(image, _box(8, 8, 20, 8), (8, 20)), atol=1e-3, rtol=0)


def test_oversampling_averages():
    image = _noise()
    torch.testing.assert_close(_crop(image, _box(0, 0, 32, 24), (12, 16), oversample=2),
                               F.avg_pool2d(image, 2), atol=1e-3, rtol=0)


def test_gradients_reach_the_image_but_not_the_quads():
    image = _noise(size=(6, 8)).double().requires_grad_()
    quad = _quad((1, 1), (6, 2), (6, 5), (2, 4)).requires_grad_()
    assert torch.autograd.gradcheck(lambda pixels: _crop(pixels, quad, (2, 3)), image)
    _crop(image, quad, (2, 3)).sum().backward()
    assert quad.grad is None


def _text(height, width, noise=20):
    """A line of text in the middle of an image, grey levels up to 255, and its quad."""
    image = np.full((height + 20, width + 40), 255, np.uint8)
    cv2.putText(image, 'Quick7', (20, int(height * .8) + 10), cv2.FONT_HERSHEY_SIMPLEX,
                height / 40, 0, max(1, height // 14), cv2.LINE_AA)
    grainy = image + np.random.RandomState(0).randn(*image.shape) * noise
    return torch.from_numpy(grainy.clip(0, 255).astype(np.float32)), _box(20., 10, width, height)


def _grey_error(height, width, oversample):
    """Distance of a 32x100 crop from exact means over areas."""
    image, quad = _text(height, width)
    exact = cv2.resize(image[10:10 + height, 20:20 + width].numpy(), (100, 32),
                       interpolation=cv2.INTER_AREA)
    words = Words(quad, torch.tensor([0]), torch.tensor([False]))
    cut = QuadCut(lambda crops: crops, (32, 100), oversample=oversample)
    crop = cut(image[None, None], [tuple(image.shape)], words)
    return (crop[0, 0] - torch.from_numpy(exact)).abs().mean().item()


@pytest.mark.parametrize('height, width', [
    (64, 200), (96, 300), (112, 350), (150, 470), (200, 625), (256, 800),
    (64, 400), (200, 200),  # squeezed in one direction alone
])
def test_large_text_is_not_aliased(height, width):
    """One sample per pixel of the crop passes over most of the image, two over some of it."""
    auto, one, two = (_grey_error(height, width, times) for times in ('auto', 1, 2))
    assert auto <= 1.3 and (auto < .6 * two or two < 1.3)
    assert one > 4 or height == 2 * 32
    assert QuadCut(None, (32, 100)).oversample == 'auto'


@pytest.mark.parametrize('height', [20, 26, 32, 40])
def test_small_text_is_not_blurred(height):
    image, quad = _text(height, height * 100 // 32)
    size = (32, 100)
    words = Words(quad, torch.tensor([0]), torch.tensor([False]))
    crop = QuadCut(lambda crops: crops, size)(image[None, None], [tuple(image.shape)], words)
    torch.testing.assert_close(crop, _crop(image[None, None], quad, size))


@settings(max_examples=15, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 2), st.integers(1, 60), st.integers(1, 90)), max_size=8),
       st.sampled_from([0., .25]))
def test_words_are_cut_each_as_densely_as_it_needs(words, margin):
    """Together, in any order, as each alone; densely enough for its own size."""
    words = sorted(words)
    images, size = _noise(3, (64, 96)), (8, 12)
    quads = torch.cat([_box(2., 1, width, height) for _, height, width in words]
                      or [torch.zeros(0, 4, 2)])
    index = torch.tensor([image for image, _, _ in words], dtype=torch.long)
    cut = QuadCut(lambda crops: crops, size, margin=margin)
    crops = cut(images, [(64, 96)] * 3, Words(quads, index, torch.zeros(len(words)).bool()))
    assert crops.shape == (len(words), 3, *size)
    for crop, quad, i, (_, height, width) in zip(crops, quads, index, words):
        dense = [next((n for n, most in ((1, 1.3), (2, 2.6), (3, 4), (4, 8))
                       if pixels <= most * edge), 8)
                 for pixels, edge in ((height * (1 + 2 * margin), 8),
                                      (width + 2 * margin * height, 12))]
        alone = crop_quads(images[i:i + 1], quad[None], torch.tensor([0]), size, None, margin,
                           tuple(dense))
        torch.testing.assert_close(crop, alone[0], atol=1e-3, rtol=0)


@pytest.mark.parametrize('oversample', [0, 9, 1.5, 'most'])
def test_oversampling_that_is_none(oversample):
    with pytest.raises(ValueError, match="oversample=.* must be 'auto', or a whole number within"):
        QuadCut(None, (32, 100), oversample=oversample)
