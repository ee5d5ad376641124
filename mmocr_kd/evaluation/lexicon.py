"""A list of words that readings are corrected with."""
from __future__ import annotations

from typing import Sequence

import numpy as np
from rapidfuzz.distance import Levenshtein
from rapidfuzz.process import cdist

from .edit_distance import weighted_distances

# Words at most this much farther than the nearest are weighed, as Mask TextSpotter does.
_SHORTLIST_SLACK = 2


class Lexicon:
    """Words, and the nearest one to a reading, whatever the case of the letters.

    Args:
        words: At least one. Of equally near words the first is taken.
        written: What each word is replaced by, such as 'Don't' for 'DONT'; see
            :func:`~mmocr_kd.evaluation.lexicon_files.read_pairs`. None: the words themselves.
    """

    def __init__(self, words: Sequence[str], written: Sequence[str] | None = None) -> None:
        self.written = list(words if written is None else written)
        self._words = [word.upper() for word in words]
        self._index = {word: i for i, word in reversed(list(enumerate(self._words)))}

    def __len__(self) -> int:
        return len(self._words)

    def nearest(self, text: str, confidences: Sequence[float] | None = None) -> tuple[str, float]:
        """Find the nearest word.

        Args:
            text: A reading, at least one character.
            confidences: Of its characters, from 0 to 1: weighs the edits, see
                :func:`~mmocr_kd.evaluation.edit_distance.weighted_distances`; considered are words
                at most two plain edits farther than the nearest. None: plain edit distance.

        Returns:
            The word as it is to be written, and its distance from the reading.
        """
        text = text.upper()
        if text in self._index:
            return self.written[self._index[text]], 0.0
        distances = cdist([text], self._words, scorer=Levenshtein.distance, dtype=np.uint16)[0]
        shortlist = np.array([distances.argmin()])
        if confidences is not None:
            # Casting up keeps 65535 + 2 from wrapping around.
            shortlist = np.flatnonzero(distances <= int(distances.min()) + _SHORTLIST_SLACK)
            distances = weighted_distances(text, confidences, [self._words[i] for i in shortlist])
            return self._best(shortlist, distances)
        return self._best(shortlist, distances[shortlist])

    def _best(self, indices: np.ndarray, distances: np.ndarray) -> tuple[str, float]:
        best = distances.argmin()
        return self.written[indices[best]], float(distances[best])
