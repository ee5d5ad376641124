"""PARSeq's targets and its cross-entropy over several reading orders."""
from __future__ import annotations

from typing import Any, Sequence

import torch
import torch.nn.functional as F
from mmocr.models.common.dictionary import Dictionary
from mmocr.registry import MODELS
from mmocr.structures import TextRecogDataSample
from torch import Tensor

from .whole_word_module_loss import WholeWordModuleLoss

# Reading orders that have to predict the end token: one sees the whole word, one none of it.
_ORDERS_WITH_END = 2


@MODELS.register_module()
class PARSeqModuleLoss(WholeWordModuleLoss):
    """Mean cross-entropy over all characters in all reading orders.

    The end token counts in the first two orders only, as in the official code: after them it
    would be read with full context again and again. BOS and padding are the classes
    ``num_classes`` and ``num_classes + 1``; the dictionary does not know them.

    Args:
        dictionary: MMOCR dictionary with ``with_end=True``; the decoder passes its own.
        max_seq_len: Most characters of a word; the decoder passes its own. Longer labels are cut
            to that length and still end with the end token (our choice: PARSeq's own data loader
            drops them, MMOCR's other losses cut off the end token too).
        letter_case: 'unchanged', 'lower' or 'upper': what is done to labels first.

    Raises:
        ValueError: If the dictionary has no end token.
    """

    def __init__(self,
                 dictionary: dict[str, Any] | Dictionary,
                 max_seq_len: int = 25,
                 letter_case: str = 'unchanged') -> None:
        super().__init__(dictionary, max_seq_len, letter_case)
        if self.dictionary.end_idx is None:
            raise ValueError(
                'PARSeqModuleLoss needs a dictionary with an end token: set with_end=True')
        self.start_idx = self.dictionary.num_classes
        self.pad_idx = self.dictionary.num_classes + 1

    def forward(self, outputs: dict[str, list[Tensor]],
                data_samples: Sequence[TextRecogDataSample]) -> dict[str, Tensor]:
        """Compute the loss.

        Args:
            outputs: What :meth:`PARSeqDecoder.forward_train` returned.
            data_samples: Samples that :meth:`get_targets` has seen.

        Returns:
            ``loss_ce``, a scalar.
        """
        logits = torch.stack(outputs['logits'])
        targets = self._targets_of_orders(data_samples, len(logits), logits.size(2))
        return dict(loss_ce=F.cross_entropy(logits.flatten(0, 2),
                                            targets.flatten().to(logits.device, non_blocking=True),
                                            ignore_index=self.pad_idx))

    def _targets_of_orders(self, data_samples: Sequence[TextRecogDataSample], orders: int,
                           length: int) -> Tensor:
        """Targets of each order, shape (P, N, T)."""
        padded = torch.stack([sample.gt_text.padded_indexes for sample in data_samples])
        targets = padded[:, 1:length + 1].repeat(orders, 1, 1)
        later = targets[_ORDERS_WITH_END:]
        later[later == self.dictionary.end_idx] = self.pad_idx
        return targets
