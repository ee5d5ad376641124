"""What a recogniser read: probabilities of characters into texts."""
from __future__ import annotations

import math
from typing import Any, Sequence

import numpy as np

from .cutting import Cut
from .onnx_file import OnnxFile
from .resizing import Prepared, prepare


class Recognizer:
    """Reads words.

    Args:
        file: An exported recogniser.
        batch: How many words it sees at a time, at most. Readings do not depend on it: only words
            that are equally wide for the model share a batch.

    Attributes:
        cut: How words are cut out for it; None: any way.

    Raises:
        ValueError: If it is none.
    """

    def __init__(self, file: OnnxFile, batch: int = 32) -> None:
        file.require('recognition', '--rec')
        self.file, self.batch = file, batch
        self.cut = Cut(file.about['cut']) if 'cut' in file.about else None

    def __call__(self, words: Sequence[np.ndarray]) -> list[tuple[str, float]]:
        """Read words.

        Args:
            words: BGR, uint8, shape (H, W, 3) each, upright; or what :attr:`cut` gave.

        Returns:
            Text of each, and the mean probability of its characters; 0 without any.
        """
        seen = [prepare(word, self.file.about['image']) for word in words]
        by_width: dict[int, list[int]] = {}
        for index, word in enumerate(seen):
            by_width.setdefault(word.pixels.shape[2], []).append(index)
        readings: dict[int, tuple[str, float]] = {}
        for alike in by_width.values():
            for start in range(0, len(alike), self.batch):
                indices = alike[start:start + self.batch]
                readings.update(zip(indices, self._read([seen[index] for index in indices])))
        return [readings[index] for index in range(len(words))]

    def _read(self, seen: list[Prepared]) -> list[tuple[str, float]]:
        ratios = np.array([word.valid_ratio for word in seen])
        probs = self.file(np.stack([word.pixels for word in seen]), ratios)
        return [decode(word, self.file.about['decoder'], ratio)
                for word, ratio in zip(probs, ratios)]


def decode(probs: np.ndarray, decoder: dict[str, Any], valid_ratio: float = 1.
           ) -> tuple[str, float]:
    """The text of one word, by its most probable characters, as MMOCR's postprocessors do.

    Args:
        probs: Of each class at each step, shape (T, C).
        decoder: ``kind`` ('ctc' or 'attention'), ``characters`` of all classes, special ones
            included, ``ignored`` classes, and ``blank`` (CTC) or ``end`` (attention), or None.
        valid_ratio: Share of the width that is no padding: CTC reads no further.

    Returns:
        The text, and the mean probability of its characters; 0 without any.
    """
    best, sure = probs.argmax(1), probs.max(1)
    steps = _ctc if decoder['kind'] == 'ctc' else _attention
    kept = steps(best, decoder, valid_ratio)
    text = ''.join(decoder['characters'][best[step]] for step in kept)
    return text, float(sure[kept].mean()) if kept else 0.


def _ctc(best: np.ndarray, decoder: dict[str, Any], valid_ratio: float) -> list[int]:
    """MMOCR's ``CTCPostProcessor``: repeated classes count once."""
    steps = min(len(best), math.ceil(len(best) * valid_ratio))
    before = [decoder['blank'], *best]
    return [step for step in range(steps)
            if best[step] != before[step] and best[step] not in decoder['ignored']]


def _attention(best: np.ndarray, decoder: dict[str, Any], valid_ratio: float) -> list[int]:
    """MMOCR's ``AttentionPostprocessor``: up to the end."""
    kept = []
    for step, character in enumerate(best):
        if character in decoder['ignored']:
            continue
        if character == decoder['end']:
            break
        kept.append(step)
    return kept
