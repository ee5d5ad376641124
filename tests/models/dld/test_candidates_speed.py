"""What makes reading at every scale fast, and that it changes nothing but time."""
import copy

import pytest
import torch
from mmocr.models.textrecog.preprocessors.base import BasePreprocessor
from tiny_dld import SCALES, WORDS, dld, pages, prepared, same, shake, state, student_cfg
from tiny_spotter import page, spotter

from mmocr_kd.distill.memory_format import fast_layout
from mmocr_kd.distill.precision import precision
from mmocr_kd.models.dld import evaluating, read_candidates
from mmocr_kd.models.spotters import ReadsAtSizes


class Plain:
    """A spotter that reads one batch at a time."""

    def __init__(self, model):
        self.model = model
        self.seen = []

    def read_along(self, inputs, data_samples, words, full=None):
        self.seen.append((inputs, data_samples))
        return self.model.read_along(inputs, data_samples, words)


@pytest.fixture(scope='module')
def student():
    return shake(spotter(recognizer=student_cfg()['recognizer'])).eval()


def inputs_of(model, *images):
    inputs, samples = prepared(model, *images)
    return inputs, samples, model.words_of(samples)


def layouts(module, run):
    """Whether a module's inputs were channels last."""
    seen = []
    hook = module.register_forward_pre_hook(
        lambda _, args: seen.append(args[0].is_contiguous(memory_format=torch.channels_last)
                                    and args[0].stride(1) == 1))
    run()
    hook.remove()
    return seen


def test_spotters_that_read_a_batch_at_a_time_get_the_same(student):
    data = inputs_of(student)
    plain = Plain(student)
    assert isinstance(student, ReadsAtSizes) and not isinstance(plain, ReadsAtSizes)
    ours, theirs = (read_candidates(one, *data, SCALES) for one in (student, plain))
    torch.testing.assert_close(ours.logits, theirs.logits, atol=1e-4, rtol=1e-4)
    assert (ours.logits[0] - ours.logits[2]).abs().max() > 1e-2
    assert torch.equal(ours.image_index, theirs.image_index)
    for name in ('indexes', 'lengths', 'frames', 'aligned'):
        mine, other = getattr(ours.labels, name), getattr(theirs.labels, name)
        assert mine is other is None or torch.equal(mine, other)


def test_images_without_words_are_left_out_and_indexes_stay(student):
    data = inputs_of(student)
    plain = Plain(student)
    found = read_candidates(plain, *data, SCALES)
    assert [len(inputs) for inputs, _ in plain.seen] == [2, 2, 2]
    assert found.image_index.tolist() == [0, 0, 2] == data[2].image_index.tolist()


def test_other_spotters_get_the_usual_layout_at_scale_1_too(student):
    plain = Plain(student)
    read_candidates(plain, *inputs_of(student, page(WORDS)), (.5, 1.))
    assert all(inputs.is_contiguous() for inputs, _ in plain.seen)
    assert all('gt_instances' not in sample for _, samples in plain.seen for sample in samples)


def test_recogniser_convolves_channels_last_and_its_parameters_are_not_touched(student):
    model = copy.deepcopy(student).train()
    optimizer = torch.optim.SGD(model.parameters(), .1, momentum=.9)
    data = inputs_of(model, page(WORDS))
    before = [(p, p.data_ptr(), p.stride(), p._version) for p in model.parameters()]
    weights = state(model)

    def run():
        with evaluating(model):
            read_candidates(model, *data, SCALES)

    assert layouts(model.recognizer.backbone, run) == [True]
    assert before == [(p, p.data_ptr(), p.stride(), p._version) for p in model.parameters()]
    assert same(weights, state(model)) and not optimizer.state
    reading = model.read_along(*data)  # with gradients: as ever
    reading.logits[0].sum().backward()
    assert model.recognizer.backbone.cnn.conv1.weight.grad.abs().sum() > 0


def test_layout_where_it_may_change():
    grey, color = torch.rand(2, 1, 4, 6), torch.rand(2, 3, 4, 6)
    rectifies = BasePreprocessor()
    assert fast_layout(color) is color  # gradients are wanted
    with torch.no_grad():
        assert fast_layout(color, torch.nn.Sequential(rectifies)) is color
        operator = type('DeformConv', (torch.nn.Module, ), {'__module__': 'mmcv.ops.deform_conv'})
        assert fast_layout(color, torch.nn.Sequential(operator())) is color
        for images in (grey, color):
            assert fast_layout(images).stride(1) == 1 and torch.equal(fast_layout(images), images)


@pytest.mark.parametrize('name', ['bfloat16', 'float16'])
def test_half_precision(student, name):
    data = inputs_of(student)
    exact = read_candidates(student, *data, SCALES).logits
    dtypes = []
    hook = student.recognizer.backbone.register_forward_hook(
        lambda _, args, output: dtypes.append(output.dtype))
    rounded = read_candidates(student, *data, SCALES,
                              dtype=precision(name)).logits
    hook.remove()
    assert dtypes == [getattr(torch, name)] and rounded.dtype == torch.float32
    assert 0 < (rounded - exact).abs().max() < .1 * exact.abs().max()


@pytest.mark.parametrize('name', [None, 'bfloat16'])
def test_candidate_dtype_reaches_the_passes_and_nothing_else(name):
    model = dld(candidate_dtype=name).train()
    inputs, samples = prepared(model, *pages())
    seen = []
    model.student.recognizer.backbone.register_forward_hook(
        lambda module, args, output: seen.append((module.training, output.dtype)))
    losses = model.loss(inputs, samples)
    low = torch.bfloat16 if name else torch.float32
    assert seen == [(False, low), (True, torch.float32)]
    assert losses['loss_res_acc'].dtype == torch.float32
    sum(value for key, value in losses.items() if 'loss' in key).backward()
    assert all(p.grad is not None and p.grad.dtype == torch.float32
               for p in model.student.recognizer.parameters())


def test_autocast_of_the_passes_does_not_cost_the_student_its_gradient():
    """A cache of weights that were cast without gradient would."""
    model = dld(candidate_dtype='bfloat16').train()
    inputs, samples = prepared(model, *pages())
    with torch.autocast('cpu', torch.bfloat16):
        losses = model.loss(inputs, samples)
    losses['rec.loss_ctc'].backward()
    assert model.student.recognizer.backbone.cnn.conv0.weight.grad.abs().sum() > 0


def test_unknown_dtype():
    with pytest.raises(ValueError, match="candidate_dtype='float8'.*bfloat16"):
        dld(candidate_dtype='float8')
