"""The order of classes: the official recognisers put the end first, MMOCR puts it last."""
from __future__ import annotations

import string
from typing import Iterable

import torch
from torch import Tensor

# ABINet and MATRN: class 0 is "null", the end; then these
ABINET_CHARACTERS = string.ascii_lowercase + '1234567890'
# MMOCR's dicts/lower_english_digits.txt, after which comes the end
MMOCR_CHARACTERS = string.digits + string.ascii_lowercase


def abinet_order() -> list[int]:
    """Official class of each of MMOCR's 37 classes: 0-9, a-z, end."""
    return [1 + ABINET_CHARACTERS.index(character) for character in MMOCR_CHARACTERS] + [0]


def parseq_order(characters: int) -> list[int]:
    """Official class of each of PARSeq's classes here: the characters, end.

    Args:
        characters: How many there are. Their own order stays.
    """
    return [*range(1, characters + 1), 0]


def reorder(state: dict[str, Tensor], keys: Iterable[str], order: list[int], dim: int = 0) -> None:
    """Put the classes of tensors into another order.

    Args:
        state: Key -> tensor; changed in place.
        keys: Of the tensors.
        order: Old index of each new class.
        dim: Along which dimension the classes lie.
    """
    for key in keys:
        state[key] = state[key].index_select(dim, torch.tensor(order))
