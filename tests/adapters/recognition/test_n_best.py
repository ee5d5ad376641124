"""What a recogniser says it may have read is what it finds probable."""
import itertools
import math

import pytest
import tiny_matrn
import tiny_parseq
import tiny_recog
import torch
from mmocr.registry import MODELS

from mmocr_kd.adapters.recognition import Scorer, Speller, listen
from mmocr_kd.adapters.recognition.n_best import n_best


def contrast(model, factor=30.):
    """Images and letters matter, and words end."""
    end = model.decoder.dictionary.end_idx
    with torch.no_grad():
        for name, parameter in model.decoder.named_parameters():
            if parameter.dim() > 1 and 'norm' not in name:
                parameter.normal_(std=factor**.5 * parameter.shape[-1]**-.5)
            if end is not None and parameter.shape == (end + 1, ):
                parameter[end] += 2 * factor**.5
    return model.eval()


def rescored(model, images, samples, readings):
    """Scores of the same texts, one word and text at a time."""
    scores = []
    for image, sample, reading in zip(images, samples, readings):
        with torch.no_grad(), listen(model.decoder) as inputs:
            output = model(image[None], [sample], mode='tensor')
            for text, _ in reading:
                told = Speller(model.decoder)([[(text, 0.)]])
                scores.append(Scorer(model.decoder, output.log(), inputs, [sample])(told).item())
    return scores


def models(folder):
    parseq = contrast(MODELS.build(tiny_parseq.recognizer_cfg(folder)), 2.)
    yield 'parseq', parseq, torch.rand(3, 3, 8, 32)
    yield 'abinet', contrast(MODELS.build(tiny_recog.abinet_cfg())), torch.rand(3, 3, 16, 64)
    yield 'matrn', contrast(MODELS.build(tiny_matrn.matrn_cfg())), torch.rand(3, 3, 16, 32)


def test_readings_are_distinct_sorted_and_scored_exactly(tmp_path):
    for name, model, images in models(tmp_path):
        samples = [tiny_recog.sample('a', valid_ratio=ratio) for ratio in (1., .5, .8)]
        readings = n_best(model, images, samples, 4)
        assert any(len(reading) > 1 for reading in readings), name
        for reading in readings:
            texts, scores = [text for text, _ in reading], [p for _, p in reading]
            assert len(set(texts)) == len(texts) <= 4
            assert scores == sorted(scores, reverse=True) and sum(map(math.exp, scores)) < 1 + 1e-4
        expected = rescored(model, images, samples, readings)
        found = [p for reading in readings for _, p in reading]
        assert found == pytest.approx(expected, abs=1e-3), name


def test_best_texts_of_a_decoder_that_reads_all_at_once():
    """Against all texts of at most two of three characters."""
    model = contrast(MODELS.build(tiny_recog.abinet_cfg()))
    decoder = model.decoder
    probs = torch.rand(2, 26, 37)
    probs[:, :, 3:36] = 0
    probs[:, 2, :3] = 0  # what is not over by then cannot be
    probs /= probs.sum(2, keepdim=True)
    model.forward = lambda *args, **kwargs: probs
    readings = n_best(model, None, [tiny_recog.sample('a')] * 2, 5)
    for steps, reading in zip(probs, readings):
        every = {}
        for length in range(3):
            for classes in itertools.product(range(3), repeat=length):
                chosen = [*classes, decoder.dictionary.end_idx]
                p = steps[range(length + 1), chosen].prod().item()
                every[decoder.dictionary.idx2str(list(classes))] = p
        best = sorted(every, key=every.get, reverse=True)[:5]
        assert [text for text, _ in reading] == best
        assert [math.exp(p) for _, p in reading] == pytest.approx([every[text] for text in best])


def test_ctc(tmp_path):
    model = contrast(MODELS.build(tiny_recog.crnn_cfg()), 4.)
    samples = [tiny_recog.sample('a'), tiny_recog.sample('a', valid_ratio=.25)]
    images = torch.randn(2, 1, 16, 50)
    long, short = n_best(model, images, samples, 3)
    assert [len(long), len(short)] == [3, 3]
    assert max(len(text) for text, _ in short) <= 4 * 2 < max(len(text) for text, _ in long)
    expected = rescored(model, images, samples, [long, short])
    found = [p for reading in (long, short) for _, p in reading]
    # The search misses some paths.
    assert all(0 <= more - less + 1e-4 for less, more in zip(found, expected))
    (greedy, ) = n_best(model, images[:1], samples[:1], 1)
    assert greedy[0][0] == long[0][0]
