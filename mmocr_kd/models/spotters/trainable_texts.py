"""Which texts a recogniser can be trained on."""
from __future__ import annotations

from typing import Any

from mmocr.models.textrecog.decoders import BaseDecoder

UNKNOWN = ('drop', 'error')


class TrainableTexts:
    """Says of each text whether a recogniser can learn to read it.

    Args:
        decoder: The recogniser's; its dictionary and its loss's letter case count.
        unknown: What becomes of texts with characters outside the dictionary. 'drop' leaves them
            to the detector alone, 'error' stops.
        max_length: Longest text in characters; None for any. Attention decoders cut longer ones
            in MMOCR, and CTC gives an infinite loss if there are fewer frames than it takes
            (unless its ``zero_infinity`` is set).

    Raises:
        ValueError: If a field is out of range, or the decoder has no loss.
    """

    def __init__(self, decoder: BaseDecoder, unknown: str = 'drop',
                 max_length: int | None = None) -> None:
        if unknown not in UNKNOWN:
            raise ValueError(f'unknown={unknown!r} is unknown: use one of {UNKNOWN}')
        if max_length is not None and max_length < 1:
            raise ValueError(f'max_length={max_length} must be at least 1, or None')
        if decoder.module_loss is None:
            raise ValueError("the recogniser's decoder has no module_loss, which encodes its "
                             'texts: add one')
        self.unknown = unknown
        self.max_length = max_length
        self._case = getattr(decoder.module_loss, 'letter_case', 'unchanged')
        self._dictionary = decoder.dictionary

    def __call__(self, text: str, sample: Any) -> bool:
        """Whether to train on a text.

        Args:
            text: Of a word that is not ignored.
            sample: Where it stands, for the message.

        Raises:
            ValueError: If it has characters outside the dictionary and ``unknown='error'``.
        """
        if not text or len(text) > (self.max_length or len(text)):
            return False
        strange = self._strange(text)
        if strange and self.unknown == 'error':
            raise ValueError(
                f'{sample.get("img_path", "a sample")}: the text {text!r} has {strange}, which '
                "the recogniser's dictionary lacks: take another dictionary, or set "
                "texts=dict(unknown='drop')")
        return not strange

    def _strange(self, text: str) -> list[str]:
        dictionary = self._dictionary
        if dictionary.with_unknown:
            return []
        if self._case in ('lower', 'upper'):
            text = getattr(text, self._case)()
        return sorted({char for char in text if char not in dictionary.dict})
