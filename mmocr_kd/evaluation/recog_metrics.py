"""MMOCR's metrics of recognisers, counting as the benchmarks do."""
from __future__ import annotations

import logging
from typing import Any, Sequence

from mmengine.logging import print_log
from mmocr.evaluation import CharMetric, WordMetric
from mmocr.registry import METRICS

from ..datasets.texts import as_text

# MMOCR's '[^A-Z^a-z^0-9^\u4e00-\u9fa5]' means to be this, but lists '^' among what counts.
VALID_SYMBOL = '[^A-Za-z0-9\u4e00-\u9fa5]'


class _CheckedTexts:
    """Looks at the texts of samples before a metric of MMOCR does."""

    valid_symbol: Any
    _told = False

    def process(self, data_batch: Sequence[dict], data_samples: Sequence[dict]) -> None:
        """As MMOCR's, of samples whose texts were looked at.

        Args:
            data_batch: Not used.
            data_samples: Samples with ``gt_text`` and ``pred_text``.

        Raises:
            ValueError: If a sample lacks one, or a label is no text.
        """
        samples = [_checked(sample) for sample in data_samples]
        for sample in samples:
            self._look_at(sample['gt_text']['item'])
        super().process(data_batch, samples)  # type: ignore[misc]

    def _look_at(self, label: str) -> None:
        """Two words of which nothing counts are equal, whatever they are: say so once."""
        if not self._told and any(map(str.isalnum, label)) and not self.valid_symbol.sub('', label):
            self._told = True
            print_log(f'{type(self).__name__} leaves nothing of the label {label!r}, so every '
                      'reading of which nothing is left either counts as right: set valid_symbol '
                      'to what matches the characters that do not count', 'current',
                      logging.WARNING)


@METRICS.register_module()
class CheckedWordMetric(_CheckedTexts, WordMetric):
    """MMOCR's ``WordMetric``, in which ``^`` is a symbol and missing labels are explained.

    'ignore_case_symbol' is what the benchmarks and KD-LTR's official code count: lower-cased,
    digits and Latin letters only (and Chinese characters, which the benchmarks do not have). In
    MMOCR's, 'a^b' and 'ab' are different words.

    Args:
        mode: As in MMOCR.
        valid_symbol: What to ignore, a regular expression.
        **kwargs: ``collect_device`` and ``prefix``, as in MMOCR.
    """

    def __init__(self, mode: str | Sequence[str] = 'ignore_case_symbol',
                 valid_symbol: str = VALID_SYMBOL, **kwargs: Any) -> None:
        super().__init__(mode=mode, valid_symbol=valid_symbol, **kwargs)


@METRICS.register_module()
class CheckedCharMetric(_CheckedTexts, CharMetric):
    """MMOCR's ``CharMetric``, in which ``^`` is a symbol and missing labels are explained.

    Args:
        valid_symbol: What to ignore, a regular expression.
        **kwargs: ``collect_device`` and ``prefix``, as in MMOCR.
    """

    def __init__(self, valid_symbol: str = VALID_SYMBOL, **kwargs: Any) -> None:
        super().__init__(valid_symbol=valid_symbol, **kwargs)


def _checked(sample: dict) -> dict:
    name = sample.get('img_path')
    for field, hint in (('gt_text', "the data set has no labels, or the test pipeline lacks "
                         "dict(type='LoadOCRAnnotations', with_text=True)"),
                        ('pred_text', 'is the model a recogniser?')):
        if (sample.get(field) or {}).get('item') is None:
            raise ValueError(f'{name!r} has no {field}: {hint}')
    label = as_text(sample['gt_text']['item'], name)
    return {**sample, 'gt_text': {**sample['gt_text'], 'item': label}}
