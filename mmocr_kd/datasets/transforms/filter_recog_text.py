"""Making labels fit a dictionary, by a policy that is written down."""
from __future__ import annotations

import logging
from typing import Any, Callable

from mmcv.transforms import BaseTransform
from mmengine.logging import print_log
from mmocr.registry import TASK_UTILS, TRANSFORMS
from torch.utils.data import get_worker_info

from ..texts import as_text

_CASES: dict[str, Callable[[str], str]] = {'unchanged': str, 'lower': str.lower, 'upper': str.upper}
_OOV = ('drop', 'remove', 'null', 'error')
# As often as MMEngine's data sets draw another sample before they give up (max_refetch).
_HOPELESS = 1000


@TRANSFORMS.register_module()
class FilterRecogText(BaseTransform):
    """Change the letter case of a label and decide what to do if it still does not fit.

    MMOCR's dictionaries raise on a character they do not know, and its decoders cut words that
    are too long without a word. Stands behind ``LoadOCRAnnotations(with_text=True)``.

    Data sets of this package (:class:`~mmocr_kd.datasets.checked_dataset.CheckedDataset`) ask when
    they are read, say how many samples are dropped and why, and do not count them. MMOCR's own
    keep counting them and draw another sample instead, which is said once, by the first worker.

    A test set must not lose samples, so there dropping is an error. For tests use
    ``oov='remove'``, ``empty='keep'`` and ``max_length=None``, or leave this transform out:
    ``CheckedWordMetric`` ignores case and symbols itself.

    Args:
        dictionary: Config of the model's ``Dictionary``; its single characters are the charset.
        charset: The characters themselves, instead of ``dictionary``. Neither allows all.
        letter_case: 'unchanged', 'lower' or 'upper'; done first.
        oov: What to do with characters that are not in the charset. 'drop' drops the sample (our
            default), 'remove' takes them out ("it's" becomes "its"), 'error' raises. 'null' puts
            ``null_char`` in their place, which with the end token's character is what the official
            code of KD-LTR does: "it's" then teaches an end in the middle of the word.
        null_char: One character that the dictionary knows, for ``oov='null'``.
        max_length: Longer labels are dropped; None allows any. Checked after ``oov``.
        empty: 'drop' or 'keep' labels without a character. Checked after ``oov``.

    Raises:
        TypeError: If both ``dictionary`` and ``charset`` are given.
        ValueError: If a field is out of range.
    """

    def __init__(self,
                 dictionary: dict[str, Any] | None = None,
                 charset: str | None = None,
                 letter_case: str = 'unchanged',
                 oov: str = 'drop',
                 null_char: str | None = None,
                 max_length: int | None = 25,
                 empty: str = 'drop') -> None:
        _require('letter_case', letter_case, tuple(_CASES))
        _require('oov', oov, _OOV)
        _require('empty', empty, ('drop', 'keep'))
        self.charset = _charset(dictionary, charset)
        self.letter_case = letter_case
        self.change_case = _CASES[letter_case]
        self.oov = oov
        self.null_char = _checked_null(null_char, self.charset) if oov == 'null' else ''
        self.max_length = max_length
        self.empty = empty
        self._dropped_in_a_row = 0
        self._told = False

    def transform(self, results: dict[str, Any]) -> dict[str, Any] | None:
        """Filter ``results['gt_texts']``; words without a label (``labelled=False``) go through.

        Returns:
            The results, or None if the sample is dropped.

        Raises:
            KeyError: If there are no texts yet.
            ValueError: If a character is not in the charset and ``oov='error'``, a label is
                missing or no text, or the last 1,000 labels were all dropped.
        """
        if 'gt_texts' not in results:
            raise KeyError("FilterRecogText finds no 'gt_texts': put "
                           "dict(type='LoadOCRAnnotations', with_text=True) in front of it")
        if not results.get('labelled', True):
            return results
        name = results.get('img_path')
        fits = [self.fit(as_text(text, name), name) for text in results['gt_texts']]
        for text, (fitted, why) in zip(results['gt_texts'], fits):
            if fitted is None:
                self._note_dropped(text, why)
                return None
        self._dropped_in_a_row = 0
        results['gt_texts'] = [fitted for fitted, _ in fits]
        return results

    def fit(self, text: str, name: object = None) -> tuple[str | None, str]:
        """Apply the policy to one label.

        Args:
            text: The label.
            name: Path of its image, for messages.

        Returns:
            The label as it is trained with, and ''; or None, and why it is dropped.

        Raises:
            ValueError: If a character is not in the charset and ``oov='error'``.
        """
        text = self.change_case(text)
        unknown = set() if self.charset is None else set(text) - self.charset
        if unknown:
            if self.oov == 'error':
                raise ValueError(f'the label {text!r} of {name!r} has '
                                 f'characters that are not in the charset: {sorted(unknown)}')
            if self.oov == 'drop':
                return None, 'with characters that are not in the charset'
            text = ''.join(self.null_char if char in unknown else char for char in text)
        if self.max_length is not None and len(text) > self.max_length:
            return None, f'longer than {self.max_length}'
        if not text and self.empty == 'drop':
            return None, 'empty'
        return text, ''

    def _note_dropped(self, text: str, why: str) -> None:
        """Say once that samples are dropped, and stop when nothing else happens."""
        self._dropped_in_a_row += 1
        if self._dropped_in_a_row == _HOPELESS:
            raise ValueError(f'{self!r} dropped {_HOPELESS} labels one after the other, the last '
                             f'is {text!r} ({why}): do letter_case and charset or dictionary suit '
                             'these labels?')
        worker = get_worker_info()
        if not self._told and (worker is None or worker.id == 0):
            self._told = True
            print_log(f'{self!r} drops labels, the first is {text!r} ({why}); the data set draws '
                      'others in their place. CheckedOCRDataset, CheckedRecogTextDataset and '
                      'CheckedRecogLMDBDataset say how many, and leave them out of len()',
                      'current', logging.WARNING)

    def __repr__(self) -> str:
        charset = None if self.charset is None else ''.join(sorted(self.charset))
        return (f'{type(self).__name__}(charset={charset!r}, letter_case={self.letter_case!r}, '
                f'oov={self.oov!r}, max_length={self.max_length}, empty={self.empty!r})')


def _charset(dictionary: dict[str, Any] | None, charset: str | None) -> set[str] | None:
    if dictionary is not None and charset is not None:
        raise TypeError('give either dictionary or charset, not both')
    if dictionary is not None:
        # Special tokens such as '<BOS/EOS>' are no characters a label may hold.
        return {char for char in TASK_UTILS.build(dictionary).dict if len(char) == 1}
    return None if charset is None else set(charset)


def _checked_null(char: str | None, charset: set[str] | None) -> str:
    if char is None or len(char) != 1 or (charset is not None and char not in charset):
        raise ValueError(f"null_char={char!r} must be one character of the charset for oov='null'; "
                         'to supervise an end inside words, give the dictionary an end token of '
                         'one character')
    return char


def _require(field: str, value: object, choices: tuple[object, ...]) -> None:
    if value not in choices:
        raise ValueError(f'{field}={value!r} is unknown: use one of {choices}')
