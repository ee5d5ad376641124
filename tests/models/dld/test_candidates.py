"""The student's reading at every scale, and what it leaves as it was."""
import copy

import pytest
import torch
from tiny_dld import SCALES, WORDS, contents, pages, prepared, same, shake, state, student_cfg
from tiny_spotter import page, spotter

from mmocr_kd.adapters import rescale_batch
from mmocr_kd.models.dld import Shrinker, candidate_logits, evaluating


@pytest.fixture(scope='module')
def student():
    return shake(spotter(**{name: value for name, value in student_cfg().items()
                            if name == 'recognizer'})).eval()


def read(student, *images, scales=SCALES):
    inputs, samples = prepared(student, *images)
    words = student.words_of(samples)
    return candidate_logits(student, inputs, samples, words, scales), words


def calls(module, run):
    """Shapes of what a module got while something ran."""
    shapes = []
    hook = module.register_forward_pre_hook(lambda _, args: shapes.append(tuple(args[0].shape)))
    run()
    hook.remove()
    return shapes


def test_equals_one_image_and_one_scale_at_a_time(student):
    """The batched passes against the official code's scheme, an image without text between."""
    images = pages()
    together, words = read(student, *images)
    assert together.shape[:2] == (len(SCALES), 3)
    for i, image in enumerate(images):
        mine = words.image_index == i
        if not mine.any():
            continue
        for k, scale in enumerate(SCALES):
            alone = read(student, image, scales=[scale])[0][0]
            torch.testing.assert_close(together[k, mine], alone, atol=1e-4, rtol=1e-4)


def test_each_scale_reads_its_own_picture(student):
    inputs, samples = prepared(student)
    words = student.words_of(samples)
    found = candidate_logits(student, inputs, samples, words, SCALES)
    for logits, scale in zip(found, SCALES):
        small, small_samples = rescale_batch(inputs, samples, [scale] * 3)
        again = student.read_along(small, small_samples, student.words_of(small_samples))
        torch.testing.assert_close(logits, again.logits[0], atol=1e-4, rtol=1e-4)
    assert (found[0] - found[2]).abs().max() > 1e-2


@pytest.mark.parametrize('chunk_size, words', [(64, [9]), (8, [6, 3]), (5, [3] * 3), (1, [3] * 3)])
def test_scales_share_passes_of_the_recogniser_and_the_detector_has_none(student, chunk_size,
                                                                         words):
    """As many scales at a time as fit, and with any number the same."""
    expected = read(student)[0]
    student = copy.copy(student)
    student.chunk_size = chunk_size
    assert calls(student.recognizer.backbone, lambda: read(student)) == [
        (count, 1, 32, 100) for count in words]
    torch.testing.assert_close(read(student)[0], expected, atol=1e-4, rtol=1e-4)
    assert not calls(student.detector.backbone, lambda: read(student))


def test_no_gradient(student):
    assert all(p.requires_grad for p in student.parameters())
    logits, _ = read(student)
    assert not logits.requires_grad and logits.isfinite().all()


def test_words_that_vanish_are_still_read(student):
    """At 0.01 of a word of 50 pixels there is less than a pixel."""
    logits, words = read(student, scales=[.01, .8])
    assert logits.shape[:2] == (2, len(words))
    assert logits.isfinite().all()


@pytest.mark.parametrize('size', [(20, 31), (33, 28), (8, 8)])
def test_images_smaller_than_a_stride(student, size):
    """The smallest is a single pixel at .1."""
    image, sample = page([], size=size)
    sample = page([('i', (1, size[0] - 1))], size=size)[1]
    logits, _ = read(student, (image, sample), scales=[.1, 1.])
    assert logits.shape[:2] == (2, 1) and logits.isfinite().all()


def test_other_shrinkers(student):
    inputs, samples = prepared(student, page(WORDS))
    words = student.words_of(samples)
    args = student, inputs, samples, words, [.5]
    limited = candidate_logits(*args, Shrinker(max_long_edge=40))
    expected = candidate_logits(*args[:-1], [.25])
    torch.testing.assert_close(limited, expected, atol=1e-4, rtol=1e-4)
    assert not torch.allclose(candidate_logits(*args, Shrinker(antialias=True)),
                              candidate_logits(*args), atol=1e-4)


def test_annotations_and_pixels_stay(student):
    inputs, samples = prepared(student)
    before = inputs.clone(), contents(samples)
    candidate_logits(student, inputs, samples, student.words_of(samples), SCALES)
    assert torch.equal(inputs, before[0])
    assert contents(samples) == before[1]


def test_evaluating_gives_every_module_its_own_mode_back(student):
    model = copy.deepcopy(student).train()
    model.detector.backbone.eval()
    model.recognizer.backbone.cnn.training = False  # this module alone
    modes = [module.training for module in model.modules()]
    assert len(set(modes)) == 2
    before = state(model)
    with evaluating(model):
        assert not any(module.training for module in model.modules())
        read(model)
    assert [module.training for module in model.modules()] == modes
    assert same(before, state(model))


def test_modes_come_back_after_a_failure(student):
    model = copy.deepcopy(student).train()
    with pytest.raises(ZeroDivisionError), evaluating(model):
        raise ZeroDivisionError
    assert all(module.training for module in model.modules())


def test_no_weight_cast_without_gradient_is_left_to_the_training_pass(student, monkeypatch):
    """PyTorch up to 2.9 would take it from autocast's cache, and train nothing."""
    order = []
    with torch.autocast('cpu', torch.bfloat16):
        monkeypatch.setattr(torch, 'clear_autocast_cache', lambda: order.append('cleared'))
        with evaluating(student):
            read(student)
            order.append('read')
        assert order[-1] == 'cleared'


def test_in_training_mode_statistics_would_move(student):
    """What the official code does, and why evaluating() is needed."""
    model = copy.deepcopy(student).train()
    before = state(model)
    read(model)
    assert not same(before, state(model))
