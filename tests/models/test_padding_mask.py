"""Padding is masked as MMOCR masks it, whatever the width."""
import torch
from hypothesis import given
from hypothesis import strategies as st
from mmocr.models.textrecog.encoders import NRTREncoder

from mmocr_kd.models.padding_mask import padding_mask

RATIOS = st.lists(st.integers(1, 160).map(lambda width: width / 160), min_size=1, max_size=4)


@given(ratios=RATIOS, steps=st.integers(1, 60))
def test_as_mmocr_does(ratios, steps):
    features = torch.zeros(len(ratios), steps, 1)
    theirs = NRTREncoder._get_source_mask(None, features, ratios)
    for given_ in (ratios, [torch.tensor(ratios, dtype=torch.double)]):
        assert torch.equal(padding_mask(features, steps, given_), theirs)
