import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmocr_kd.datasets.words.holdout import Holdout

FIELDS = st.builds(Holdout, st.floats(0.01, 0.99), st.integers(1, 50), st.integers(0, 99))


@given(FIELDS, st.integers(100, 500))
def test_splits_are_disjoint_complete_and_of_whole_blocks(holdout, count):
    train, val = (holdout.numbers(count, split) for split in ('train', 'val'))
    assert sorted(train + val) == list(range(count)) and train and val
    assert not {i // holdout.block for i in train} & {i // holdout.block for i in val}
    blocks = -(-count // holdout.block)
    aside = len({i // holdout.block for i in val})
    assert abs(aside - holdout.share * blocks) <= 1


def test_the_draw_is_pinned():
    """Another draw would make results incomparable."""
    val = Holdout().numbers(4468, 'val')
    assert sorted({i // 100 for i in val}) == [2, 16, 24, 26, 31, 32]
    assert len(val) == 600
    assert Holdout(seed=1).numbers(4468, 'val') != val


@pytest.mark.parametrize('fields, words', [
    (dict(share=0), 'share=0'), (dict(share=1), 'share=1'), (dict(block=0), 'block=0')])
def test_bad_fields_are_named(fields, words):
    with pytest.raises(ValueError, match=words):
        Holdout(**fields)


def test_a_single_block_cannot_be_split():
    with pytest.raises(ValueError, match='block=100.*60 records'):
        Holdout().numbers(60, 'val')
