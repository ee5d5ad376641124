"""Every decoder, in the recogniser MMOCR configures it for, at low resolution."""
import copy

import pytest
import tiny_recog
import torch
from mmengine.config import Config
from mmocr.registry import MODELS
from torch import nn

from mmocr_kd.adapters.recognition import (
    RecognizerTeacher,
    Scorer,
    Speller,
    build_reading,
    labels_of,
    listen,
    prepare_targets,
    reading_sources,
    teacher_forcing,
)
from mmocr_kd.distill import Recorder, Source
from mmocr_kd.distill.memory_format import to_channels_last
from mmocr_kd.losses import HardLabelLoss

# Config, image, steps, channels of a glimpse, attention's size.
RECOGNIZERS = [
    ('abinet', (3, 16, 64), 26, 512, (8, 32)),
    ('aster', (3, 32, 128), 25, 512, None),
    ('crnn', (1, 16, 50), 26, 512, None),
    ('master', (3, 24, 80), 30, 512, (6, 40)),
    ('matrn', (3, 16, 64), 26, 512, (8, 32)),
    ('nrtr-modality', (3, 16, 80), 30, 512, (1, 40)),
    ('nrtr-r31', (3, 16, 80), 30, 512, (2, 20)),
    ('parseq', (3, 16, 64), 6, 384, None),
    ('robustscanner', (3, 24, 80), 30, 512, None),
    ('sar-parallel', (3, 24, 80), 30, 1536, (6, 40)),
    ('sar-sequential', (3, 24, 80), 30, 1536, (6, 40)),
    ('satrn', (3, 16, 50), 25, 512, (8, 25)),
    ('svtr-tiny', (3, 32, 128), 25, 192, None),
]
MODELS_FOLDER = 'configs/textrecog/kd_ltr/_base_/models'
TEXTS = ['hello', 'ab']


@pytest.fixture(scope='module', params=RECOGNIZERS, ids=lambda case: case[0])
def case(request, pytestconfig):
    name, *rest = request.param
    torch.manual_seed(0)
    cfg = Config.fromfile(pytestconfig.rootpath / MODELS_FOLDER / f'{name}_lr.py')
    return MODELS.build(cfg.model).eval(), *rest


def named_sources(model):
    sources = reading_sources(model.decoder)
    named = {'logits': sources.logits, 'glimpses': sources.glimpses,
             'visual': Source(sources.visual), 'attention': sources.attention}
    return {name: source for name, source in named.items() if source}


def batch(model, image, texts=TEXTS, valid_ratio=.8, seed=0):
    samples = [tiny_recog.sample(text, image[1:], valid_ratio=valid_ratio) for text in texts]
    prepare_targets(model.decoder, samples)
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(len(texts), *image, generator=generator), samples


def read(model, image, **fields):
    recorder = Recorder(model, named_sources(model))
    images, samples = batch(model, image, **fields)
    with torch.no_grad(), teacher_forcing(model), recorder as recordings:
        model(images, samples, mode='tensor')
    reading = build_reading(recordings, samples)
    recorder.remove()
    return reading, labels_of(model.decoder, samples, reading.logits[0])


