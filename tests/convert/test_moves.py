import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from reference_abinet import ABINet
from reference_matrn import MATRN
from reference_parseq import PARSeq

from mmocr_kd.convert import CONVERTERS, OfficialLayoutError
from mmocr_kd.convert.moves import Moves

STATES = {'abinet': ABINet().state_dict(), 'matrn': MATRN().state_dict(),
          'parseq': PARSeq().state_dict()}
# The only tensor that may be absent: without it the weights are taken for a student's
TELLS_THE_STRIDE = 'layer1.0.downsample.0.weight'


@st.composite
def places(draw):
    """An architecture and one of its official keys."""
    arch = draw(st.sampled_from(sorted(STATES)))
    return arch, draw(st.sampled_from(sorted(STATES[arch])))


@given(places())
@settings(deadline=None, max_examples=60)
def test_any_missing_key_is_named(place):
    arch, key = place
    state = {k: value for k, value in STATES[arch].items() if k != key}
    with pytest.raises(OfficialLayoutError) as caught:
        CONVERTERS[arch](state)
    assert key in str(caught.value) or key.endswith(TELLS_THE_STRIDE)


@given(places(), st.sampled_from(['.more', '_', '.0.weight']))
@settings(deadline=None, max_examples=60)
def test_any_unknown_key_is_named(place, ending):
    arch, key = place
    with pytest.raises(OfficialLayoutError) as caught:
        CONVERTERS[arch]({**STATES[arch], key + ending: torch.zeros(1)})
    assert key + ending in str(caught.value)


@given(places(), st.sampled_from(['flat', 'wider', 'longer', 'scalar']))
@settings(deadline=None, max_examples=100)
def test_any_other_shape_is_refused(place, change):
    arch, key = place
    tensor = STATES[arch][key]
    changed = {'flat': tensor.flatten(), 'wider': tensor[..., None],
               'longer': torch.cat([tensor, tensor]) if tensor.dim() else tensor[None],
               'scalar': torch.tensor(0.)}[change]
    if changed.shape == tensor.shape:
        return
    with pytest.raises(OfficialLayoutError):
        CONVERTERS[arch]({**STATES[arch], key: changed})


def test_long_lists_are_cut():
    moves = Moves({f'key{i}': torch.zeros(1) for i in range(14)}, 'abinet')
    moves.tensor('wanted', 'new', 1)
    with pytest.raises(OfficialLayoutError) as caught:
        moves.finish()
    lines = str(caught.value).splitlines()
    assert lines[1] == '  missing: wanted' and lines[-1] == '  unknown: ... and 4 more'
    assert len(lines) == 13


def test_counts_numbered_children_from_zero_without_gaps():
    keys = ['a.layers.0.w', 'a.layers.1.w', 'a.layers.1.b', 'a.layers.3.w', 'a.layers10.0.w']
    moves = Moves({key: torch.zeros(1) for key in keys}, 'abinet')
    assert moves.count('a.layers') == 2
    with pytest.raises(OfficialLayoutError, match=r'missing: a\.blocks\.0\.\*'):
        moves.count('a.blocks')
