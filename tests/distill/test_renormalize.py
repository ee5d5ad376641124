import cv2
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from mmengine.model import ImgDataPreprocessor
from torch import nn

from mmocr_kd.distill.renormalize import Normalization, Renormalize

IMAGENET = {'mean': [123.675, 116.28, 103.53], 'std': [58.395, 57.12, 57.375]}
HALF = {'mean': [127.5], 'std': [127.5]}


def model(**fields):
    net = nn.Module()
    net.data_preprocessor = ImgDataPreprocessor(**fields)
    return net


def batch(net, images):
    return net.data_preprocessor({'inputs': list(images)})['inputs']


@pytest.mark.parametrize('student', [IMAGENET, HALF, {}])
@pytest.mark.parametrize('teacher', [IMAGENET, HALF, {}])
@pytest.mark.parametrize(('swap_s', 'swap_t'), [(0, 0), (0, 1), (1, 0), (1, 1)])
def test_equals_the_teachers_own_preprocessor(student, teacher, swap_s, swap_t):
    images = torch.randint(0, 256, (2, 3, 8, 8), dtype=torch.uint8)
    student = model(**student, bgr_to_rgb=bool(swap_s))
    teacher = model(**teacher, bgr_to_rgb=bool(swap_t))
    convert = Renormalize(Normalization.of(student), Normalization.of(teacher))
    assert torch.allclose(
        convert(batch(student, images)), batch(teacher, images), atol=2e-4, rtol=1e-4)


def grey(colours):
    """What OpenCV makes of BGR."""
    images = [cv2.cvtColor(image.permute(1, 2, 0).numpy(), cv2.COLOR_BGR2GRAY)
              for image in colours]
    return torch.stack([torch.from_numpy(image)[None] for image in images])


def reads(net, channels):
    net.backbone = nn.Conv2d(channels, 1, 1)
    return net


@pytest.mark.parametrize('student', [IMAGENET, HALF])
@pytest.mark.parametrize('teacher', [{'mean': [100.], 'std': [50.]}, {}])
@pytest.mark.parametrize('swap', [False, True])
def test_a_teacher_of_grey_images_gets_them_as_opencv_loads_them(student, teacher, swap):
    images = torch.randint(0, 256, (2, 3, 8, 8), dtype=torch.uint8)
    student = reads(model(**student, bgr_to_rgb=swap), 3)
    teacher = reads(model(**teacher), 1)
    convert = Renormalize(Normalization.of(student), Normalization.of(teacher))
    rounding = .51 / (50. if teacher.data_preprocessor._enable_normalize else 1.)
    assert torch.allclose(
        convert(batch(student, images)), batch(teacher, grey(images)).float(), atol=rounding)


@pytest.mark.parametrize('teacher', [IMAGENET, HALF, {}])
def test_a_student_of_grey_images_gives_three_equal_channels(teacher):
    images = torch.randint(0, 256, (2, 1, 8, 8), dtype=torch.uint8)
    student, teacher = reads(model(mean=[100.], std=[50.]), 1), reads(model(**teacher), 3)
    convert = Renormalize(Normalization.of(student), Normalization.of(teacher))
    expected = batch(teacher, images.expand(2, 3, 8, 8)).float()
    assert torch.allclose(convert(batch(student, images)), expected, atol=2e-4, rtol=1e-4)


def test_images_the_teacher_cannot_read_are_named():
    convert = Renormalize(None, Normalization.of(reads(model(), 1)))
    with pytest.raises(ValueError, match='takes images of 1 channels, the batch has 3'):
        convert(torch.zeros(1, 3, 4, 4))


def test_same_normalisation_is_the_same_tensor():
    net, x = model(**IMAGENET), torch.randn(1, 3, 4, 4)
    assert Renormalize(Normalization.of(net), Normalization.of(net))(x) is x


def test_a_model_without_preprocessor_takes_inputs_as_they_are():
    x = torch.randn(1, 3, 4, 4)
    assert Normalization.of(nn.Module()) is None
    assert Renormalize(None, Normalization.of(model(**IMAGENET)))(x) is x


@given(st.sampled_from([torch.float16, torch.bfloat16, torch.float64]))
def test_keeps_the_dtype(dtype):
    convert = Renormalize(Normalization.of(model(**IMAGENET)), Normalization.of(model(**HALF)))
    assert convert(torch.zeros(1, 3, 2, 2, dtype=dtype)).dtype == dtype


def test_is_read_off_the_preprocessor_value_by_value():
    found = Normalization.of(model(**IMAGENET, bgr_to_rgb=True))
    assert found.mean == pytest.approx(IMAGENET['mean']) and found.swaps_channels
    assert found.std == pytest.approx(IMAGENET['std']) and found.channels is None
