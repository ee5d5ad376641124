"""Correction of a whole image's readings with the lexicon that belongs to the image."""
from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Sequence

from .lexicon import Lexicon
from .lexicon_files import read_lexicon

TOO_FAR = ('drop', 'keep')


class LexiconCorrector:
    """Replace readings by the nearest words of a list.

    Benchmarks publish lists, not how to use them; nearest by edit distance is what spotters do.

    Args:
        path: List of words, one per line. '{stem}' stands for the image's file name without, and
            '{name}' with its suffix: a list for each image, such as ICDAR's strong ones,
            ``voc_{stem}.txt``. Without either it is one list for all: weak, generic, full.
        pairs: List of how words are written, likewise, such as ``pair_voc_{stem}.txt``; see
            :func:`~mmocr_kd.evaluation.lexicon_files.read_pairs`. None: as in the list.
        weighted: Weigh edits by the confidence of each character, see
            :func:`~mmocr_kd.evaluation.edit_distance.weighted_distances`.
        max_distance: Largest distance to correct, >= 0. None corrects everything, as is usual for
            generic lists; 1.5 with ``too_far='drop'`` is usual for strong, weak and full ones.
        too_far: What becomes of readings farther than that: 'drop' takes the prediction out (it is
            no false alarm then), 'keep' leaves it as it was read.

    Raises:
        FileNotFoundError: If a list for all images is missing (one for an image: when it is used).
        ValueError: If a field or a file is not as described.
    """

    def __init__(self, path: str, pairs: str | None = None, weighted: bool = False,
                 max_distance: float | None = None, too_far: str = 'drop') -> None:
        if too_far not in TOO_FAR:
            raise ValueError(f'too_far={too_far!r} is unknown: use one of {TOO_FAR}')
        if max_distance is not None and not max_distance >= 0:
            raise ValueError(f'max_distance={max_distance} must be >= 0, or None: no limit')
        self.path, self.pairs = str(path), None if pairs is None else str(pairs)
        self.weighted = weighted
        self.max_distance = float('inf') if max_distance is None else max_distance
        self.too_far = too_far
        if self.per_image:
            # Neighbouring images may be asked for twice, by two protocols; more is waste.
            self._read = lru_cache(maxsize=2)(read_lexicon)
        else:
            self._read = lru_cache(maxsize=None)(read_lexicon)
            self.lexicon('any')  # fail now, not after an hour of training

    @property
    def per_image(self) -> bool:
        """Whether each image has its own list."""
        return '{stem}' in self.path or '{name}' in self.path

    def lexicon(self, image: str) -> Lexicon:
        """Return the list for an image.

        Args:
            image: Path of the image; only its file name is read.

        Raises:
            FileNotFoundError: If it is missing.
            ValueError: If it is not a list of words.
        """
        words = _fill(self.path, image)
        return self._read(words, None if self.pairs is None else _fill(self.pairs, image))

    def correct(self, image: str, texts: Sequence[str],
                confidences: Sequence[Sequence[float]] | None = None) -> list[str | None]:
        """Correct the readings of an image.

        Args:
            image: Its path.
            texts: P readings. Empty ones stay empty.
            confidences: Of the characters of each reading; needed if ``weighted``.

        Returns:
            P corrected readings; None for a prediction that is taken out.

        Raises:
            FileNotFoundError: If the image's list is missing.
            ValueError: If that list is malformed, or confidences are needed and do not fit.
        """
        if not texts:
            return []
        lexicon = self.lexicon(image)
        weights = _check_confidences(texts, confidences) if self.weighted else [None] * len(texts)
        return [self._correct(lexicon, *reading) for reading in zip(texts, weights)]

    def _correct(self, lexicon: Lexicon, text: str,
                 confidences: Sequence[float] | None) -> str | None:
        if not text:
            return text
        word, distance = lexicon.nearest(text, confidences)
        if distance <= self.max_distance:
            return word
        return text if self.too_far == 'keep' else None


def _fill(template: str, image: str) -> Path:
    path = Path(image)
    return Path(template.replace('{stem}', path.stem).replace('{name}', path.name))


def _check_confidences(texts: Sequence[str], confidences: Sequence[Sequence[float]] | None
                       ) -> Sequence[Sequence[float]]:
    if confidences is None:
        raise ValueError('weighted=True needs pred_instances.char_scores, the confidences of the '
                         'characters of each text: let the model predict them, or use '
                         'weighted=False')
    for text, scores in zip(texts, confidences):
        if len(text) != len(scores):
            raise ValueError(f'char_scores={list(scores)} are {len(scores)} confidences for the '
                             f'{len(text)} characters of {text!r}: expected one each')
    return confidences
