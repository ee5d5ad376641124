"""Texts from probabilities: those of MMOCR's postprocessors."""
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from mmocr.models.common.dictionary import Dictionary
from mmocr.models.textrecog.postprocessors import AttentionPostprocessor, CTCPostProcessor
from mmocr.structures import TextRecogDataSample

from mmocr_kd.apis.export.description import _decoder
from mmocr_kd.reader.recognition import decode


@pytest.fixture(scope='module')
def dictionary(tmp_path_factory):
    path = tmp_path_factory.mktemp('letters') / 'letters.txt'
    path.write_text('a\nb\nü')
    return Dictionary(str(path), with_padding=True, with_unknown=True, with_start=True,
                      with_end=True)


@pytest.mark.parametrize('kind', [CTCPostProcessor, AttentionPostprocessor])
@pytest.mark.parametrize('ignored', [[], ['padding'], ['padding', 'unknown', 'a'], ['end']])
@settings(max_examples=25)
@given(best=st.lists(st.integers(0, 6), min_size=1, max_size=12), ratio=st.floats(0., 1.))
def test_reads_as_mmocr(dictionary, kind, ignored, best, ratio):
    postprocessor = kind(dictionary, ignore_chars=ignored)
    probs = np.random.default_rng(0).dirichlet(np.ones(7), len(best)).astype(np.float32)
    probs[np.arange(len(best)), best] += 1
    sample = TextRecogDataSample(metainfo={'valid_ratio': ratio})
    theirs = postprocessor(torch.from_numpy(probs)[None], [sample])[0].pred_text
    text, sure = decode(probs, _decoder(postprocessor), ratio)
    assert text == theirs.item
    assert sure == pytest.approx(np.mean(theirs.score) if theirs.score else 0.)