def test_reading_has_one_step_per_label_and_is_what_the_classifier_saw(case):
    model, image, steps, channels, size = case
    reading, labels = read(model, image)
    classifier = [module for module in model.decoder.modules()
                  if isinstance(module, nn.Linear) and module.in_features == channels
                  and module.out_features == reading.logits[0].shape[-1]]
    for logits, glimpses in zip(reading.logits, reading.glimpses):
        assert logits.shape[:2] == glimpses.shape[:2] == (2, steps)
        assert glimpses.shape[2] == channels
        # ABINet's last logits come from the fusion, its glimpses from the vision branch.
        if not hasattr(model.decoder, 'vision_decoder'):
            fits = [torch.allclose(linear(glimpses), logits, atol=1e-4) for linear in classifier]
            assert any(fits)
    if labels.is_ctc:
        assert labels.lengths.tolist() == [5, 2]
        assert labels.frames.tolist() == [-(-steps * 8 // 10)] * 2
    else:
        assert labels.lengths.tolist() == [6, 3]
        assert labels.indexes[1, 2] == labels.end_idx


def test_attention_is_a_distribution_over_what_is_no_padding(case):
    model, image, steps, _, size = case
    reading, _ = read(model, image)
    if size is None:
        assert reading.attention is None
        return
    assert reading.attention.shape == (2, steps, *size)
    torch.testing.assert_close(reading.attention.sum((2, 3)), torch.ones(2, steps))
    valid = -(-size[1] * 8 // 10)  # MMOCR rounds up
    assert not reading.attention[..., valid:].any()
    assert reading.attention[..., valid - 1].any()


def test_attention_belongs_to_the_step_that_was_read_with_it(case):
    """A glimpse of SAR holds, beside its state, the sum of the features it attended to."""
    model, image, *_ = case
    if 'SAR' not in type(model.decoder).__name__:
        pytest.skip('only SAR shows what it saw')
    model = copy.deepcopy(model)
    for layer in (model.decoder.conv1x1_1, model.decoder.conv3x3_1, model.decoder.conv1x1_2):
        layer.weight.data *= 100  # as they are, it looks everywhere alike at all steps
    reading, _ = read(model, image)
    seen = torch.einsum('nthw,ndhw->ntd', reading.attention, reading.visual)
    _, attended, _ = reading.glimpses[0].chunk(3, -1)  # between its state and the whole word's
    torch.testing.assert_close(attended, seen, atol=1e-6, rtol=1e-4)
    assert (attended[:, 1:3] - seen[:, :2]).abs().amax() > 1e-3  # another step's is another


def test_teacher_forced_reading_is_deterministic_and_follows_the_labels(case):
    model, image, *_ = case
    torch.manual_seed(0)  # for PARSeq's orders; nothing else is drawn
    first, _ = read(model, image)
    torch.manual_seed(0)
    again, _ = read(model, image)
    assert all(torch.equal(ours, theirs) for ours, theirs in zip(first.logits, again.logits))
    total = first.logits[0].sum(-1)
    assert not torch.allclose(total, torch.ones_like(total))  # logits, no probabilities
    assert not any(module.training for module in model.modules())


def test_what_follows_the_label_is_context_of_autoregressive_decoders_alone(case):
    """And of its own steps no earlier than behind the end token."""
    model, image, *_ = case
    if type(model.decoder).__name__ == 'PARSeqDecoder':
        pytest.skip('masks its own padding out, and would see any other')
    images, samples = batch(model, image)
    ends = [len(text) + 1 for text in TEXTS]
    readings = []
    for padding in (None, 3):
        for sample, end in zip(samples, ends):
            if padding is not None and 'padded_indexes' in sample.gt_text:
                sample.gt_text.padded_indexes[end + 1:] = padding
        recorder = Recorder(model, named_sources(model))
        with torch.no_grad(), teacher_forcing(model), recorder as recordings:
            model(images, samples, mode='tensor')
        readings.append(build_reading(recordings, samples))
        recorder.remove()
    before, after = readings
    labels = labels_of(model.decoder, samples, before.logits[0])
    for n, end in enumerate(ends):
        assert torch.equal(before.logits[0][n, :end], after.logits[0][n, :end])
    assert torch.equal(before.logits[0], after.logits[0]) != labels.autoregressive


def test_teacher_reads_as_the_plain_model_does(case):
    # Channels last, which the STN of some cannot work with.
    model, image, *_ = case
    teacher = RecognizerTeacher(config={}, checkpoint='')
    teacher.model = copy.deepcopy(model)
    to_channels_last(teacher.model)
    teacher.bind(nn.Module(), named_sources(model))
    torch.manual_seed(0)  # for PARSeq's orders
    expected, _ = read(model, image)
    torch.manual_seed(0)
    found = build_reading(teacher(*batch(model, image)), batch(model, image)[1])
    torch.testing.assert_close(found.logits, expected.logits, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(found.visual, expected.visual, atol=1e-4, rtol=1e-4)


def test_hard_labels_are_as_in_mmocr_where_a_word_fills_all_steps(case):
    model, image, steps, *_ = case
    dictionary, name = model.decoder.dictionary, type(model.decoder).__name__
    if name == 'MATRNFuser':
        pytest.skip('its own loss averages over three readings')
    # MMOCR cuts the start token off the targets and with it the last step.
    cut = dictionary.start_idx is not None
    text = 'hello' if dictionary.end_idx is None else ('a1b2c' * 6)[:steps - 1 - cut]
    fields = {'texts': [text], 'valid_ratio': 1.}
    images, samples = batch(model, image, **fields)
    if name == 'PARSeqDecoder':  # in later orders its own loss leaves the end token out
        model.decoder.num_orders = 2
    torch.manual_seed(0)
    reading, labels = read(model, image, **fields)
    ours = HardLabelLoss(loss_weight=1.)(reading, reading, labels)['loss_hard']
    torch.manual_seed(0)
    with torch.no_grad(), teacher_forcing(model):
        losses = model.loss(images, samples)
    theirs = losses.get('loss_fusion', losses[list(losses)[-1]]).mean()
    torch.testing.assert_close(ours, theirs, atol=1e-4, rtol=1e-5)


def test_unknown_decoder_is_refused():
    with pytest.raises(TypeError, match="Linear.*'ABIFuser'"):
        reading_sources(nn.Linear(2, 2))


def test_a_text_is_as_probable_as_reading_along_it(case):
    """Whatever the decoder, also beside other texts and on the features of another pass."""
    model, image, *_ = case
    reading, labels = read(model, image)
    images, samples = batch(model, image, ['ab', 'a'])
    with torch.no_grad(), teacher_forcing(model), listen(model.decoder) as inputs:
        model(images, samples, mode='tensor')
        told = Speller(model.decoder)([[('abc', -1.), ('hello', -.1)], [('x', -1.), ('ab', -.1)]])
        found = Scorer(model.decoder, reading.logits[0], inputs, samples)(told)[:, 1]
    log_probs = reading.logits[0].log_softmax(-1)
    if labels.is_ctc:
        expected = -nn.functional.ctc_loss(
            log_probs.transpose(0, 1), labels.indexes, labels.frames, labels.lengths,
            blank=labels.blank_idx, reduction='none')
    else:
        expected = torch.stack([word[range(length), classes[:length]].sum() for
                                word, classes, length in zip(log_probs, labels.indexes,
                                                             labels.lengths)])
    torch.testing.assert_close(found, expected, atol=1e-3, rtol=1e-4)
