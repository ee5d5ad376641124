"""Reading orders are distinct permutations; masks hide what comes later, and nothing else."""
import itertools
import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from mmocr_kd.models.decoders.parseq_orders import (
    causal_mask,
    cloze_mask,
    draw_orders,
    order_masks,
    side_by_side,
)

CPU = torch.device('cpu')


@pytest.mark.parametrize('mirrored', [True, False])
@pytest.mark.parametrize('chars, count', [(0, 1), (1, 1), (2, 2), (3, 6), (4, 6), (5, 6), (25, 6)])
def test_as_many_distinct_orders_as_there_are(chars, count, mirrored):
    for _ in range(20):
        orders = draw_orders(chars, 6, mirrored)
        assert orders.shape == (count, chars + 2)
        assert len({tuple(order) for order in orders.tolist()}) == count
        # Characters alone are distinct too: EOS does not make two orders out of one.
        assert len({tuple(t for t in order if t <= chars) for order in orders.tolist()}) == count


@given(st.integers(0, 12), st.integers(1, 12), st.booleans())
def test_what_an_order_is(chars, pairs, mirrored):
    orders = draw_orders(chars, 2 * pairs if mirrored else pairs, mirrored).tolist()
    assert all(order[0] == 0 and sorted(order) == list(range(chars + 2)) for order in orders)
    assert orders[0] == list(range(chars + 2))
    if len(orders) > 1:
        assert orders[1] == [0, *range(chars + 1, 0, -1)]  # the end token from the image alone
    assert all(order[-1] == chars + 1 for order in orders[2:])


@given(st.integers(2, 12))
def test_mirrored_orders_come_in_pairs(chars):
    characters = [[t for t in order if 0 < t <= chars] for order in
                  draw_orders(chars, 6, True).tolist()]
    assert all(a == b[::-1] for a, b in zip(characters[::2], characters[1::2]))


def test_every_order_is_drawn_equally_often():
    drawn = [tuple(draw_orders(4, 3, False)[2].tolist()) for _ in range(2200)]
    counts = {order: drawn.count(order) for order in set(drawn)}
    assert len(counts) == math.factorial(4) - 2
    assert 55 < min(counts.values()) and max(counts.values()) < 155  # 100 expected, 5.5 sigma


def test_orders_follow_the_global_seed():
    torch.manual_seed(3)
    first = draw_orders(20, 6, True)
    assert not torch.equal(first, draw_orders(20, 6, True))
    torch.manual_seed(3)
    assert torch.equal(first, draw_orders(20, 6, True))


@given(st.permutations(range(1, 7)))
def test_masks_block_exactly_what_is_read_later_and_the_token_itself(characters):
    order = [0, *characters]
    (query,), (content,) = order_masks(torch.tensor([order]))
    for (row, token), context in itertools.product(enumerate(range(1, 7)), range(6)):
        assert query[row, context] == (order.index(context) >= order.index(token))
    for token, context in itertools.product(range(6), range(6)):
        assert content[token, context] == (order.index(context) > order.index(token))


def test_forward_order_is_the_causal_mask():
    query, content = order_masks(draw_orders(5, 1, False))
    assert torch.equal(query[0], causal_mask(6, CPU))
    assert torch.equal(content[0], causal_mask(6, CPU))


def test_second_order_reads_the_end_from_nothing():
    query, _ = order_masks(draw_orders(5, 2, True))
    assert query[1, -1].tolist() == [False] + [True] * 5
    assert not query[1, 0, 2:].any() and query[1, 0, 1]


def test_cloze_mask_hides_the_own_token_only():
    mask = cloze_mask(5, 4, CPU)
    assert mask.nonzero().tolist() == [[0, 1], [1, 2], [2, 3]]


def test_orders_side_by_side_do_not_see_each_other():
    masks, _ = order_masks(draw_orders(3, 6, True))
    joined = side_by_side(masks)
    for a, b in itertools.product(range(6), range(6)):
        block = joined[4 * a:4 * a + 4, 4 * b:4 * b + 4]
        assert torch.equal(block, masks[a]) if a == b else block.all()
