"""mmcv.ops on the stand-in, against references that share no code with it."""
import itertools
import math

import pytest
import torch
import torch.nn.functional as F
from hypothesis import example, given, settings
from hypothesis import strategies as st
from mmcv.ops import (
    DeformConv2dPack,
    ModulatedDeformConv2dPack,
    batched_nms,
    box_iou_rotated,
    deform_conv2d,
    modulated_deform_conv2d,
    nms,
    roi_align,
    sigmoid_focal_loss,
)
from mmcv.utils import collect_env
from torch.autograd import gradcheck

from mmocr_kd.compat.ops.unsupported import compiled_mmcv

HALF = [torch.bfloat16, torch.float16]
HALF_OR_SINGLE = [*HALF, torch.float32]


def randn(*shape):
    return torch.randn(*shape, dtype=torch.float64)


def bilinear(image, y, x):
    """Value of one channel at a point, zero outside: the definition, point by point."""
    total = 0.
    for row in (int(y // 1), int(y // 1) + 1):
        for column in (int(x // 1), int(x // 1) + 1):
            if 0 <= row < image.shape[0] and 0 <= column < image.shape[1]:
                total += image[row, column] * (1 - abs(y - row)) * (1 - abs(x - column))
    return total


class TestDeformConv:

    def test_without_offset_it_is_a_convolution(self):
        x, w = randn(2, 4, 7, 9), randn(6, 2, 3, 3)
        out = deform_conv2d(x, torch.zeros(2, 18, 4, 5).double(), w, 2, 1, 1, 2)
        assert torch.allclose(out, F.conv2d(x, w, None, 2, 1, 1, 2))

    def test_offsets_are_y_then_x(self):
        x = randn(1, 1, 8, 8)
        offset = torch.zeros(1, 2, 8, 8).double()
        offset[:, 0], offset[:, 1] = 2, -1
        out = deform_conv2d(x, offset, torch.ones(1, 1, 1, 1).double())
        assert torch.allclose(out[0, 0, :6, 1:], x[0, 0, 2:, :-1])

    def test_fractional_offsets_interpolate(self):
        x, offset = randn(1, 1, 5, 6), randn(1, 2, 5, 6)
        out = deform_conv2d(x, offset, torch.ones(1, 1, 1, 1).double())
        for i in range(5):
            for j in range(6):
                point = i + offset[0, 0, i, j].item(), j + offset[0, 1, i, j].item()
                assert out[0, 0, i, j].item() == pytest.approx(float(bilinear(x[0, 0], *point)))

    def test_gradients(self):
        x, o, w = randn(2, 4, 4, 5), randn(2, 36, 4, 5), randn(2, 2, 3, 3)
        tensors = [t.requires_grad_() for t in (x, o, w)]
        assert gradcheck(lambda *t: deform_conv2d(*t, 1, 1, 1, 2, 2), tensors)


class TestModulatedDeformConv:

    @pytest.mark.parametrize('bias', [None, randn(6)])
    def test_mask_scales_every_tap(self, bias):
        x, w, mask = randn(2, 4, 6, 5), randn(6, 4, 3, 3), torch.rand(2, 9, 6, 5).double()
        out = modulated_deform_conv2d(x, torch.zeros(2, 18, 6, 5).double(), mask, w, bias, 1, 1)
        columns = F.unfold(x, 3, padding=1).view(2, 4, 9, 30) * mask.view(2, 1, 9, 30)
        expected = torch.einsum('ock,nckp->nop', w.view(6, 4, 9), columns).view(2, 6, 6, 5)
        if bias is not None:
            expected = expected + bias[:, None, None]
        assert torch.allclose(out, expected)

    def test_with_a_full_mask_it_is_version_1(self):
        x, o, w = randn(1, 4, 5, 5), randn(1, 36, 5, 5), randn(2, 2, 3, 3)
        mask = torch.ones(1, 18, 5, 5).double()
        out = modulated_deform_conv2d(x, o, mask, w, None, 1, 1, 1, 2, 2)
        assert torch.allclose(out, deform_conv2d(x, o, w, 1, 1, 1, 2, 2))

    @pytest.mark.parametrize('with_bias', [True, False])
    def test_gradients(self, with_bias):
        tensors = [randn(1, 4, 4, 4), randn(1, 36, 4, 4), torch.rand(1, 18, 4, 4).double(),
                   randn(2, 2, 3, 3)] + [randn(2)] * with_bias
        tensors = [t.requires_grad_() for t in tensors]

        def op(x, o, m, w, b=None):
            return modulated_deform_conv2d(x, o, m, w, b, 1, 1, 1, 2, 2)

        assert gradcheck(op, tensors)


class TestRoIAlign:

    @pytest.mark.parametrize('aligned', [True, False])
    @pytest.mark.parametrize('sampling_ratio', [0, 1, 2, 3])
    def test_samples_are_averaged(self, aligned, sampling_ratio):
        x = randn(2, 1, 12, 15)
        rois = torch.tensor([[1, 1., 2., 25., 20.]], dtype=torch.float64)
        out = roi_align(x, rois, (2, 3), .5, sampling_ratio, 'avg', aligned)
        x1, y1, x2, y2 = (rois[0, 1:] * .5 - (.5 if aligned else 0)).tolist()
        height, width = (y2 - y1) / 2, (x2 - x1) / 3
        # 0: one sample for each cell of the map that a bin has, or has a part of.
        rows, columns = sampling_ratio or 5, sampling_ratio or 4
        assert sampling_ratio or (math.ceil(height), math.ceil(width)) == (rows, columns)
        for i in range(2):
            for j in range(3):
                points = [(y1 + (i + (a + .5) / rows) * height,
                           x1 + (j + (b + .5) / columns) * width)
                          for a in range(rows) for b in range(columns)]
                mean = sum(float(bilinear(x[1, 0], *p)) for p in points) / len(points)
                assert out[0, 0, i, j].item() == pytest.approx(mean)

    @pytest.mark.parametrize('sampling_ratio', [0, 3])
    def test_gradients(self, sampling_ratio):
        rois = torch.tensor([[0, .3, .7, 5.2, 4.1], [1, 1., 1., 3., 6.]], dtype=torch.float64)
        x = randn(2, 2, 7, 7).requires_grad_()
        assert gradcheck(lambda x: roi_align(x, rois, 3, 1., sampling_ratio), [x])

    @pytest.mark.usefixtures('stand_in')
    def test_max_pooling_is_refused(self):
        with pytest.raises(NotImplementedError, match="pool_mode='max'"):
            roi_align(randn(1, 1, 4, 4), torch.zeros(1, 5).double(), 2, 1., 0, 'max')


@pytest.mark.usefixtures('stand_in')
class TestFocalLoss:

    def expected(self, x, target, gamma, alpha, weight):
        loss = torch.zeros_like(x)
        for n in range(x.shape[0]):
            for c in range(x.shape[1]):
                p = x[n, c].sigmoid()
                if target[n] == c:
                    loss[n, c] = -alpha * (1 - p)**gamma * p.log()
                else:
                    loss[n, c] = -(1 - alpha) * p**gamma * (1 - p).log()
                if weight is not None:
                    loss[n, c] = loss[n, c] * weight[target[n]]
        return loss

    @pytest.mark.parametrize('reduction', ['none', 'sum', 'mean'])
    @pytest.mark.parametrize('weighted', [True, False])
    def test_value_and_gradient(self, reduction, weighted):
        x, target = randn(5, 3), torch.tensor([0, 2, 1, 1, 0])
        weight = torch.rand(3).double() if weighted else None
        expected = self.expected(x, target, 1.5, .3, weight)
        expected = {'none': expected, 'sum': expected.sum(), 'mean': expected.sum() / 5}[reduction]

        def op(x):
            return sigmoid_focal_loss(x, target, 1.5, .3, weight, reduction)

        assert torch.allclose(op(x), expected)
        assert gradcheck(lambda x: op(x).sum(), [x.requires_grad_()])

    def test_background_rows_are_all_negative(self):
        x = randn(1, 2)
        loss = sigmoid_focal_loss(x, torch.tensor([2]), 2., .25, None, 'none')
        assert torch.allclose(loss, -.75 * x.sigmoid()**2 * (1 - x.sigmoid()).log())


coordinate = st.integers(0, 12)


class TestNMS:

    @settings(max_examples=60, deadline=None)
    @given(st.lists(st.tuples(coordinate, coordinate, coordinate, coordinate), max_size=12),
           st.sampled_from([0, 1]), st.sampled_from([.1, .33, .51, .77]))
    @example([(0, 2, 4, 9), (0, 9, 0, 9)], 1, .1)  # they overlap by exactly the threshold
    def test_equals_the_greedy_algorithm(self, corners, offset, threshold):
        boxes = torch.tensor([[x, y, x + w + 1, y + h + 1] for x, y, w, h in corners]).view(-1, 4)
        boxes = boxes.float()
        scores = torch.linspace(1, .1, max(len(boxes), 1))[:len(boxes)]
        dets, kept = nms(boxes, scores, threshold, offset)
        assert kept.tolist() == greedy(boxes.tolist(), threshold, offset)
        assert torch.equal(dets, torch.cat([boxes[kept], scores[kept, None]], 1))

    def test_batched_keeps_classes_apart(self):
        boxes = torch.tensor([[0., 0, 9, 9], [0, 0, 9, 9], [1, 0, 9, 9]])
        scores, classes = torch.tensor([.9, .8, .7]), torch.tensor([0, 1, 0])
        _, kept = batched_nms(boxes, scores, classes, {'type': 'nms', 'iou_threshold': .5})
        assert kept.tolist() == [0, 1]


def greedy(boxes, threshold, offset):
    def overlap(a, b):
        width = min(a[2], b[2]) - max(a[0], b[0]) + offset
        height = min(a[3], b[3]) - max(a[1], b[1]) + offset
        area = [(c[2] - c[0] + offset) * (c[3] - c[1] + offset) for c in (a, b)]
        shared = max(width, 0) * max(height, 0)
        return shared / (sum(area) - shared)

    kept = []
    for index, box in enumerate(boxes):
        if all(overlap(box, boxes[k]) <= threshold for k in kept):
            kept.append(index)
    return kept


@pytest.mark.usefixtures('stand_in')
class TestLowPrecision:
    """Values and gradients are those of float32, rounded."""

    def close(self, op, low, tensors):
        exact = [t.detach().float().requires_grad_(t.requires_grad) for t in tensors]
        ours, theirs = op(*tensors), op(*exact)
        assert ours.dtype == low
        grad = torch.randn_like(theirs).to(low)
        ours.backward(grad)
        theirs.backward(grad.float())
        for our, their in [(ours, theirs), *((a.grad, b.grad) for a, b in zip(tensors, exact)
                                             if a.requires_grad)]:
            torch.testing.assert_close(our.float(), their, atol=.05, rtol=.02)

    def cast(self, *shapes, dtypes):
        torch.manual_seed(0)
        return [torch.randn(shape).mul(.5).to(dtype).requires_grad_()
                for shape, dtype in zip(shapes, dtypes)]

    # Of the input, offset, mask, weight and bias. mmcv computes in the type of the offset.
    @pytest.mark.parametrize('dtypes', itertools.product(HALF, HALF_OR_SINGLE, [torch.float32]))
    @pytest.mark.parametrize('version', [1, 2])
    def test_deformable_convolutions(self, version, dtypes):
        features, offset, rest = dtypes
        x, o, m, w, b = self.cast((2, 4, 5, 6), (2, 18, 5, 6), (2, 9, 5, 6), (4, 4, 3, 3), (4, ),
                                  dtypes=(features, offset, offset, rest, rest))
        if version == 1:
            self.close(lambda x, o, w: deform_conv2d(x, o, w, 1, 1), offset, [x, o, w])
        else:
            self.close(lambda *t: modulated_deform_conv2d(*t, 1, 1), offset, [x, o, m, w, b])

    @pytest.mark.parametrize('features, boxes', itertools.product(HALF_OR_SINGLE, HALF_OR_SINGLE))
    def test_roi_align(self, features, boxes):
        x, = self.cast((2, 3, 8, 8), dtypes=[features])
        rois = torch.tensor([[0, 1, 1, 6, 5.5], [1, 0, 2, 7, 7]], dtype=boxes)
        self.close(lambda x, rois: roi_align(x, rois, 3, 1., 0), features, [x, rois])

    @pytest.mark.parametrize('logits, weights', itertools.product(HALF_OR_SINGLE, HALF_OR_SINGLE))
    def test_focal_loss(self, logits, weights):
        x, = self.cast((6, 3), dtypes=[logits])
        weight, target = torch.tensor([.5, 1, 2], dtype=weights), torch.tensor([0, 1, 2, 3, 0, 1])
        self.close(lambda x, w: sigmoid_focal_loss(x, target, 2., .25, w, 'none'), logits,
                   [x, weight])

    @pytest.mark.parametrize('boxes, scores', itertools.product(HALF_OR_SINGLE, HALF_OR_SINGLE))
    def test_nms(self, boxes, scores):
        corners = torch.tensor([[0, 0, 10, 10], [0, 0, 10, 9], [0, 0, 10, 1.], [20, 0, 30, 10]])
        ranks = torch.tensor([.5, .75, .25, 1.])
        _, kept = nms(corners.to(boxes), ranks.to(scores), .1)  # the third overlaps by 1/9 > .1
        assert kept.tolist() == [3, 1]
        _, kept = nms(corners.to(boxes), ranks.to(scores), .12)
        assert kept.tolist() == [3, 1, 2]

    @pytest.mark.parametrize('dtype', [torch.bfloat16, torch.float16])
    @pytest.mark.parametrize('kind', [DeformConv2dPack, ModulatedDeformConv2dPack])
    def test_layers_learn_under_autocast(self, kind, dtype):
        torch.manual_seed(0)
        layer = kind(3, 4, 3, padding=1)
        torch.nn.init.normal_(layer.conv_offset.weight, std=.1)
        x = torch.randn(2, 3, 6, 6)

        def run(low):
            layer.zero_grad()
            with torch.autocast('cpu', dtype, enabled=low):
                out = layer(x)
            out.float().square().mean().backward()
            return [out.float(), *(p.grad.clone() for p in layer.parameters())]

        for ours, theirs in zip(run(True), run(False), strict=True):
            torch.testing.assert_close(ours, theirs, atol=.05, rtol=.1)


@pytest.mark.usefixtures('stand_in')
def test_other_operators_say_what_they_need():
    with pytest.raises(NotImplementedError, match="'box_iou_rotated' needs compiled mmcv") as error:
        box_iou_rotated(torch.rand(2, 5), torch.rand(2, 5))
    assert compiled_mmcv(torch.__version__) in str(error.value)


@pytest.mark.parametrize('version, has_wheel', [
    ('1.13.1', True), ('2.0.1+cu118', True), ('2.1.0', False), ('2.6.0a0+git', False),
    ('2.14.1+cpu', False), ('10.0.0', False)])
def test_a_wheel_is_recommended_only_for_a_pytorch_that_has_one(version, has_wheel):
    hint = compiled_mmcv(version)
    assert ('mim install mmcv==2.0.1' in hint) is has_wheel
    assert has_wheel or f'yours is {version}' in hint


@pytest.mark.usefixtures('stand_in')
def test_the_environment_can_be_listed():
    listed = collect_env()
    assert listed['MMCV Compiler'] == listed['MMCV CUDA Compiler'] == 'not available (mmcv-lite)'
