"""Orders in which PARSeq learns to read a word, and the attention masks that enforce them.

A word of L characters has L + 2 tokens: 0 is BOS, 1..L are the characters, L + 1 is EOS. An order
lists them as they are read: a token may depend on those before it.
"""
from __future__ import annotations

from math import factorial

import torch
from torch import Tensor


def draw_orders(num_chars: int, num_orders: int, mirrored: bool) -> Tensor:
    """Draw distinct reading orders.

    The first is left to right, the second right to left. EOS is read last, when all characters
    are known; only in the second order it is read first, from the image alone, as inference
    without context has to. Words of few characters have fewer orders than asked for. The official
    code has the same orders, but may repeat one for words of more than four characters.

    Args:
        num_chars: Characters L of the longest word in the batch, >= 0.
        num_orders: How many orders, if there are that many, > 0.
        mirrored: Let each order be followed by its reverse; ``num_orders`` is even then.

    Returns:
        Long tensor of shape (P, L + 2) on the CPU; drawn from PyTorch's global generator.
    """
    wanted = min(num_orders, factorial(num_chars))
    forward = tuple(range(num_chars))
    chosen = [forward, forward[::-1]][:wanted]
    while len(chosen) < wanted:
        drawn = tuple(torch.randperm(num_chars).tolist())
        if drawn not in chosen:
            chosen += [drawn, drawn[::-1]] if mirrored else [drawn]
    end = num_chars + 1
    orders = [[0, *(char + 1 for char in chars), end] for chars in chosen]
    if wanted > 1:
        orders[1] = [0, *range(end, 0, -1)]
    return torch.tensor(orders)


def order_masks(orders: Tensor) -> tuple[Tensor, Tensor]:
    """Say what the two streams must not see in each order; True is blocked.

    Args:
        orders: Shape (P, T + 1), as :func:`draw_orders` returns them.

    Returns:
        Two tensors of shape (P, T, T), whose last axis is the context BOS, character 1, ...:
        that of the query stream, whose row t predicts token t + 1 and hides it and what is read
        after it, and that of the content stream, whose row t is token t and hides only the latter.
    """
    place = orders.argsort(1)
    later = place[:, :, None] < place[:, None, :]
    itself = torch.eye(orders.size(1), dtype=torch.bool, device=orders.device)
    return (later | itself)[:, 1:, :-1], later[:, :-1, :-1]


def side_by_side(blocked: Tensor) -> Tensor:
    """Let all orders be read in one pass: none sees the tokens of another.

    Args:
        blocked: Shape (P, T, T).

    Returns:
        Shape (P * T, P * T).
    """
    return ~torch.block_diag(*~blocked)


def causal_mask(length: int, device: torch.device) -> Tensor:
    """Content mask (length, length) of reading left to right; True is blocked."""
    return torch.ones(length, length, dtype=torch.bool, device=device).triu(1)


def cloze_mask(num_queries: int, length: int, device: torch.device) -> Tensor:
    """Query mask (num_queries, length) of refinement: each query sees all but its own token."""
    own = torch.arange(1, num_queries + 1, device=device)
    return own[:, None] == torch.arange(length, device=device)
