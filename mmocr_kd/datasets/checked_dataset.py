"""MMOCR's data sets, with what is wrong with their files found and told before training starts."""
from __future__ import annotations

import json
import logging
import os
from collections import defaultdict
from typing import Any, Iterable

from mmengine.dataset import BaseDataset
from mmengine.logging import print_log
from mmocr.datasets import OCRDataset, RecogTextDataset
from mmocr.registry import DATASETS

from .texts import as_text

_SHOWN = 5
_LOOKED_UP = 1000


class CheckedDataset(BaseDataset):
    """Base of data sets that look at their files and labels when they are read.

    - Missing files are an error that says where they come from. Of the images, up to 1,000,
      spread over the data set, are looked up.
    - Labels are text: see :func:`~mmocr_kd.datasets.texts.as_text`.
    - What a ``FilterRecogText`` of the pipeline would drop is dropped here, reported once with
      numbers and examples, and not counted by ``len()``. It judges the labels as they stand in the
      file: transforms of your own that change labels belong behind it. ``indices`` counts before.

    Args:
        source: Where the files come from, a command or a place; for the message about missing ones.
        **kwargs: As in :class:`mmengine.dataset.BaseDataset`.

    Raises:
        FileNotFoundError: If a file is missing.
        ValueError: If the annotation file cannot be decoded, a label is missing where the pipeline
            wants labels, none is left, or one would be dropped in test mode.
    """

    _fitted_to: Any = None

    def __init__(self, *args: Any, source: str = '', **kwargs: Any) -> None:
        self.source = source
        super().__init__(*args, **kwargs)

    @property
    def place(self) -> str:
        """What messages call this data set."""
        return f'{type(self).__name__} {self.ann_file!r}'

    def full_init(self) -> None:
        """Read the annotations, and apply the label policy of the pipeline.

        ``ConcatDataset`` gives its parts its pipeline, then calls this a second time.
        """
        if not self._fully_initialized:
            self._require_files([self.ann_file])
            self._read()
        if self._fitted_to is not self.pipeline:
            self._fitted_to = self.pipeline
            self._fit_labels()

    def _read(self) -> None:
        try:
            super().full_init()
        except UnicodeDecodeError as error:
            line = bytes(error.object[:error.start]).count(b'\n') + 1
            raise ValueError(f'{self.ann_file!r}, line {line}, is not UTF-8: {error}. Convert it, '
                             'for example: iconv -f gb18030 -t utf-8') from error
        except json.JSONDecodeError as error:
            raise ValueError(f'{self.ann_file!r} is no JSON, or cut off: {error}') from error

    def filter_data(self) -> list[dict[str, Any]]:
        """MMOCR's filter, after a look at labels and images."""
        for sample in self.data_list:
            for word in sample.get('instances', ()):
                if word.get('text') is not None:
                    word['text'] = as_text(word['text'], _name(sample))
        stride = max(1, len(self.data_list) // _LOOKED_UP)
        self._require_files(sample.get('img_path', '') for sample in self.data_list[::stride])
        return super().filter_data()

    def _require_files(self, paths: Iterable[str]) -> None:
        for path in paths:
            if path and '://' not in path and not os.path.exists(path):
                hint = f'It comes from: {self.source}' if self.source else (
                    'docs/data.md says where data sets come from')
                raise FileNotFoundError(f'{path!r} of {self.place} is missing. {hint}. Or check '
                                        'data_root, ann_file and data_prefix')

    def _fit_labels(self) -> None:
        """Leave out what the pipeline would drop, and say so."""
        steps = self.pipeline.transforms
        filters = [step for step in steps if hasattr(step, 'fit')]
        if not filters and not any(getattr(step, 'with_text', False) for step in steps):
            return
        kept: list[int] = []
        dropped: dict[str, list[str]] = defaultdict(list)
        for index in range(len(self)):
            sample = self.get_data_info(index)
            if unfit := _unfit(sample, filters):
                text, why = unfit
                dropped[why].append(text)
            else:
                kept.append(index)
        if dropped:
            self._report(filters, dropped, len(kept))
            self.get_subset_(kept)

    def _report(self, filters: list[Any], dropped: dict[str, list[str]], left: int) -> None:
        number = sum(map(len, dropped.values()))
        reasons = '; '.join(f'{len(texts)} {why}, such as {texts[:_SHOWN]}'
                            for why, texts in dropped.items())
        message = (f'{" and ".join(map(repr, filters))} drops {number} of {number + left} labels '
                   f'({number / (number + left):.1%}) of {self.place}: {reasons}')
        if self.test_mode:
            raise ValueError(f'{message}. A score without them would be about another test set: '
                             "use oov='remove', empty='keep', max_length=None, or leave the step "
                             'out')
        if not left:
            raise ValueError(f'{message}. Nothing is left to train with: do letter_case and '
                             'charset or dictionary suit these labels?')
        print_log(f'{message}. {left} are left', 'current', logging.WARNING)


@DATASETS.register_module()
class CheckedOCRDataset(CheckedDataset, OCRDataset):
    """MMOCR's ``OCRDataset`` (JSON), checked: see :class:`CheckedDataset`."""


@DATASETS.register_module()
class CheckedRecogTextDataset(CheckedDataset, RecogTextDataset):
    """MMOCR's ``RecogTextDataset`` (text or JSON lines), checked: see :class:`CheckedDataset`."""


def _name(sample: dict[str, Any]) -> str:
    return str(sample.get('img_path', sample.get('img_key')))


def _unfit(sample: dict[str, Any], filters: list[Any]) -> tuple[str, str] | None:
    """The first label of a sample that a filter drops, and why; None if all fit."""
    name = _name(sample)
    for word in sample['instances']:
        if word.get('text') is None and word.get('ignore') and not filters:
            continue
        label = text = as_text(word.get('text'), name)
        for step in filters:
            text, why = step.fit(text, name)
            if text is None:
                return label, why
    return None
