"""Edit distance in which sure characters are dear to change."""
from __future__ import annotations

from typing import Sequence

import numpy as np


def weighted_distances(text: str, confidences: Sequence[float],
                       words: Sequence[str]) -> np.ndarray:
    """Distance of a reading from words, where each edit costs what the reader was sure of.

    Removing or replacing a character costs its confidence; inserting one costs the mean confidence
    of its neighbours (of the one, at either end). With all confidences 1 it is Levenshtein's.

    The idea is Mask TextSpotter's weighted edit distance (Liao et al., TPAMI 2019), which also
    asks how probable the replacing character was. MMOCR's recognisers report one confidence per
    character and not those of the others, so here all replacements of a character cost the same.

    Args:
        text: The reading, at least one character.
        confidences: One per character, from 0 to 1.
        words: W words to compare with.

    Returns:
        Distances, shape (W,).
    """
    removal = np.asarray(confidences, dtype=float)
    insertion = np.concatenate([removal[:1], (removal[1:] + removal[:-1]) / 2, removal[-1:]])
    codes, lengths = _codes(words)
    steps = np.arange(codes.shape[1] + 1)
    distances = np.tile(insertion[0] * steps, (len(words), 1))  # of all prefixes from ''
    for character, cost, gap in zip(text, removal, insertion[1:]):
        following = distances + cost
        replaced = distances[:, :-1] + cost * (codes != ord(character))
        np.minimum(following[:, 1:], replaced, out=following[:, 1:])
        # Any number of insertions: the running minimum after their cost is taken off.
        distances = np.minimum.accumulate(following - gap * steps, axis=1) + gap * steps
    return distances[np.arange(len(words)), lengths].round(9)  # equal costs stay equal


def _codes(words: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """Code points of words, padded with -1, shape (W, L), and their lengths, shape (W,)."""
    lengths = np.array([len(word) for word in words], dtype=int)
    codes = np.full((len(words), lengths.max(initial=0)), -1)
    for row, word in zip(codes, words):
        row[:len(word)] = [ord(character) for character in word]
    return codes, lengths
