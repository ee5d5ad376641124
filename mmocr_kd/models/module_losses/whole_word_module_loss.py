"""Targets of decoders that have a step for each character and one for the end token."""
from __future__ import annotations

from typing import Any, Sequence

import torch
from mmocr.models.common.dictionary import Dictionary
from mmocr.models.textrecog.module_losses.base import BaseTextRecogModuleLoss
from mmocr.structures import TextRecogDataSample
from torch import Tensor


class WholeWordModuleLoss(BaseTextRecogModuleLoss):
    """Base of losses whose targets are ``max_seq_len + 2`` classes: start, word, end, padding.

    MMOCR's have ``max_seq_len``, tokens included, so that long words lose their end.

    Args:
        dictionary: With an end token.
        max_seq_len: Most characters of a word. Longer labels are cut to that length and still end
            with the end token (our choice).
        letter_case: 'unchanged', 'lower' or 'upper': what is done to labels first.

    Attributes:
        start_idx: Class of the start token, the dictionary's unless a subclass says otherwise.
        pad_idx: Class of the padding, likewise.
    """

    def __init__(self, dictionary: dict[str, Any] | Dictionary, max_seq_len: int,
                 letter_case: str) -> None:
        super().__init__(dictionary, max_seq_len, letter_case, pad_with='none')
        self.start_idx, self.pad_idx = self.dictionary.start_idx, self.dictionary.padding_idx

    def get_targets(self, data_samples: Sequence[TextRecogDataSample]
                    ) -> Sequence[TextRecogDataSample]:
        """Add targets to the samples that have none yet.

        Args:
            data_samples: Samples with ``gt_text.item``.

        Returns:
            The same samples with ``gt_text.indexes`` (classes of at most ``max_seq_len``
            characters) and ``gt_text.padded_indexes`` (start, those, end, padding: always
            ``max_seq_len + 2`` entries).
        """
        for sample in data_samples:
            if not sample.get('have_target', False):
                indexes = self._indexes(sample.gt_text.item)
                sample.gt_text.indexes = indexes
                sample.gt_text.padded_indexes = self._padded(indexes)
                sample.set_metainfo(dict(have_target=True))
        return data_samples

    def _indexes(self, text: str) -> Tensor:
        if self.letter_case != 'unchanged':
            text = getattr(text, self.letter_case)()
        return torch.tensor(self.dictionary.str2idx(text)[:self.max_seq_len], dtype=torch.long)

    def _padded(self, indexes: Tensor) -> Tensor:
        padded = torch.full((self.max_seq_len + 2, ), self.pad_idx)
        padded[0] = self.start_idx
        padded[1:len(indexes) + 1] = indexes
        padded[len(indexes) + 1] = self.dictionary.end_idx
        return padded
