"""Making labels fit a dictionary, by a policy that is written down."""
from __future__ import annotations

from typing import Any, Callable

from mmcv.transforms import BaseTransform
from mmocr.registry import TASK_UTILS, TRANSFORMS

_CASES: dict[str, Callable[[str], str]] = {'unchanged': str, 'lower': str.lower, 'upper': str.upper}
_OOV = ('drop', 'remove', 'null', 'error')


@TRANSFORMS.register_module()
class FilterRecogText(BaseTransform):
    """Change the letter case of a label and decide what to do if it still does not fit.

    MMOCR's dictionaries raise on a character they do not know, and its decoders cut words that
    are too long without a word. Stands behind ``LoadOCRAnnotations(with_text=True)``.

    Dropping a sample means that the data set draws another one, which only training data sets can
    do: with ``test_mode=True`` MMEngine raises. For tests use ``oov='remove'``, ``empty='keep'``
    and ``max_length=None``, or leave this transform out: MMOCR's ``WordMetric`` ignores case and
    symbols itself.

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
        self.change_case = _CASES[letter_case]
        self.oov = oov
        self.null_char = _checked_null(null_char, self.charset) if oov == 'null' else ''
        self.max_length = max_length
        self.empty = empty

    def transform(self, results: dict[str, Any]) -> dict[str, Any] | None:
        """Filter ``results['gt_texts']``.

        Returns:
            The results, or None if the sample is dropped.

        Raises:
            KeyError: If there are no texts yet.
            ValueError: If a character is not in the charset and ``oov='error'``.
        """
        if 'gt_texts' not in results:
            raise KeyError("FilterRecogText finds no 'gt_texts': put "
                           "dict(type='LoadOCRAnnotations', with_text=True) in front of it")
        texts = [self._fitted(text, results) for text in results['gt_texts']]
        if None in texts:
            return None
        results['gt_texts'] = texts
        return results

    def _fitted(self, text: str, results: dict[str, Any]) -> str | None:
        text = self.change_case(text)
        unknown = set() if self.charset is None else set(text) - self.charset
        if unknown:
            if self.oov == 'error':
                raise ValueError(f'the label {text!r} of {results.get("img_path")!r} has '
                                 f'characters that are not in the charset: {sorted(unknown)}')
            if self.oov == 'drop':
                return None
            text = ''.join(self.null_char if char in unknown else char for char in text)
        too_long = self.max_length is not None and len(text) > self.max_length
        return None if too_long or (not text and self.empty == 'drop') else text


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
